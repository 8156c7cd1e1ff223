/* Finding the message catalogue: the environment, then the build tree, then the installation. */
#include "base/i18n.h"

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ZB_LOCALEDIR
#define ZB_LOCALEDIR "/usr/local/share/locale"
#endif

/* The locale that was asked for, by the rules of setlocale(3). */
static const char *asked_for(void) {
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) return value;
    }
    return "C";
}

const char *i18n_language(void) {
    const char *first = getenv("LANGUAGE"), *locale = asked_for();
    bool none = !strcmp(locale, "C") || !strcmp(locale, "POSIX");
    return !none && first && *first ? first : locale;
}

/* Minimal systems have no zh_CN.UTF-8. gettext asks no more than a locale that is not "C", and LANGUAGE. */
static void chinese_without_locale(void) {
    if (strncmp(asked_for(), "zh", 2) != 0) return;
    setlocale(LC_CTYPE, "C.UTF-8");
    setlocale(LC_MESSAGES, "C.UTF-8");
    setenv("LANGUAGE", "zh_CN", 0);
}

void i18n_init(void) {
    if (!setlocale(LC_ALL, "")) chinese_without_locale();
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
    (void)gettext("not found"); /* the catalogue is read now: a process that confines itself could not do it later */
}
