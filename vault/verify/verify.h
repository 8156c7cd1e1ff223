/**
 * The independent checker (zaibei-verify): its own reading of docs/FORMAT.md, sharing with the programs that write only
 * lib/base, hashes and ciphers, and zstd. It writes nothing and never stops at the first damage.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "key.h"
#include "report.h"
#include "store.h"

struct anchor_head {
    char host[64];
    uint64_t n;
    uint8_t hash[32];
    bool seen;
};

/** What somebody wrote down elsewhere: the vault's public key and the last record of hosts. */
struct anchor {
    bool given;
    uint8_t pub[32];
    struct anchor_head *head;
    size_t n;
};

/** Who may approve from some record of the vault's log on: its body up to the approvals, owned. */
struct approver_list {
    int64_t time;
    bool uncertain;
    unsigned approvers;
    uint8_t *body;
    size_t len;
};

/** How far an orchestrator's audit was, as the vault has seen it. */
struct witness {
    uint64_t n;
    uint8_t hash[32], key[32];
};

/** The vault's own log as far as judging others needs it. Its name in an anchor, where hosts have theirs, is VAULT_LOG. */
#define VAULT_LOG "."
struct vault_log {
    struct approver_list *list; /* in their order */
    size_t n;
    uint8_t (*confirm)[32]; /* hashes of the bodies of confirms */
    size_t confirm_n;
    struct witness *witness; /* in their order */
    size_t witness_n;
    bool broken; /* something in it is missing or damaged */
    uint64_t records, head;
    uint8_t head_hash[32];
};

/** The vault's signing keys, the header's first (keys.h). */
enum { KEYS_MAX = 64 };
struct keys {
    unsigned n;
    struct {
        uint8_t pub[32];
        bool logged;   /* the vault's log has the record */
        int64_t until; /* the vault time at which the next one took over; 0: it signs now */
    } key[KEYS_MAX];
};

struct verify {
    struct store store;
    struct report *report;
    struct key key;
    struct anchor anchor;
    bool signatures; /* the vault header was read: signatures can be checked */
    uint8_t vault_id[16];
    struct keys keys; /* the header's and those that followed */
    uint32_t only_point; /* 0: all */
    struct vault_log vlog;
};

struct verify_opts {
    const char *vault;
    const char *host;                    /* NULL: all */
    uint32_t point;                      /* 0: all; only with host */
    const char *kit, *host_key, *anchor; /* files, or NULL */
    const char *receipt;                 /* a file that says which point, in place of host and point; or NULL */
};

/**
 * verify_run(o, r, e):
 * Check a vault (or one host or point of it) and print to ${r}; its exit code is report_exit(r). Return <0 when nothing
 * could be checked: ZE_NOTFOUND, ZE_NOPOINT, ZE_USAGE for files that are no key or anchor, ZE_NEWER. Memory: a few MiB,
 * a bitmap of the slots of one generation, 16 bytes for each distinct file of a generation.
 */
int verify_run(const struct verify_opts *o, struct report *r, struct err *e) MUST_CHECK;

/** receipt_find(v, file, host, point, e): the host and point of the receipt in ${file}, which must be this vault's and still
 * true: ZE_RECEIPT when another vault signed it, ZE_ROLLEDBACK when the vault does not have its record any more. */
int receipt_find(struct verify *v, const char *file, char host[64], uint32_t *point, struct err *e) MUST_CHECK;

/** anchor_load: lines "PUBLICKEY" (base64, once, first) and "HOST N HASH" (host "." for the vault's own log); '#'
 * begins a comment. anchor_head_of:
 * NULL when the host is not named. */
int anchor_load(struct anchor *a, const char *file, struct err *e) MUST_CHECK;
struct anchor_head *anchor_head_of(struct anchor *a, const char *host);

#endif
