/* See crash_state.h. The log is played operation by operation; after each one the doubts (names and files that are not
 * safe yet) form a product of choices, which is walked whole when it is small and by a seeded sample, with its corners,
 * when it is not. States that come out the same are visited once. */
#include "crash_state.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, DOUBTS_MAX = 64, ALL_TEARS = 4, OUTCOMES = 32 };

#define MUST(x)                                                     \
    do                                                              \
        if (!(x)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
            abort();                                                \
        }                                                           \
    while (0)

struct entry {
    uint64_t sum; /* of directory and name */
    int dir;
    int now;              /* the choice at hand */
    int last;             /* what the program sees */
    int n, may[OUTCOMES]; /* the nodes that it may name after a power cut (-1: none) */
    char name[128];
};

struct file {
    uint8_t *p;
    size_t len, cap, safe; /* the first ${safe} bytes are on the disk */
    int names;             /* as the program sees it */
    size_t keep;           /* the choice at hand: so many bytes, sectors past ${safe} only where the mask says so */
    uint64_t mask;
    uint64_t sum; /* of the first ${summed} bytes, all safe: files only grow */
    size_t summed;
};

struct model {
    const struct crash_log *l;
    const struct crash_options *o;
    struct entry *entry;
    size_t entries, entries_cap;
    struct file *file;
    bool *reached;  /* directories, of the state at hand */
    uint64_t *seen; /* open addressing; 0 is free */
    size_t seen_n, seen_cap;
    uint64_t random;
    bool started; /* past what was there at the start */
};

struct doubt {
    struct entry *entry; /* or */
    struct file *file;
    uint64_t choices;
};

uint64_t crash_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t mix(uint64_t h, const void *p, size_t n) {
    const uint8_t *at = p;
    for (; n >= 8; at += 8, n -= 8) {
        uint64_t w;
        memcpy(&w, at, 8);
        h = (h ^ w) * 0x9fb21c651e98df25u;
        h ^= h >> 32;
    }
    for (; n; at++, n--) h = (h ^ *at) * 0x100000001b3u;
    return h ^ (h >> 29);
}

static struct entry *entry_of(struct model *m, int dir, const char *name) {
    for (size_t i = 0; i < m->entries; i++)
        if (m->entry[i].dir == dir && !strcmp(m->entry[i].name, name)) return &m->entry[i];
    if (m->entries == m->entries_cap) {
        m->entries_cap = m->entries_cap ? m->entries_cap * 2 : 64;
        MUST(m->entry = realloc(m->entry, m->entries_cap * sizeof *m->entry));
    }
    struct entry *e = &m->entry[m->entries++];
    *e = (struct entry){.dir = dir, .may = {-1}, .n = 1, .last = -1};
    snprintf(e->name, sizeof e->name, "%s", name);
    e->sum = mix((uint64_t)dir + 1, name, strlen(name));
    return e;
}

static void outcome(struct model *m, struct entry *e, int node) {
    if (e->last >= 0) m->file[e->last].names--;
    if (node >= 0) m->file[node].names++;
    e->last = node;
    for (int i = 0; i < e->n; i++)
        if (e->may[i] == node) return;
    MUST(e->n < OUTCOMES);
    e->may[e->n++] = node;
}

static void sync_node(struct model *m, int node) {
    bool lies = m->o->lie == (m->l->node[node].dir ? LIE_NAMES : LIE_FILES);
    if (lies && m->started) return;
    m->file[node].safe = m->file[node].len;
    for (size_t i = 0; i < m->entries; i++)
        if (m->entry[i].dir == node) m->entry[i].may[0] = m->entry[i].last, m->entry[i].n = 1;
}

static void apply(struct model *m, const struct crash_op *op) {
    struct file *f = op->node >= 0 ? &m->file[op->node] : NULL;
    if (op->type == CRASH_SYNC) sync_node(m, op->node);
    else if (op->type == CRASH_UNLINK) outcome(m, entry_of(m, op->dir, op->name), -1);
    else if (op->type == CRASH_WRITE) {
        if (f->len + op->len > f->cap) MUST(f->p = realloc(f->p, f->cap = (f->len + op->len) * 2));
        memcpy(f->p + f->len, m->l->data + op->at, op->len);
        f->len += op->len;
    } else if (op->type != CRASH_ACK) outcome(m, entry_of(m, op->dir, op->name), op->node);
}

/* ---- one state ---- */

static size_t sectors(const struct file *f) { return (f->len + SECTOR - 1) / SECTOR - f->safe / SECTOR; }

