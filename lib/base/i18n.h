/**
 * Messages in two languages, from the first one on: _() translates, N_() only marks. i18n_init() reads LANG and finds the
 * catalogue.
 */
#ifndef BASE_I18N_H
#define BASE_I18N_H

#define _(s) i18n(s)
#ifndef N_
#define N_(s) s
#endif
#define P_(one, many, n) i18n_count(one, many, (unsigned long)(n))

/** i18n(text), i18n_count(one, many, n): the translation, or what was given. Valid as long as the program runs. */
const char *i18n(const char *text) __attribute__((format_arg(1)));
const char *i18n_count(const char *one, const char *many, unsigned long n) __attribute__((format_arg(1), format_arg(2)));

/**
 * i18n_init():
 * Set the locale from the environment and bind the catalogue "zaibei": from $ZAIBEI_LOCALEDIR, else from ../locale beside
 * the running program (a build tree), else from where it was installed. Numbers keep the C locale. Where the locale that
 * is asked for is Chinese and this machine has none, messages are Chinese in UTF-8 all the same, unless LANGUAGE wishes
 * otherwise. Call once, first: it opens the catalogue, which a confined process cannot.
 */
void i18n_init(void);

/**
 * i18n_thread(language): from now on this thread's messages are in ${language} ("zh-CN,zh;q=0.9", "en"), as a header
 * Accept-Language has it; NULL, or another one: those of the process again. Only after i18n_threads(), which a process that
 * answers people calls once, after i18n_init(): it opens the catalogue in any case.
 */
void i18n_thread(const char *language);
void i18n_threads(void);

/** i18n_language(): the locale that was asked for: "zh_CN.UTF-8", "C". By LANGUAGE too, where messages follow it. */
const char *i18n_language(void);

#endif
