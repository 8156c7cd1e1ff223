/* The rows of restores. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restores.h"

#define COLUMNS                                                                                                       \
    "restore,item,point,needs_grant,note_ns,lease_ns,not_before_ns,attempts,files,bytes,files_total,bytes_total,"     \
    "missed,"                                                                                                         \
    "attributes,started_ns,ended_ns,err_id,host,host_id,target_host,dir,after,state,public_key,phase,err_object,err_" \
    "msg"
#define SELECT "SELECT " COLUMNS " FROM restore_items WHERE "
#define VALUES "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
#define TYPES "iiiiiiiiiiiiiiiiissssssssss"
#define FIELDS(i)                                                                                                     \
    (i)->restore, (i)->item, (i)->point, (i)->needs_grant, (i)->note_ns, (i)->lease_ns, (i)->not_before_ns,           \
        (i)->attempts, (i)->files, (i)->bytes, (i)->files_total, (i)->bytes_total, (i)->missed, (i)->attributes,      \
        (i)->started_ns, (i)->ended_ns, (i)->err_id, (i)->host, (i)->host_id, (i)->target_host, (i)->dir, (i)->after, \
        (i)->state, (i)->public_key, (i)->phase, (i)->err_object, (i)->err_msg

static void read_item(struct db_rows *r, struct restore_item *i) {
    int64_t *const ints[] = {&i->restore, &i->item, &i->point, &i->needs_grant, &i->note_ns, &i->lease_ns,
        &i->not_before_ns, &i->attempts, &i->files, &i->bytes, &i->files_total, &i->bytes_total, &i->missed,
        &i->attributes, &i->started_ns, &i->ended_ns, &i->err_id};
    const struct {
        char *p;
        size_t cap;
    } texts[] = {{i->host, sizeof i->host}, {i->host_id, sizeof i->host_id}, {i->target_host, sizeof i->target_host},
        {i->dir, sizeof i->dir}, {i->after, sizeof i->after}, {i->state, sizeof i->state},
        {i->public_key, sizeof i->public_key}, {i->phase, sizeof i->phase}, {i->err_object, sizeof i->err_object},
        {i->err_msg, sizeof i->err_msg}};
    int column = 0;
    for (size_t n = 0; n < sizeof ints / sizeof *ints; n++) *ints[n] = db_int(r, column++);
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
        snprintf(texts[n].p, texts[n].cap, "%s", db_text(r, column++));
}

void restore_item_add(struct db *d, const struct restore_item *i) {
    db_exec(d, "INSERT INTO restore_items(" COLUMNS ") VALUES(" VALUES ")", TYPES, FIELDS(i));
}

void restore_item_put(struct db *d, const struct restore_item *i) {
    db_exec(d, "UPDATE restore_items SET (" COLUMNS ")=(" VALUES ") WHERE restore=? AND item=?", TYPES "ii", FIELDS(i),
        i->restore, i->item);
}

bool restore_item_get(struct db *d, int64_t restore, int64_t item, struct restore_item *i) {
    struct db_rows *r = db_query(d, SELECT "restore=? AND item=?", "ii", restore, item);
    bool found = db_next(r);
    if (found) read_item(r, i);
    db_done(r);
    return found;
}

struct restore_item *restore_items(struct db *d, const char *target_host, int64_t restore, size_t *n) {
    struct restore_item *all = NULL;
    struct db_rows *r = restore
        ? db_query(d, SELECT "restore=? ORDER BY item", "i", restore)
        : db_query(d,
              SELECT "(?1='' OR target_host=?1) AND state IN ('queued','waiting','running') ORDER BY restore, item",
              "s", target_host);
    *n = 0;
    while (db_next(r)) {
        struct restore_item *more = realloc(all, (*n + 1) * sizeof *all);
        if (!more) break;
        all = more;
        read_item(r, &all[(*n)++]);
    }
    db_done(r);
    return all;
}

bool restore_get(struct db *d, int64_t id, struct restore *x) {
    struct db_rows *r = db_query(d,
        "SELECT id,migration,cancel,queued_ns,ended_ns,who,reason,system,state,existing FROM restores WHERE id=?", "i",
        id);
    *x = (struct restore){.id = 0};
    bool found = db_next(r);
    if (found) {
        x->id = db_int(r, 0), x->migration = db_int(r, 1), x->cancel = db_int(r, 2);
        x->queued_ns = db_int(r, 3), x->ended_ns = db_int(r, 4);
        snprintf(x->who, sizeof x->who, "%s", db_text(r, 5));
        snprintf(x->reason, sizeof x->reason, "%s", db_text(r, 6));
        snprintf(x->system, sizeof x->system, "%s", db_text(r, 7));
        snprintf(x->state, sizeof x->state, "%s", db_text(r, 8));
        snprintf(x->existing, sizeof x->existing, "%s", db_text(r, 9));
    }
    db_done(r);
    if (found) x->item = restore_items(d, "", id, &x->n);
    return found;
}

void restore_free(struct restore *r) {
    free(r->item);
    *r = (struct restore){.id = 0};
}

char *restore_sealed(struct db *d, const struct restore_item *i) {
    struct db_rows *r =
        db_query(d, "SELECT sealed FROM restore_items WHERE restore=? AND item=?", "ii", i->restore, i->item);
    char *text = db_next(r) ? strdup(db_text(r, 0)) : NULL;
    db_done(r);
    return text;
}

void restore_sealed_put(struct db *d, const struct restore_item *i, const char *sealed) {
    db_exec(d, "UPDATE restore_items SET sealed=? WHERE restore=? AND item=?", "sii", sealed, i->restore, i->item);
}

bool restore_cancelled(struct db *d, int64_t id) {
    struct db_rows *r = db_query(d, "SELECT cancel FROM restores WHERE id=?", "i", id);
    bool cancelled = !db_next(r) || db_int(r, 0);
    db_done(r);
    return cancelled;
}