/* Of a file that has no name any more nobody has read a byte: it may come back whole or empty, and that will do. */
static uint64_t tears(const struct model *m, const struct file *f) {
    size_t n = sectors(f);
    if (f->safe == f->len) return 1;
    if (!f->names) return 2;
    return n <= ALL_TEARS ? (2u << n) - 1 : (n + 1) * (2 + m->o->torn);
}

/* Choice 0 is nothing, the last one everything. */
static void tear(struct model *m, struct file *f, uint64_t choice) {
    size_t n = sectors(f), keep;
    uint64_t each = 2 + m->o->torn;
    if (f->safe == f->len) {
        f->keep = f->len, f->mask = ~0ull;
        return;
    }
    if (!f->names) {
        keep = choice ? n : 0, f->mask = ~0ull;
    } else if (n <= ALL_TEARS) {
        for (keep = 0; choice >= 1u << keep; keep++) choice -= 1u << keep;
        f->mask = choice;
    } else {
        keep = choice / each;
        f->mask = choice % each == each - 1 ? ~0ull : choice % each == 0 ? 0 : crash_random(&m->random);
    }
    size_t end = (f->safe / SECTOR + keep) * SECTOR;
    f->keep = keep == n || end > f->len ? f->len : end;
    if (f->keep < f->safe) f->keep = f->safe;
}

static void torn_bytes(const struct file *f, uint8_t *out) {
    if (f->keep) memcpy(out, f->p, f->keep);
    for (size_t at = f->safe, s = 0; at < f->keep; s++) {
        size_t end = (at / SECTOR + 1) * SECTOR;
        if (end > f->keep) end = f->keep;
        if (!(f->mask >> (s % 64) & 1)) memset(out + at, 0, end - at);
        at = end;
    }
}

/* Most files are whole, and have been for long. */
static uint64_t file_hash(struct file *f) {
    bool whole = f->safe == f->len;
    if (whole && f->summed && f->summed == f->len) return f->sum;
    uint8_t *bytes = malloc(f->keep + 1);
    MUST(bytes);
    torn_bytes(f, bytes);
    uint64_t sum = mix(f->keep, bytes, f->keep);
    free(bytes);
    if (whole) f->sum = sum, f->summed = f->len;
    return sum;
}

/* The same for the same tree: each name that can be reached, with what it names. A directory has one name, which was made
 * before those in it, and is known by its number. */
static uint64_t state_hash(const struct model *m, uint64_t h) {
    uint64_t sum = 0;
    memset(m->reached, 0, m->l->nodes * sizeof *m->reached);
    m->reached[0] = true;
    for (size_t i = 0; i < m->entries; i++) {
        const struct entry *e = &m->entry[i];
        int node = e->may[e->now];
        if (node < 0 || !m->reached[e->dir]) continue;
        bool dir = m->l->node[node].dir;
        if (dir) m->reached[node] = true;
        uint64_t is = dir ? (uint64_t)node : file_hash(&m->file[node]);
        sum += mix(e->sum, &is, sizeof is) * 2 + 1; /* entries in any order */
    }
    return mix(h, &sum, sizeof sum);
}

static bool seen(struct model *m, uint64_t h) {
    if (!h) h = 1;
    if (m->seen_n * 2 >= m->seen_cap) {
        size_t cap = m->seen_cap ? m->seen_cap * 2 : 4096;
        uint64_t *more = calloc(cap, sizeof *more);
        MUST(more);
        for (size_t i = 0; i < m->seen_cap; i++)
            if (m->seen[i]) {
                size_t at = m->seen[i] & (cap - 1);
                while (more[at]) at = (at + 1) & (cap - 1);
                more[at] = m->seen[i];
            }
        free(m->seen);
        m->seen = more, m->seen_cap = cap;
    }
    size_t at = h & (m->seen_cap - 1);
    for (; m->seen[at]; at = (at + 1) & (m->seen_cap - 1))
        if (m->seen[at] == h) return true;
    m->seen[at] = h;
    m->seen_n++;
    return false;
}

