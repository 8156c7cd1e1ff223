/**
 * What zaibeid tells people about (R9, R16, R20): one table of kinds with their severity and their words, and the text of one
 * notice. A notice is told in Chinese and in English unless its channel says otherwise: who is woken at night reads the
 * language at hand. Pure.
 */
#ifndef NOTIFY_NOTICE_H
#define NOTIFY_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "wrap/json.h"

enum severity { SEV_INFO, SEV_WARNING, SEV_ALARM };
enum language { LANG_BOTH, LANG_ZH, LANG_EN };

struct notice_kind {
    const char *name; /* "job.failed" */
    enum severity severity;
    const char *zh, *en; /* one line without the object */
};

/** notice_kind_of(name): its row, or NULL. notice_kinds(i): the i-th, NULL behind the last. */
const struct notice_kind *notice_kind_of(const char *name);
const struct notice_kind *notice_kinds(size_t i);
/** notice_matches(kind, pattern): "job.failed" is matched by itself, by "job" and by "all". */
bool notice_matches(const char *kind, const char *pattern);

const char *severity_name(enum severity s); /* info, warning, alarm */

struct notice {
    int64_t id, time_ns;
    const struct notice_kind *kind;
    bool resolved; /* what was told before has ended */
    char object[256], department[256];
    struct js *detail; /* an object of short texts and numbers, the caller's; NULL: none */
};

/** notice_subject: one line without line ends or control characters, for a mail or a screen. notice_body: plain text, LF.
 * ${place} says which zaibeid speaks. */
void notice_subject(const struct notice *n, enum language l, struct buf *out);
void notice_body(const struct notice *n, enum language l, const char *place, struct buf *out);
/** notice_json: what a webhook gets; the caller's. */
struct js *notice_json(const struct notice *n, const char *place);

#endif
