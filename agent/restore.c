/* The run of a restore: two passes over the manifest. The first makes directories (0700) and everything in them, batch
 * by batch; the second gives directories their attributes. At the end all of it is made durable, then the
 * marker goes. If it is interrupted, finished files stay, no unfinished file has its name, and the marker lets the same
 * restore go on (restore_marker.c). */
#include "restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "restore_internal.h"

int run_cancelled(const struct run *r, struct err *e) {
    if (!r->q->cancelled || !r->q->cancelled(r->q->cancelled_arg)) return 0;
    return err_set(e, ZE_CANCELLED, r->q->target, _("what is complete stays; unfinished files were removed"));
}

static bool among(enum err_id id, const enum err_id *list) {
    while (*list != ZE_NONE && *list != id) list++;
    return *list == id;
}

static void remember_damage(struct run *r, const char *path, size_t n, const struct err *why) {
    size_t room = sizeof r->damage.object - 1, len = n < room ? n : room;
    if (r->damage.id != ZE_NONE) return;
    err_set(&r->damage, why->id, NULL, "%s", why->msg);
    memcpy(r->damage.object, path, len);
    r->damage.object[len] = 0;
}

int run_problem(struct run *r, const char *path, size_t n, const struct err *why, struct err *e) {
    static const enum err_id ends[] = {ZE_NOSPACE, ZE_CANCELLED, ZE_NOMEM, ZE_INTERNAL, ZE_CUT, ZE_TIMEOUT,
        ZE_UNREACHABLE, ZE_PROTO, ZE_NOGRANT, ZE_REFUSED, ZE_AUTH, ZE_NONE};
    static const enum err_id damage[] = {ZE_DAMAGED, ZE_TRUNCATED, ZE_MISSING, ZE_NEWER, ZE_NONE};
    if (among(why->id, ends)) {
        if (e != why) *e = *why;
        return -1;
    }
    struct err named = *why; /* the object is the path now: what it was stands in the message */
    if (*why->object && (strlen(why->object) != n || memcmp(why->object, path, n) != 0))
        err_wrap(&named, "%s", why->object);
    if (among(why->id, damage)) remember_damage(r, path, n, &named);
    r->out->missed++;
    if (r->q->progress) r->q->progress->errors++;
    struct restore_told t = {.path = path, .n = n, .why = &named};
    if (r->q->tell) r->q->tell(r->q->tell_arg, &t);
    return 0;
}

void run_lacks(struct run *r, const char *path, size_t n, unsigned lacks, const char *why) {
    struct err e = ERR_INIT;
    if (!lacks) return;
    r->out->attributes++;
    for (unsigned i = 0; i < LACKS; i++) r->out->lacks[i] += lacks >> i & 1;
    err_set(&e, ZE_PARTIAL, NULL, "%s", why);
    struct restore_told t = {.path = path, .n = n, .restored = true, .lacks = lacks, .why = &e};
    if (r->q->tell) r->q->tell(r->q->tell_arg, &t);
}

static int add_dir(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct err why = ERR_INIT;
    bool made = false;
    int rc = node_dir(r, en, path, n, &made, &why);
    if (dirs_remember(r, made, e) < 0) return -1;
    if (rc < 0) return run_problem(r, path, n, &why, e);
    r->out->dirs++;
    return 0;
}

static int add_file(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    if (!(en->flags & EF_XPAGES)) return batch_add_file(r, en, path, n, e);
    if (batch_flush(r, e) < 0 || file_large(r, en, path, n, e) < 0) return -1;
    return batch_flush(r, e);
}

static int add_special(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct err why = ERR_INIT;
    uint64_t ino = 0;
    if (node_special(r, en, path, n, &ino, &why) < 0) {
        if (en->type == ENT_CHAR || en->type == ENT_BLOCK) r->out->lacks[__builtin_ctz(LACK_DEVICE)]++;
        return run_problem(r, path, n, &why, e);
    }
    struct group *g = en->flags & EF_HARDLINK ? groups_find(&r->groups, en->link_group) : NULL;
    if (g && g->ino == 0) g->ino = ino;
    r->out->others++;
    return 0;
}

static void already(struct run *r, const struct entry *en) {
    r->out->already++;
    if (en->type != ENT_FILE) return;
    r->out->already_bytes += en->size;
    if (!r->q->progress) return;
    r->q->progress->files++;
    r->q->progress->bytes += en->size;
    progress_step(r->q->progress);
}

/* The group of a further name: NULL when this entry is the first, or has to be a file of its own. */
static struct group *group_of(struct run *r, const struct entry *en, const char *path, size_t n) {
    if (!(en->flags & EF_HARDLINK)) return NULL;
    struct group *g = groups_find(&r->groups, en->link_group);
    if (g && groups_fit(&r->groups, g, en)) return g;
    if (g || !groups_add(&r->groups, en, path, n))
        run_lacks(r, path, n, LACK_LINK,
            g ? _("its content is not that of the other names of this file")
              : _("there are too many linked files to keep in memory"));
    return NULL;
}

