/* Finding the message catalogue: the environment, then the build tree, then the installation. gettext reads it, except
 * where this machine has no locale of the language (catalogue.h). */
#include "base/i18n.h"

#include <libintl.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/catalogue.h"

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

static struct catalogue chinese; /* in use when it has messages */

const char *i18n(const char *text) {
    const char *found = chinese.count ? catalogue_find(&chinese, text) : NULL;
    return found ? found : gettext(text);
}

const char *i18n_count(const char *one, const char *many, unsigned long n) {
    const char *found = chinese.count ? catalogue_find(&chinese, one) : NULL; /* Chinese has one form */
    return found ? found : ngettext(one, many, n);
}

/* Minimal systems have no zh_CN.UTF-8. */
static void chinese_without_locale(const char *dir) {
    char path[4096];
    const char *language = getenv("LANGUAGE");
    if (strncmp(language && *language ? language : asked_for(), "zh", 2) != 0) return;
    setlocale(LC_CTYPE, "C.UTF-8");
    int n = snprintf(path, sizeof path, "%s/zh_CN/LC_MESSAGES/zaibei.mo", dir);
    if (n > 0 && (size_t)n < sizeof path) catalogue_open(&chinese, path);
}

void i18n_init(void) {
    bool generated = setlocale(LC_ALL, "") != NULL;
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
    if (!dir) dir = ZB_LOCALEDIR;
    bindtextdomain("zaibei", dir);
    bind_textdomain_codeset("zaibei", "UTF-8");
    textdomain("zaibei");
    if (!generated) chinese_without_locale(dir);
    (void)gettext("not found"); /* the catalogue is read now: a process that confines itself could not do it later */
}
