/**
 * What was found, what was checked, and how far it is. Findings of one host are collected, so that each object is named
 * once with all the points it affects, and printed when the next host begins. Memory is bounded: past FINDINGS_MAX of one host
 * they are only counted.
 */
#ifndef VERIFY_REPORT_H
#define VERIFY_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum { FINDINGS_MAX = 1000 };

struct finding {
    enum err_id id;
    char *object, *what;
    uint32_t *points; /* ascending */
    size_t points_n;
};

struct report {
    FILE *out;      /* findings and the summary */
    bool json;      /* as JSON lines */
    FILE *progress; /* NULL: none */
    bool tty;       /* of progress */
    char host[64];  /* whose findings are being collected; empty for the vault's own */
    struct finding *list;
    size_t n;
    uint64_t uncounted; /* findings of this host that were not kept */
    uint64_t findings;  /* of all hosts */
    uint64_t locked;    /* points that the given key does not open */
    enum err_id worst;
    struct {
        uint64_t hosts, records, packs, segments, pack_bytes, points, files, file_bytes;
    } seen;
    const char *phase;
    uint64_t done, total;
    int64_t shown_ns;
};

void report_init(struct report *r, FILE *out, bool json, FILE *progress);
void report_free(struct report *r);

/** report_add(r, id, object, point, fmt, …): a finding that affects ${point} (0: none, or not yet known). Return
 * its number for report_affects, or -1 when it was only counted. An equal finding is not repeated but gets the
 * point added. */
int report_add(struct report *r, enum err_id id, const char *object, uint32_t point, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
int report_err(struct report *r, const struct err *e, uint32_t point);
void report_affects(struct report *r, int finding, uint32_t point);

/** report_host(r, host): print and forget what was collected, then collect for ${host}. */
void report_host(struct report *r, const char *host);

/** report_phase(r, phase, total): a new phase of ${total} bytes (0: unknown) for the progress line. report_step:
 * ${n} more. */
void report_phase(struct report *r, const char *phase, uint64_t total);
void report_step(struct report *r, uint64_t n);

/** report_head: the last record of a host; report_summary: the last lines. */
void report_head(struct report *r, const char *host, uint64_t n, const uint8_t hash[32], const char *verdict);
void report_summary(struct report *r, const char *vault, const char *vault_key, const char *verdict, bool with_key);

/** report_audit: the last lines about an audit of records ${first} to ${last}, whose hash is ${head}. */
void report_audit(struct report *r, const char *file, uint64_t first, uint64_t last, uint64_t checkpoints,
    const uint8_t head[32], const char *verdict);

/** report_drill: the last lines about the record of a drill of ${system} that said ${outcome}. */
void report_drill(
    struct report *r, const char *file, int64_t drill, const char *system, const char *outcome, const char *verdict);

/** report_exit(r): the exit code of what was found. */
int report_exit(const struct report *r);

/** json_put(out, s): a JSON string of any bytes: what is not UTF-8 is escaped as in ux: \xHH and \\. */
void json_put(FILE *out, const char *s);

#endif