static void make_dir(const struct model *m, int fd, int dir) {
    for (size_t i = 0; i < m->entries; i++) {
        const struct entry *e = &m->entry[i];
        int node = e->may[e->now];
        if (e->dir != dir || node < 0) continue;
        if (m->l->node[node].dir) {
            MUST(mkdirat(fd, e->name, 0700) == 0);
            int sub = openat(fd, e->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            MUST(sub >= 0);
            make_dir(m, sub, node);
            close(sub);
            continue;
        }
        const struct file *f = &m->file[node];
        uint8_t *bytes = malloc(f->keep + 1);
        int out = openat(fd, e->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        MUST(bytes && out >= 0);
        torn_bytes(f, bytes);
        MUST(write(out, bytes, f->keep) == (ssize_t)f->keep);
        close(out);
        free(bytes);
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) { return remove(path); }

void crash_remove(const char *dir) { nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void make(const struct model *m, const char *dir) {
    crash_remove(dir);
    MUST(mkdir(dir, 0700) == 0);
    int fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(fd >= 0);
    make_dir(m, fd, 0);
    close(fd);
}

/* ---- all states after one operation ---- */

static size_t doubts_find(struct model *m, struct doubt *d) {
    size_t n = 0;
    for (size_t i = 0; i < m->entries; i++) {
        m->entry[i].now = 0;
        if (m->entry[i].n > 1) d[n++] = (struct doubt){.entry = &m->entry[i], .choices = (uint64_t)m->entry[i].n};
        MUST(n < DOUBTS_MAX);
    }
    for (size_t i = 0; i < m->l->nodes; i++) {
        struct file *f = &m->file[i];
        tear(m, f, tears(m, f) - 1);
        if (f->safe == f->len) continue;
        d[n++] = (struct doubt){.file = f, .choices = tears(m, f)};
        MUST(n < DOUBTS_MAX);
    }
    return n;
}

static void choose(struct model *m, const struct doubt *d, uint64_t choice) {
    if (d->entry) d->entry->now = (int)choice;
    else tear(m, d->file, choice);
}

struct walk {
    const char *dir;
    int (*visit)(void *arg, const struct crash_point *p);
    void *arg;
    struct crash_point p;
};

static int one_state(struct model *m, struct walk *w) {
    w->p.hash = state_hash(m, 1 + w->p.acked); /* the same bytes are more of a promise after an answer */
    if (seen(m, w->p.hash)) return 0;
    uint64_t number = w->p.number++;
    if (m->o->only && number + 1 != m->o->only) return 0;
    if (m->o->stride > 1 && number % m->o->stride) return 0;
    make(m, w->dir);
    struct crash_point p = w->p;
    p.number = number;
    return w->visit(w->arg, &p);
}

static int states_here(struct model *m, struct walk *w) {
    struct doubt d[DOUBTS_MAX];
    size_t n = doubts_find(m, d);
    uint64_t total = 1;
    for (size_t i = 0; i < n; i++) total = total > UINT32_MAX ? total : total * d[i].choices;
    uint64_t tries = total <= m->o->cap ? total : m->o->cap;
    for (uint64_t t = 0; t < tries; t++) {
        uint64_t rest = t;
        for (size_t i = 0; i < n; i++) {
            uint64_t c = rest % d[i].choices;
            rest /= d[i].choices;
            /* A sample: nothing, everything, then by chance. */
            if (total > m->o->cap) c = t < 2 ? t * (d[i].choices - 1) : crash_random(&m->random) % d[i].choices;
            choose(m, &d[i], c);
        }
        int rc = one_state(m, w);
        if (rc) return rc;
    }
    return 0;
}

int crash_states(const struct crash_log *l, const struct crash_options *o, const char *dir,
    int (*visit)(void *arg, const struct crash_point *p), void *arg, uint64_t *distinct) {
    struct model m = {.l = l, .o = o, .random = o->seed};
    struct walk w = {.dir = dir, .visit = visit, .arg = arg};
    int rc = 0;
    MUST(m.file = calloc(l->nodes, sizeof *m.file));
    MUST(m.reached = calloc(l->nodes, sizeof *m.reached));
    for (size_t i = 0; i < l->base; i++) apply(&m, &l->op[i]);
    m.started = true;
    for (size_t i = l->base; i <= l->n && rc == 0; i++) {
        w.p.op = i - l->base;
        if (i > l->base && l->op[i - 1].type == CRASH_ACK) w.p.acked++;
        m.random ^= i;
        rc = states_here(&m, &w);
        if (i < l->n) apply(&m, &l->op[i]);
    }
    crash_remove(dir);
    if (distinct) *distinct += w.p.number;
    for (size_t i = 0; i < l->nodes; i++) free(m.file[i].p);
    free(m.file);
    free(m.reached);
    free(m.entry);
    free(m.seen);
    return rc;
}

void crash_describe(const struct crash_log *l, size_t op, char *out, size_t cap) {
    static const char *const word[] = {"create", "mkdir", "link", "unlink", "write", "fsync", "acknowledge"};
    if (!op) {
        snprintf(out, cap, "before the first operation");
        return;
    }
    const struct crash_op *o = &l->op[l->base + op - 1];
    const char *name = o->name;
    for (size_t i = l->base + op; i-- && !*name && o->node >= 0;)
        if (l->op[i].node == o->node) name = l->op[i].name;
    snprintf(out, cap, "after operation %zu: %s %s", op, word[o->type], name);
}
