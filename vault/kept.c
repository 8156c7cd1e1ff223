/* A copy is made right after its record, by put-new, and never changes. If interrupted between the two, the record counts
 * and the next append to this log makes the copy: copies are made in order, so looking backwards to the first that is
 * there finds all that are missing. A gap further back (an object that somebody deleted) is found by kept_repair. */
#include "kept.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool kept_type(uint8_t type) {
    return type == REC_COMMIT || type == REC_PIN || type == REC_REMOVE || type == REC_FLOOR || type == REC_KEY;
}

void kept_name(char out[STORE_NAME_MAX], const char *host, uint64_t n) {
    snprintf(out, STORE_NAME_MAX, "kept/%s/%016llx", host, (unsigned long long)n);
}

/* 1, 0, or <0 when it cannot be told. */
static int there(struct host_log *l, const char *name, struct err *e) {
    char byte;
    if (store_get_range(&l->v->store, name, 0, &byte, 1, e) >= 0) return 1;
    return e->id == ZE_NOTFOUND ? 0 : -1;
}

/* Make ${name} from whichever of record and copy is whole. */
static int make(struct host_log *l, uint64_t n, const char *name, struct err *e) {
    struct buf raw;
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = log_load(l, n, NULL, &raw, e);
    if (rc == 0) rc = store_put_new(&l->v->store, name, raw.p, raw.len, e);
    buf_free(&raw);
    return rc < 0 ? rc : 0;
}

void kept_follow(struct host_log *l, const struct buf *raw) {
    char name[STORE_NAME_MAX];
    struct err e = ERR_INIT;
    size_t i = l->kept_n;
    if (i && l->kept[i - 1] == l->next - 1) {
        kept_name(name, l->host, l->kept[--i]);
        if (store_put_new(&l->v->store, name, raw->p, raw->len, &e) < 0) return;
    }
    for (; i; i--) {
        kept_name(name, l->host, l->kept[i - 1]);
        if (there(l, name, &e) != 0 || make(l, l->kept[i - 1], name, &e) < 0) return;
    }
}

int kept_repair(struct host_log *l, unsigned *made, struct err *e) {
    for (size_t i = 0; i < l->kept_n; i++) {
        char name[2][STORE_NAME_MAX];
        log_record_name(l, l->kept[i], name[0]);
        kept_name(name[1], l->host, l->kept[i]);
        for (int k = 0; k < 2; k++) {
            int is = there(l, name[k], e);
            if (is == 0) is = make(l, l->kept[i], name[k], e) < 0 ? -1 : (++*made, 1);
            if (is < 0) return -1;
        }
    }
    return 0;
}

struct above {
    uint64_t than, least;
    bool found;
};

static int number_look(void *arg, const char *name, uint64_t size, struct err *e) {
    struct above *a = arg;
    uint8_t b[8];
    uint64_t n = 0;
    if (!text_unhex(b, sizeof b, name)) return 0;
    for (int i = 0; i < 8; i++) n = n << 8 | b[i];
    if (n >= a->than && (!a->found || n < a->least)) a->found = true, a->least = n;
    return 0;
}

int records_above(struct store *s, const char *dir, uint64_t than, uint64_t *n, struct err *e) {
    struct above a = {.than = than};
    int rc = store_names(s, dir, number_look, &a, e);
    *n = a.least;
    return rc < 0 ? rc : a.found;
}

int kept_next(struct host_log *l, uint64_t *n, struct err *e) {
    char dir[STORE_NAME_MAX];
    uint64_t other;
    snprintf(dir, sizeof dir, "hosts/%s/log", l->host);
    int own = records_above(&l->v->store, dir, l->next, n, e);
    snprintf(dir, sizeof dir, "kept/%s", l->host);
    int copies = own < 0 ? -1 : records_above(&l->v->store, dir, l->next, &other, e);
    if (copies == 1 && (!own || other < *n)) *n = other;
    return copies < 0 ? -1 : own || copies;
}
