/* One run, on one page: lock, connect, begin, walk, finish, commit, remember. Everything before the commit can be lost and
 * is done again; the commit is atomic at the vault, and the agent learns of one whose answer was cut by the upload id that
 * it wrote down before.
 *
 * If interrupted here: before BEGIN nothing has happened; until COMMIT packs are durable at the vault and the next run in
 * the same generation finds them by their indexes; after it only local caches are stale, which the binding of the index
 * (ids.h) and the digest of signatures notice. */
#include "backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup_internal.h"
#include "base/i18n.h"
#include "hook_guard.h"
#include "limiter.h"
#include "state.h"
#include "sys/file.h"

/* ---- the run ---- */

bool run_stopped(void *arg) {
    struct run *r = arg;
    session_keep(&r->session, r->q->clock->mono_ns(r->q->clock));
    if (guard_late(r->guard)) return r->thawed = true; /* what is walked from here on is no cut any more */
    return r->q->cancelled && r->q->cancelled(r->q->cancelled_arg);
}

static struct dev_ino id_of(int fd) {
    struct stat st;
    if (fstat(fd, &st) < 0) return (struct dev_ino){0};
    return (struct dev_ino){st.st_dev, st.st_ino};
}

static int start_walk(struct run *r, struct dev_ino skip[2], struct err *e) {
    size_t n = 0;
    skip[n++] = id_of(r->cfg->statefd); /* the agent's own state, and a vault on a disk of this machine */
    if (r->cfg->transport == TRANSPORT_DIR) {
        CLEANUP_FD int fd = open(r->cfg->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) skip[n++] = id_of(fd);
    }
    r->watch = (struct watch_setup){.patience_s = r->q->patience_s ? r->q->patience_s : WATCH_PATIENCE_S, .clock = r->q->clock,
        .progress = r->q->progress, .cancelled = run_stopped, .cancelled_arg = r};
    r->walk = walk_new(r->q->paths, r->q->paths_n, skip, n, &r->watch, e);
    if (!r->walk) return -1;
    if (!(r->exclude = exclude_new(r->q->excludes, r->q->excludes_n, e))) return -1;
    walk_choose(r->walk, r->exclude, r->q->cross, r->q->caches);
    return 0;
}

static void phase(struct run *r, const char *name) {
    if (r->q->progress) progress_phase(r->q->progress, name);
}

static bool lacks(const struct err *e) { return e->id == ZE_MISSING || e->id == ZE_DAMAGED || e->id == ZE_TRUNCATED; }

static int make_point(struct run *r, struct err *e) {
    uint8_t upload[SEAL_ID];
    struct buf root;
    struct record receipt = {.type = 0};
    seal_random(upload, sizeof upload);
    buf_init(&root, ZB_SEGMENT_MAX);
    int rc = run_begin(r, upload, e);
    if (rc == 0) rc = run_prepare(r, e);
    if (rc == 0) rc = run_together(r, false, e);
    if (rc == 0) rc = run_hooks_before(r, e);
    if (rc == 0) rc = run_together(r, true, e);
    if (rc == 0) phase(r, N_("reading"));
    if (rc == 0) r->out->walked = r->q->clock->now_ns(r->q->clock);
    if (rc == 0) rc = run_walk(r, e);
    run_hooks_after(r, rc < 0);
    if (r->thawed) rc = run_thawed(r, e);
    if (rc == 0) phase(r, N_("storing the manifest"));
    r->out->unread = r->unread;
    r->out->state = r->unread ? STATE_PARTIAL : STATE_COMPLETE;
    r->out->bytes_read = r->filer ? filer_bytes_read(r->filer) : 0;
    bool committing = rc == 0;
    if (rc == 0) rc = run_seal_root(r, &root, e);
    if (rc == 0 && (rc = run_commit(r, upload, &root, &receipt, e)) < 0 && (e->id == ZE_CUT || e->id == ZE_TIMEOUT))
        rc = run_commit_ask(r, upload, &receipt, e);
    if (rc < 0 && r->ids && lacks(e))
        run_distrust(r, !committing && fetch_lacked(r->fetch) ? DISTRUST_PARENT : DISTRUST_IDENTITIES);
    buf_free(&root);
    if (rc < 0) return rc;
    r->out->point = receipt.commit.point, r->out->kind = receipt.commit.kind;
    r->out->bytes_sent = receipt.commit.bytes_sent, r->out->bytes_stored = receipt.commit.bytes_stored;
    run_remember(r, &receipt);
    record_free(&receipt);
    return 0;
}

