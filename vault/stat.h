/** Numbers about a vault, for `zaibei-vault stat` and for the control operations of the same name. */
#ifndef VAULT_STAT_H
#define VAULT_STAT_H

#include "log.h"
#include "wrap/json.h"

enum { STAT_ALERT = 70, STAT_DAYS = 30 };

struct vault_stat {
    uint64_t hosts, damaged, points, bytes, free;
    uint64_t used;     /* of the file system, by anybody */
    uint64_t capacity; /* that, and what is free */
    unsigned percent;  /* of it that is used; from STAT_ALERT on people are told */
    uint64_t recent;   /* bytes that the commits of the last 30 days stored */
    int64_t oldest;    /* the first of them */
    int64_t fills_on;  /* at that pace; 0: it does not fill */
};
/** vault_stat(v, s, e): hosts, those of them whose log is damaged, existing points of the others, bytes of packs, free bytes
 * of the file system. */
int vault_stat(struct vault *v, struct vault_stat *s, struct err *e) MUST_CHECK;
/** stat_json: the same as a new JSON object with the vault's id, key and time. */
struct js *stat_json(struct vault *v, const struct vault_stat *s);
/** stat_alerts: what a person should look at, PROTOCOL.md §5: a new array, empty when all is well. */
struct js *stat_alerts(struct vault *v, const struct vault_stat *s);
/** points_json(l, after, e): an array of a host's existing points above number ${after}, oldest first, or NULL with ${e}. */
struct js *points_json(struct host_log *l, int64_t after, struct err *e) MUST_CHECK;

#endif
