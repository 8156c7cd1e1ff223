/** The notes quota/system/NAME and quota/department/NAME. */
#ifndef VAULT_QUOTA_NOTE_H
#define VAULT_QUOTA_NOTE_H

#include "log.h"

enum { QUOTA_SYSTEMS = 256 };

struct quota_note {
    bool department;
    char name[64];
    uint64_t bytes;                 /* 0: none */
    char system[QUOTA_SYSTEMS][64]; /* those that count; of a system its own name */
    size_t systems_n;
};

bool quota_note_has(const struct quota_note *q, const char *system);
/** quota_note_load: an absent one is empty, ZE_CONFIG when it is not understood. quota_note_save: durable. */
int quota_note_load(struct vault *v, bool department, const char *name, struct quota_note *q, struct err *e) MUST_CHECK;
int quota_note_save(struct vault *v, const struct quota_note *q, struct err *e) MUST_CHECK;
/** quota_notes_each: every note; <0 from ${each} ends it. */
int quota_notes_each(struct vault *v, int (*each)(void *arg, const struct quota_note *q, struct err *e), void *arg,
    struct err *e) MUST_CHECK;

/** quota_system_of(v, host, system): the system of the host by its first record; <0 when that cannot be read. */
int quota_system_of(struct vault *v, const char *host, char system[64]) MUST_CHECK;

#endif