static void release(struct run *r) {
    upload_free(r->upload);
    attempt_close(r->attempt);
    filer_free(r->filer);
    pool_free(r->pool);
    tree_free(r->tree);
    manifest_walk_free(r->prev);
    fetch_free(r->fetch);
    ids_close(r->ids);
    used_free(r->used);
    links_free(r->links);
    walk_free(r->walk);
    exclude_free(r->exclude);
    attrs_free(&r->attrs);
    root_free(&r->parent_root);
    record_free(&r->begin);
    record_free(&r->parent);
    gen_keys_free(r->keys);
    sealer_free(r->sealer);
    session_close(&r->session);
    buf_free(&r->list);
    buf_free(&r->blind);
    buf_free(&r->shut);
    buf_free(&r->xpage);
    free(r->xs);
    if (r->cachefd >= 0) close(r->cachefd);
    if (r->metafd >= 0) close(r->metafd);
    if (r->sigfd >= 0) close(r->sigfd);
}

/* What a backup would read: the walk against the last point, without BEGIN. */
static int keep_last(void *arg, const struct record *rec, struct err *e) {
    struct run *r = arg;
    uint8_t *root = malloc(rec->commit.root_len);
    if (!root) return err_set(e, ZE_NOMEM, NULL, "dry run");
    memcpy(root, rec->commit.root, rec->commit.root_len);
    record_free(&r->parent);
    r->parent = *rec;
    r->parent.commit.root = root, r->parent.commit.used = NULL, r->parent.commit.used_n = 0;
    return 0;
}

static int dry_run(struct run *r, struct err *e) {
    if (!r->q->full && session_points(&r->session, keep_last, r, e) < 0) return -1;
    r->fetch = fetch_over_session(&r->session);
    if (!r->fetch) return err_set(e, ZE_NOMEM, NULL, "dry run");
    if (r->parent.type) {
        r->keys = gen_keys_new(r->cfg->host_key, &r->cfg->ids, r->parent.commit.generation);
        if (!r->keys) return err_set(e, ZE_NOMEM, NULL, "dry run");
        if (run_open_parent(r, &r->parent.commit, e) < 0) return -1;
    }
    if (run_walk(r, e) < 0) return -1;
    r->out->unread = r->unread, r->out->to_read = r->to_read, r->out->bytes_read = r->to_read_bytes;
    r->out->kind = r->parent.type ? KIND_INCREMENTAL : KIND_FULL;
    r->out->state = r->unread ? STATE_PARTIAL : STATE_COMPLETE;
    return 0;
}

int backup_run(const struct config *cfg, const struct backup_request *q, struct backup_result *out, struct err *e) {
    struct run *r = calloc(1, sizeof *r);
    struct dev_ino skip[2];
    if (!r) return err_set(e, ZE_NOMEM, NULL, "backup");
    *out = (struct backup_result){.started = q->clock->now_ns(q->clock)};
    r->cfg = cfg, r->q = q, r->out = out;
    r->cachefd = r->metafd = r->sigfd = -1;
    buf_init(&r->list, ZB_SEGMENT_MAX);
    buf_init(&r->xpage, ZB_SEGMENT_MAX);
    buf_init(&r->blind, 1 << 17);
    buf_init(&r->shut, 1 << 17);
    CLEANUP_FD int lock = q->dry_run ? -1 : state_lock(cfg, e); /* a dry run writes nothing, and may run beside another */
    int rc = lock < 0 && !q->dry_run ? -1 : 0;
    if (rc == 0 && !(r->sealer = sealer_new())) rc = err_set(e, ZE_NOMEM, NULL, "backup");
    if (rc == 0) rc = run_hooks_choose(r, e);
    if (rc == 0) rc = start_walk(r, skip, e);
    if (rc == 0) phase(r, N_("connecting"));
    bool link = cfg->transport == TRANSPORT_LIBSSH2;
    if (rc == 0 && link) limiter_link_starts(cfg->limiter);
    if (rc == 0) rc = session_open(cfg, &r->session, e);
    if (rc == 0 && cfg->transport != TRANSPORT_DIR) limiter_link_runs(cfg->limiter, r->session.child_pid);
    if (rc == 0 && q->cancelled) r->session.cancelled = q->cancelled, r->session.cancelled_arg = q->cancelled_arg;
    if (rc == 0) rc = session_judge(&r->session, !q->dry_run, e);
    if (rc == 0) rc = q->dry_run ? dry_run(r, e) : make_point(r, e);
    out->ended = q->clock->now_ns(q->clock);
    r->session.silent = rc < 0;
    release(r);
    free(r);
    return rc;
}
