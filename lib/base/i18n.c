/* Finding the message catalogue: the environment, then the build tree, then the installation. gettext reads it, except
 * where this machine has no locale of the language (catalogue.h), or a thread answers somebody who wishes another language
 * than the process: gettext knows one for all threads. */
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

static struct catalogue chinese;
static bool process_is_chinese; /* by our own reading */
static char chinese_path[4096];
static _Thread_local enum { AS_PROCESS, ENGLISH, CHINESE } wished;

/* By our own reading: the translation, or NULL. */
static const char *own(const char *text) {
    bool use = wished == CHINESE || (wished == AS_PROCESS && process_is_chinese);
    return use && chinese.count ? catalogue_find(&chinese, text) : NULL;
}

const char *i18n(const char *text) {
    const char *found = own(text);
    return found ? found : wished == AS_PROCESS ? gettext(text) : text;
}

const char *i18n_count(const char *one, const char *many, unsigned long n) {
    const char *found = own(one); /* Chinese has one form */
    return found ? found : wished == AS_PROCESS ? ngettext(one, many, n) : n == 1 ? one : many;
}

void i18n_thread(const char *language) {
    wished = !language ? AS_PROCESS : !strncmp(language, "zh", 2) ? CHINESE : !strncmp(language, "en", 2) ? ENGLISH : AS_PROCESS;
}

void i18n_threads(void) {
    if (!chinese.count && *chinese_path) catalogue_open(&chinese, chinese_path);
}

/* Minimal systems have no zh_CN.UTF-8. */
static void chinese_without_locale(void) {
    const char *language = getenv("LANGUAGE");
    if (strncmp(language && *language ? language : asked_for(), "zh", 2) != 0) return;
    setlocale(LC_CTYPE, "C.UTF-8");
    process_is_chinese = *chinese_path && catalogue_open(&chinese, chinese_path);
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
    int n = snprintf(chinese_path, sizeof chinese_path, "%s/zh_CN/LC_MESSAGES/zaibei.mo", dir);
    if (n < 0 || (size_t)n >= sizeof chinese_path) *chinese_path = 0;
    if (!generated) chinese_without_locale();
    (void)gettext("not found"); /* the catalogue is read now: a process that confines itself could not do it later */
}
