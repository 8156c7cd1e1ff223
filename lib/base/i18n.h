/** gettext from the first message on: _() translates, N_() only marks. i18n_init() reads LANG and finds the catalogue. */
#ifndef BASE_I18N_H
#define BASE_I18N_H

#include <libintl.h>

#define _(s) gettext(s)
#ifndef N_
#define N_(s) s
#endif
#define P_(one, many, n) ngettext(one, many, (unsigned long)(n))

/**
 * i18n_init():
 * Set the locale from the environment and bind the catalogue "zaibei": from $ZAIBEI_LOCALEDIR, else from ../locale beside
 * the running program (a build tree), else from where it was installed. Numbers keep the C locale. Where the locale that
 * is asked for is Chinese and this machine has none, messages are Chinese in UTF-8 all the same. Call once, first: it may
 * set LANGUAGE, and it opens the catalogue, which a confined process cannot.
 */
void i18n_init(void);

/** i18n_language(): the locale that was asked for: "zh_CN.UTF-8", "C". By LANGUAGE too, where messages follow it. */
const char *i18n_language(void);

#endif
