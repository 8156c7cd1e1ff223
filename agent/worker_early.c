/* Reading behind the front of a restore. A file has its name only when it is whole (restore_file.c), so the name is all that has to be
 * waited for; and files get their names nearly in the manifest's order, so one at a time will do.
 *
 * Why what was read so early may count at the end: whatever is written to a file, and whatever name it gets, the kernel sets the time
 * of its last change (ctime), and nobody else can. So it is enough to remember that time and the inode, from before the first byte
 * was read. Since the kernel's clock goes in steps, a file is read only when its time is some steps old: then a later change has a
 * later time. A file system that keeps whole seconds only would need more than that: a time without a fraction is not believed.
 *
 * Nothing depends on this reader: a file that it has not found, or found to differ, is judged by the comparison alone. */
#include "worker_early.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "restore_tree.h"
#include "sys/file.h"
#include "digester.h"

enum {
    FILES_MAX = 1 << 22, /* remembered: 64 MiB */
    RESTORE_AHEAD =
        20000, /* a restore that is so many files further has left this one out: it makes a few thousand at a time */
    WAIT_NS = 5000000,
    SETTLED_NS = 20000000, /* more than two steps of the kernel's clock */
};

struct seen {
    int64_t ctime_ns; /* before it was read; 0: it does not count */
    uint64_t ino;
};

struct early {
    const struct worker *w;
    const struct worker_host *h;
    struct source *s;
    const struct opened *o;
    const struct progress *restore;
    struct tree tree; /* the reader's, and what follows */
    bool tree_open;
    struct buf path;
    struct digester *digester;
    pthread_t thread;
    atomic_bool restored, stop;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct seen *seen; /* under lock: [0, n), and whether that is all */
    size_t n, cap;
    bool over;
};

static void pause_short(void) { (void)nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL); }

static bool stopped(void *arg) {
    struct early *a = arg;
    return atomic_load(&a->stop);
}

/* ---- the reader ---- */

static int file_open(struct early *a, const struct entry *en) {
    char name[TREE_NAME_MAX];
    struct err ignored = ERR_INIT;
    if (!a->tree_open && tree_open(&a->tree, a->h->tree, false, &ignored) < 0) return -1;
    a->tree_open = true;
    buf_reset(&a->path);
    buf_put(&a->path, en->path, en->path_len);
    buf_u8(&a->path, 0);
    if (!buf_ok(&a->path)) return -1;
    int dir = tree_parent(&a->tree, (const char *)a->path.p, en->path_len, false, name, &ignored);
    return dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* Once it has its name; -1 when it is not to be expected any more. */
static int file_wait(struct early *a, const struct entry *en) {
    for (;;) {
        bool last = atomic_load(&a->restored) || a->restore->files + a->restore->errors > a->n + RESTORE_AHEAD;
        int fd = file_open(a, en);
        if (fd >= 0 || last || stopped(a)) return fd;
        pause_short();
    }
}

/* Wait until any change of it would show. */
static bool settled(struct early *a, int fd, struct seen *seen) {
    struct stat st;
    while (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ctim.tv_nsec) {
        *seen = (struct seen){(int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec, st.st_ino};
        int64_t age = a->w->clock->now_ns(a->w->clock) - seen->ctime_ns;
        if (age >= SETTLED_NS) return true;
        if (age < 0 || stopped(a)) return false;
        pause_short();
    }
    return false;
}

static bool note(struct early *a, struct seen seen) {
    pthread_mutex_lock(&a->lock);
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 1024;
        struct seen *p = cap <= FILES_MAX ? reallocarray(a->seen, cap, sizeof *p) : NULL;
        if (p) a->seen = p, a->cap = cap;
    }
    bool room = a->n < a->cap;
    if (room) a->seen[a->n++] = seen;
    pthread_cond_signal(&a->more);
    pthread_mutex_unlock(&a->lock);
    return room;
}

/* false: it is to end. */
static bool file_read(struct early *a, const struct entry *en) {
    struct err ignored = ERR_INIT;
    struct seen seen = {.ino = 0};
    CLEANUP_FD int fd = file_wait(a, en);
    int same = fd >= 0 && settled(a, fd, &seen) ? digester_same(a->digester, fd, en, &ignored) : 0;
    return same >= 0 && !stopped(a) && note(a, same ? seen : (struct seen){.ino = 0});
}

static void *reader(void *arg) {
    struct early *a = arg;
    struct entry en;
    struct err ignored = ERR_INIT;
    struct manifest_walk *m = manifest_walk_new(a->s->fetch, a->o->keys, &a->o->root, NULL, 0);
    while (m && manifest_walk_next(m, &en, &ignored) > 0)
        if (en.type == ENT_FILE && !file_read(a, &en)) break;
    manifest_walk_free(m);
    pthread_mutex_lock(&a->lock);
    a->over = true;
    pthread_cond_signal(&a->more);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- the caller ---- */

static void release(struct early *a) {
    a->s->session.cancelled = NULL;
    if (a->tree_open) tree_close(&a->tree);
    buf_free(&a->path);
    digester_free(a->digester);
    free(a->seen);
    free(a);
}

struct early *early_begin(const struct worker *w, const struct worker_host *h, struct source *s, const struct opened *o,
    const struct progress *restore) {
    struct early *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    *a = (struct early){.w = w, .h = h, .s = s, .o = o, .restore = restore, .digester = digester_new(s, o)};
    buf_init(&a->path, 1 << 17);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->more, NULL);
    s->session.cancelled = stopped, s->session.cancelled_arg = a;
    if (a->digester && pthread_create(&a->thread, NULL, reader, a) == 0) return a;
    release(a);
    return NULL;
}

void early_restored(struct early *a) {
    if (a) atomic_store(&a->restored, true);
}

bool early_same(struct early *a, uint64_t nth, const struct stat *st) {
    if (!a) return false;
    pthread_mutex_lock(&a->lock);
    while (a->n <= nth && !a->over) pthread_cond_wait(&a->more, &a->lock);
    struct seen seen = nth < a->n ? a->seen[nth] : (struct seen){.ino = 0};
    pthread_mutex_unlock(&a->lock);
    return seen.ctime_ns && seen.ino == st->st_ino &&
        seen.ctime_ns == (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

void early_free(struct early *a) {
    if (!a) return;
    atomic_store(&a->stop, true);
    pthread_join(a->thread, NULL);
    release(a);
}
