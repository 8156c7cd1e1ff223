/**
 * Errors: an int result (0, or negative) and a struct err as the last argument, filled where the failure is first seen.
 * Every error has a row in include/errors.def with a stable number (ZB-1042), an exit code and a next step.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#include "zaibei.h"

enum err_id {
    ZE_NONE = 0,
#define E(name, num, exit_code, text, next) ZE_##name = num,
#include "errors.def"
#undef E
};

struct err {
    enum err_id id;
    char object[256]; /* what it happened to: a path, a point, a host; may be empty */
    char msg[512];    /* the detail, for a person */
};

#define ERR_INIT {.id = ZE_NONE}
#define MUST_CHECK __attribute__((warn_unused_result))

/**
 * err_set(e, id, object, fmt, ...):
 * Fill ${e} (which may be NULL) with ${id}, the name of the object it happened to (may be NULL) and a message. Return -1,
 * so that callers can write `return err_set(...)`. An error that ${e} holds already is replaced.
 */
int err_set(struct err *e, enum err_id id, const char *object, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * err_sys(e, object, what):
 * Fill ${e} from errno: ENOSPC and EDQUOT become ZE_NOSPACE, ENOMEM ZE_NOMEM, ENOENT ZE_NOTFOUND, all else ZE_IO; the
 * message is "${what}: strerror". Return -1; errno is kept.
 */
int err_sys(struct err *e, const char *object, const char *what);

/**
 * err_wrap(e, fmt, ...):
 * Put a context in front of the message of ${e}: "context: message". Return -1.
 */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** err_exit(e): the exit code of ${e}; ZB_EXIT_FAILED for an id this version does not know. */
int err_exit(const struct err *e);

/** err_text(id), err_next(id): translated headline and next step of ${id}; "" for an unknown id. */
const char *err_text(enum err_id id);
const char *err_next(enum err_id id);

/** err_known(num): the id with this number, or ZE_INTERNAL: numbers from a peer are never trusted. */
enum err_id err_known(unsigned num);

/**
 * err_print(prog, e):
 * Print ${e} on stderr as "prog: ZB-1042 headline: object: message" and a second line with the next step. Bytes that are
 * not printable are escaped.
 */
void err_print(const char *prog, const struct err *e);

#endif