static int first_pass(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) {
    struct stat st;
    struct err why = ERR_INIT;
    if (n == strlen(MARKER_NAME) && memcmp(path, MARKER_NAME, n) == 0) {
        err_set(&why, ZE_EXISTS, NULL, _("this name is needed by the restore itself"));
        if (en->type == ENT_DIR && dirs_remember(r, false, e) < 0) return -1;
        return run_problem(r, path, n, &why, e);
    }
    if (en->type == ENT_DIR) return add_dir(r, en, path, n, e);
    int found = found_entry(r, en, path, n, &st, e);
    if (found < 0) return -1;
    if (found == FOUND_LEFT) {
        r->out->skipped++;
        return 0;
    }
    struct group *g = group_of(r, en, path, n);
    if (g) return batch_add_link(r, en, path, n, e);
    if (found == FOUND_SAME) {
        g = en->flags & EF_HARDLINK ? groups_find(&r->groups, en->link_group) : NULL;
        if (g && g->ino == 0) g->ino = st.st_ino;
        already(r, en);
        return 0;
    }
    if (found == FOUND_OTHER && r->over) r->out->replaced++;
    return en->type == ENT_FILE ? add_file(r, en, path, n, e) : add_special(r, en, path, n, e);
}

static int passes(struct run *r, struct err *e) {
    mode_t mask = umask(0); /* from here on every mode is given explicitly, and is narrow until the owner is right */
    if (r->marker.resuming) tree_sweep(&r->tree, r->tree.fd);
    int rc = each_entry(r, first_pass, e);
    if (rc == 0) rc = batch_flush(r, e);
    if (rc < 0) batch_drop(r);
    if (rc == 0) rc = each_dir(r, e);
    if (rc == 0 && tree_sync(&r->tree) < 0) {
        rc = err_sys(e, r->q->target, _("making the restored files durable"));
        marker_doubt(&r->marker, r->tree.fd);
    }
    if (rc == 0) rc = marker_end(&r->marker, r->tree.fd, r->q->target, e);
    umask(mask);
    return rc;
}

/* Take the target, or only look at it. */
static int begin(struct run *r, struct err *e) {
    const struct restore_request *q = r->q;
    struct marker_want w = {
        .target = q->target, .host = r->s->host, .point = r->o->point.number, .existing = q->existing};
    memcpy(w.generation, gen_keys_generation(r->o->keys), SEAL_ID);
    if (selection_hash(q, w.selection, e) < 0) return -1;
    if (tree_open(&r->tree, q->target, !q->dry_run, e) < 0) return q->dry_run && e->id == ZE_NOTFOUND ? 0 : -1;
    if ((q->dry_run ? marker_look : marker_take)(&r->marker, r->tree.fd, &w, e) < 0) return -1;
    r->tree.job = r->marker.job;
    seal_random(&r->tree.tmp, sizeof r->tree.tmp); /* not what an interrupted run has used */
    if (q->existing == EXISTING_REFUSE) r->existing = r->marker.existing;
    r->out->resumed = r->marker.resuming;
    return 0;
}

static int work(struct run *r, struct err *e) {
    r->tree.fd = r->marker.fd = r->tree.parentfd = -1;
    int rc = selection_check(r, e); /* first: a path that is not there must not leave a marker behind */
    if (rc == 0) rc = begin(r, e);
    if (rc == 0) rc = r->q->dry_run ? each_entry(r, plan_entry, e) : passes(r, e);
    marker_close(&r->marker);
    tree_close(&r->tree);
    return rc;
}

int restore_run(struct source *s, const struct opened *o, const struct restore_request *q, struct restore_result *out,
    struct err *e) {
    struct run r = {.s = s,
        .o = o,
        .q = q,
        .out = out,
        .existing = q->existing,
        .first_pass = q->dry_run ? plan_entry : first_pass};
    *out = (struct restore_result){.files = 0};
    buf_init(&r.batch.keep, BATCH_KEEP * 2);
    groups_init(&r.groups);
    r.sealer = sealer_new();
    r.window = malloc(READING_WINDOW);
    struct ahead_setup as = {
        .keys = o->keys, .pieces = batch_pieces, .inside = whole_inside, .segment = batch_segment, .stretch = batch_stretch, .arg = &r};
    int rc = r.sealer && r.window ? 0 : err_set(e, ZE_NOMEM, q->target, _("restoring"));
    if (rc == 0) rc = (r.ahead = ahead_new(&as, e)) ? work(&r, e) : -1;
    ahead_free(r.ahead);
    sealer_free(r.sealer);
    digester_free(r.digester);
    free(r.window);
    free(r.dirs_made);
    batch_free(&r.batch);
    groups_free(&r.groups);
    if (rc < 0 && !*e->object) snprintf(e->object, sizeof e->object, "%s", q->target); /* which file system is full */
    if (rc == 0 && r.damage.id != ZE_NONE) {
        *e = r.damage;
        rc = -1;
    }
    return rc;
}
