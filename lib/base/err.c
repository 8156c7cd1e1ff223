/* The table of errors, made from include/errors.def, and the four verbs on a struct err. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"

static const struct row {
    enum err_id id;
    int exit_code;
    const char *text, *next;
} rows[] = {
#define E(name, num, exit_code, text, next) {ZE_##name, exit_code, text, next},
#include "errors.def"
#undef E
};

static const struct row *row_of(unsigned id) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if ((unsigned)rows[i].id == id) return &rows[i];
    return NULL;
}

int err_set(struct err *e, enum err_id id, const char *object, const char *fmt, ...) {
    if (!e) return -1;
    char msg[sizeof e->msg]; /* the arguments may point into e */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    if (object != e->object) snprintf(e->object, sizeof e->object, "%s", object ? object : "");
    memcpy(e->msg, msg, sizeof msg);
    e->id = id;
    return -1;
}

int err_sys(struct err *e, const char *object, const char *what) {
    int saved = errno;
    enum err_id id = ZE_IO;
    if (saved == ENOSPC || saved == EDQUOT) id = ZE_NOSPACE;
    if (saved == ENOMEM) id = ZE_NOMEM;
    if (saved == ENOENT) id = ZE_NOTFOUND;
    err_set(e, id, object, "%s: %s", what, strerror(saved));
    errno = saved;
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...) {
    if (!e) return -1;
    char head[256], old[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    memcpy(old, e->msg, sizeof old);
    int n = snprintf(e->msg, sizeof e->msg, "%s: ", head);
    size_t at = n < 0 ? 0 : (size_t)n < sizeof e->msg ? (size_t)n : sizeof e->msg - 1;
    strncat(e->msg + at, old, sizeof e->msg - at - 1);
    return -1;
}

int err_exit(const struct err *e) {
    const struct row *r = row_of((unsigned)e->id);
    return r ? r->exit_code : ZB_EXIT_FAILED;
}

const char *err_text(enum err_id id) {
    const struct row *r = row_of((unsigned)id);
    return r ? _(r->text) : "";
}

const char *err_next(enum err_id id) {
    const struct row *r = row_of((unsigned)id);
    return r && *r->next ? _(r->next) : "";
}

enum err_id err_known(unsigned num) {
    const struct row *r = row_of(num);
    return r ? r->id : ZE_INTERNAL;
}

void err_print(const char *prog, const struct err *e) {
    char object[sizeof e->object * 4 + 1], msg[sizeof e->msg * 4 + 1];
    text_escape(object, sizeof object, e->object, strlen(e->object));
    text_escape(msg, sizeof msg, e->msg, strlen(e->msg));
    fprintf(stderr, "%s: ZB-%u %s: %s%s%s\n", prog, (unsigned)e->id, err_text(e->id), object, *object ? ": " : "", msg);
    const char *next = err_next(e->id);
    if (*next) fprintf(stderr, "  → %s\n", next);
}
