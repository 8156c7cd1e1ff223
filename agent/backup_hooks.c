/* Commands around a run, and dumps. Pre commands come first, the post commands as soon as all is read, since something may
 * be frozen until then: before the commit, whatever became of the run.
 *
 * A dump is made where the walk comes to its place, /.zaibei/dumps/NAME. Its output goes to a file without a name first (the
 * digest of a file begins with its size, and a dump's is known at its end), one dump at a time; after exit 0 and with at least
 * its least size it is stored like any large file, against the dump before it. Else the point has the one before it, flagged,
 * and is partial. A real /.zaibei is left out while there are dumps. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup_internal.h"
#include "base/i18n.h"
#include "hook_guard.h"
#include "sys/file.h"

#define PLACE ".zaibei"
#define DUMPS PLACE "/dumps"

static int by_name(const void *a, const void *b) {
    const struct hook_ask *x = a, *y = b;
    return strcmp(x->name, y->name);
}

int run_hooks_choose(struct run *r, struct err *e) {
    const struct backup_request *q = r->q;
    const struct hooks *h = &r->cfg->hooks;
    r->dumps = q->dumps;
    if (r->dumps.n) qsort(r->dumps.ask, r->dumps.n, sizeof *r->dumps.ask, by_name);
    for (size_t i = 1; i < r->dumps.n; i++)
        if (!strcmp(r->dumps.ask[i].name, r->dumps.ask[i - 1].name))
            return err_set(e, ZE_USAGE, r->dumps.ask[i].name, _("this dump is asked for twice"));
    if (hooks_check(h, r->cfg->file, HOOK_PRE, &q->pre, e) < 0 || hooks_check(h, r->cfg->file, HOOK_POST, &q->post, e) < 0)
        return -1;
    return hooks_check(h, r->cfg->file, HOOK_DUMP, &q->dumps, e);
}

/* The shortest time that one of the pre commands may hold. */
static unsigned hold_of(const struct run *r) {
    unsigned least = r->q->together && r->q->pre.n ? HOOK_HOLD_S : 0;
    bool own = false;
    for (size_t i = 0; i < r->q->pre.n; i++) {
        const struct hook *h = hooks_find(&r->cfg->hooks, HOOK_PRE, r->q->pre.ask[i].name);
        if (!h || !h->hold_s || (own && h->hold_s >= least)) continue;
        least = h->hold_s, own = true;
    }
    return least;
}

static int guard_begin(struct run *r, struct err *e) {
    r->hold_s = hold_of(r);
    struct guard_setup s = {.hold_s = r->hold_s,
        .cfg = r->cfg,
        .post = &r->q->post,
        .job = r->q->job,
        .plan = r->q->plan,
        .clock = r->q->clock,
        .cancelled = run_stopped,
        .cancelled_arg = r};
    r->guard = guard_start(&s, e);
    return r->guard ? 0 : -1;
}

/* The run goes on without it, and says so: in the point, whose list it is on, and to whoever asked for the run. */
static void went_wrong(struct run *r, enum left left, const char *dir, const char *name, bool kept, const struct err *why) {
    char path[128];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!r->out->hook.id) r->out->hook = *why;
    run_unread(r, (const uint8_t *)path, (size_t)n, left, kept, why);
}

int run_hooks_before(struct run *r, struct err *e) {
    const struct backup_request *q = r->q;
    if (!q->pre.n && !q->post.n && !q->dumps.n) return 0;
    if (guard_begin(r, e) < 0) return -1;
    for (size_t i = 0; i < q->pre.n; i++) {
        struct err why = ERR_INIT;
        if (guard_ask(r->guard, HOOK_PRE, &q->pre.ask[i], -1, "", &why) == 0) continue;
        const struct hook *h = hooks_find(&r->cfg->hooks, HOOK_PRE, q->pre.ask[i].name);
        if (!h || !h->optional || why.id == ZE_CANCELLED) return *e = why, -1;
        went_wrong(r, LEFT_HOOK, PLACE "/hooks", q->pre.ask[i].name, false, &why);
    }
    return 0;
}

