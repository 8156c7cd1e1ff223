/* Finding the message catalogue: the environment, then the build tree, then the installation. */
#include "base/i18n.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ZB_LOCALEDIR
#define ZB_LOCALEDIR "/usr/local/share/locale"
#endif

void i18n_init(void) {
    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C");
    const char *dir = secure_getenv("ZAIBEI_LOCALEDIR");
    char path[4096];
    if (!dir) {
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
        if (n > 0) {
            path[n] = 0;
            char *slash = strrchr(path, '/');
            if (slash) {
                strcpy(slash, "/../locale");
                if (access(path, R_OK) == 0) dir = path;
            }
        }
    }
    bindtextdomain("zaibei", dir ? dir : ZB_LOCALEDIR);
    bind_textdomain_codeset("zaibei", "UTF-8");
    textdomain("zaibei");
}