void run_hooks_after(struct run *r, bool failed) {
    const struct backup_request *q = r->q;
    r->thawed |= guard_late(r->guard);
    for (size_t i = 0; r->guard && i < q->post.n; i++) {
        struct err why = ERR_INIT;
        if (guard_ask(r->guard, HOOK_POST, &q->post.ask[i], -1, failed ? "failed" : "ok", &why) == 0) continue;
        if (why.id == ZE_CHILD && guard_late(r->guard)) { /* its time is over: it does it by itself */
            r->thawed = true;
            break;
        }
        if (why.id == ZE_CHILD) { /* somebody killed the guard; another one takes over */
            struct err again = ERR_INIT;
            guard_end(r->guard);
            if (guard_begin(r, &again) == 0 &&
                guard_ask(r->guard, HOOK_POST, &q->post.ask[i], -1, failed ? "failed" : "ok", &again) == 0)
                continue;
            why = again;
        }
        went_wrong(r, LEFT_HOOK, PLACE "/hooks", q->post.ask[i].name, false, &why);
    }
    guard_end(r->guard);
    r->guard = NULL;
}

/* ---- dumps ---- */

static int spool_open(const struct run *r, struct err *e) {
    const char *place = *r->cfg->spool ? r->cfg->spool : ".";
    int dir = *r->cfg->spool ? AT_FDCWD : r->cfg->statefd;
    char name[4200];
    int fd = openat(dir, place, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR) return err_sys(e, place, _("a file for the output of a command"));
    /* If interrupted here: an empty file with this name stays; the next dump takes it over. */
    snprintf(name, sizeof name, "%s/.zaibei-spool", place);
    unlinkat(dir, name, 0);
    fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return err_sys(e, place, _("a file for the output of a command"));
    unlinkat(dir, name, 0);
    return fd;
}

static int above(struct run *r, const char *path, struct err *e) {
    struct entry en = {.path = (const uint8_t *)path, .path_len = strlen(path), .type = ENT_DIR, .flags = EF_ANCESTOR,
        .mode = 0700, .uid = geteuid(), .gid = getegid()};
    return tree_add(r->tree, &en, e);
}

static int store(struct run *r, int fd, const char *path, const struct entry *old, struct err *e) {
    struct entry en;
    struct stat st;
    if (fstat(fd, &st) < 0) return err_sys(e, path, "fstat");
    attrs_stat(&en, (const uint8_t *)path, strlen(path), &st);
    en.ino = 0; /* it was never a file of this machine that somebody could rename */
    int rc = filer_store(r->filer, fd, NULL, &st, old, &en, e);
    if (rc == FILED_UNREADABLE) return -1;
    return rc < 0 ? -1 : tree_add(r->tree, &en, e);
}

static int dump(struct run *r, const struct hook_ask *ask, struct err *e) {
    char path[128];
    bool hit;
    struct err why = ERR_INIT;
    int n = snprintf(path, sizeof path, DUMPS "/%s", ask->name);
    if (run_seek_old(r, (const uint8_t *)path, (size_t)n, &hit, e) < 0) return -1;
    const struct entry *old = hit && r->old.type == ENT_FILE ? &r->old : NULL;
    CLEANUP_FD int fd = spool_open(r, &why);
    int rc = fd < 0 ? -1 : guard_ask(r->guard, HOOK_DUMP, ask, fd, "", &why);
    if (why.id == ZE_CANCELLED) return *e = why, -1;
    if (rc == 0) return store(r, fd, path, old, e);
    int kept = old ? run_keep(r, old, EF_RACY, e) : 0;
    if (kept < 0) return -1;
    went_wrong(r, LEFT_DUMP, DUMPS, ask->name, kept, &why);
    return 0;
}

int run_dumps(struct run *r, const uint8_t *path, size_t n, struct err *e) {
    static const uint8_t place[] = PLACE;
    if (!r->dumps.n || r->dumped || r->q->dry_run || (path && path_cmp(path, n, place, sizeof PLACE - 1) < 0)) return 0;
    r->dumped = true;
    if (above(r, PLACE, e) < 0 || above(r, DUMPS, e) < 0) return -1;
    for (size_t i = 0; i < r->dumps.n; i++)
        if (dump(r, &r->dumps.ask[i], e) < 0) return -1;
    return 0;
}

bool run_dumps_own(const struct run *r, const uint8_t *path, size_t n) {
    return r->dumps.n && path_below(path, n, (const uint8_t *)PLACE, sizeof PLACE - 1);
}
