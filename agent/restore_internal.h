/** What the files of the restore share: the run, its current batch, the map of hard-link groups. */
#ifndef AGENT_RESTORE_INTERNAL_H
#define AGENT_RESTORE_INTERNAL_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "digester.h"
#include "progress.h"
#include "restore.h"
#include "restore_ahead.h"
#include "restore_attrs.h"
#include "restore_marker.h"
#include "restore_tree.h"

/** Link group → the name that was restored first and its inode. Bounded: GROUPS_MAX groups, GROUPS_PATHS bytes. */
struct groups {
    struct group {
        uint64_t id, ino; /* ino 0: it is not restored (yet) */
        uint64_t mark;    /* of what all names of the group have in common */
        uint32_t path_at, path_len;
        bool used;
    } * slot;
    size_t n, cap;
    struct buf paths;
    uint8_t key[SEAL_KEY]; /* of the marks, so that nobody can make two that are equal */
};
enum { GROUPS_MAX = 1 << 19, GROUPS_PATHS = 32 << 20 };

struct item {                 /* a file that is being composed */
    size_t path_at, path_len; /* in batch.keep */
    struct attrs attrs;
    uint64_t size, group;
    uint8_t block_shift, digest[SEAL_HASH];
    bool linked, failed, made, large; /* made: tmp exists; large: finished by its caller, not by the batch */
    bool over;                        /* it may replace what has its name */
    bool hashing;                     /* a worker reads it back */
    bool whole;                       /* a worker has made it, and it has its name */
    uint32_t pinned;                  /* segments that workers write to it: the descriptor stays */
    size_t extents_at, extents_n;     /* in batch.extents */
    uint32_t pending;                 /* jobs not yet written */
    int fd;
    uint64_t ino;                     /* once its descriptor had to give way; 0: and bytes were refused */
    char tmp[TREE_TMP_MAX];
};

struct job { /* a piece of a segment that goes to a place in a file */
    struct seg_addr addr;
    uint32_t item, offset, len;
    uint64_t at;
};

struct later_link { /* one more name of a group */
    size_t path_at, path_len;
    uint64_t group;
    bool over;
};

enum { BATCH_ITEMS = 8192, BATCH_JOBS = 65536, BATCH_KEEP = 8 << 20, BATCH_FDS = 64 };
#define BATCH_BYTES (256ull << 20)

struct batch {
    struct item *items;
    struct job *jobs;
    struct extent *extents;
    struct later_link *links;
    struct seg_addr *addrs; /* distinct segments of the sorted jobs … */
    size_t *first_job;      /* … and where the jobs of each begin; one more at the end */
    size_t items_n, items_cap, jobs_n, jobs_cap, extents_n, extents_cap, links_n, links_cap, addrs_n, addrs_cap,
        first_cap;
    struct buf keep; /* paths and extended attributes */
    uint64_t bytes;
    uint32_t fds[BATCH_FDS]; /* items whose file is open, as a ring */
    size_t fds_at;
};

struct chain; /* of open directories; restore_dirs.c */
struct large; /* restore_large.c */

struct run {
    struct source *s;
    const struct opened *o;
    const struct restore_request *q;
    struct restore_result *out;
    enum restore_existing existing; /* as asked for, or as the run that goes on was asked */
    struct tree tree;
    struct marker marker;
    bool over; /* the entry at hand may replace what has its name */
    struct batch batch;
    struct groups groups;
    struct sealer *sealer;
    struct ahead *ahead;      /* workers */
    atomic_uint undone;       /* files that they have begun and left to this thread */
    struct large *large;      /* the file with extent pages that is being written */
    uint8_t *window;          /* what is read back to be hashed */
    struct digester *digester; /* of files that are there already; NULL before the first */
    struct err damage, fatal; /* the first damage; why a callback without its own error ended the run */
    int (*first_pass)(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e);
    uint8_t *dirs_made; /* one bit for each directory of the walk: made by this run */
    size_t dirs_seen, dirs_cap;
    size_t losses; /* parts of the list that the first pass has told, and the second has not met yet */
    struct chain *chain;
};

/** run_problem(r, path, n, why, e): it was not restored: tell, count, remember damage. <0 when ${why} must end the run
 * (no space left, cancelled, connection lost): it is in ${e} then. run_lacks: it was, but without ${lacks} (a set of
 * enum restore_lack; 0: nothing to tell). */
int run_problem(struct run *r, const char *path, size_t n, const struct err *why, struct err *e) MUST_CHECK;
void run_lacks(struct run *r, const char *path, size_t n, unsigned lacks, const char *why);
int run_cancelled(const struct run *r, struct err *e) MUST_CHECK;

/* restore_batch.c */
int batch_add_file(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) MUST_CHECK;
int batch_add_link(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) MUST_CHECK;
/** batch_pieces: what workers do; batch_segment, batch_stretch: what they bring (restore_ahead.h); ${arg}: struct run. */
int batch_pieces(void *arg, const struct opened_segment *s, struct err *e) MUST_CHECK;
int batch_segment(void *arg, const struct opened_segment *s, struct err *e) MUST_CHECK;
int batch_stretch(void *arg, const struct reading *f, int rc, const struct err *why, struct err *e) MUST_CHECK;
/** batch_flush: fetch, write, verify and publish everything in the batch, then the links; the batch is empty again.
 * batch_drop: remove what was begun. */
int batch_flush(struct run *r, struct err *e) MUST_CHECK;
void batch_drop(struct run *r);
void batch_free(struct batch *b);
/** batch_grow(p, cap, want, size, e): ${*p} with room for ${want}. */
int batch_grow(void *p, size_t *cap, size_t want, size_t size, struct err *e) MUST_CHECK;
/** batch_extents(r, item, x, n, at, e): add jobs for these extents, which begin at file offset ${at}. batch_write:
 * fetch and write all jobs. */
int batch_extents(
    struct run *r, uint32_t item, const struct extent *x, size_t n, uint64_t at, struct err *e) MUST_CHECK;
int batch_write(struct run *r, struct err *e) MUST_CHECK;

/* restore_file.c: one file */
/** file_fd(r, it, e): the descriptor of the temporary file, made if it is not there yet. */
int file_fd(struct run *r, struct item *it, struct err *e) MUST_CHECK;
void file_drop(struct run *r, struct item *it); /* close it and remove the temporary name */
/** file_hash(r, f, e): a stretch of a file, by this thread. */
int file_hash(struct run *r, struct reading *f, struct err *e) MUST_CHECK;
/** file_finish(r, it, got, e): ${got} is its digest: compare (unless others do), set attributes, publish. Problems are told; <0 ends
 * the run. */
int file_finish(struct run *r, struct item *it, const uint8_t got[SEAL_HASH], struct err *e) MUST_CHECK;
/** file_counted(r, it): it has its name. */
void file_counted(struct run *r, const struct item *it);
/** file_one_piece(r, it): whether one piece of a segment is all of it. */
bool file_one_piece(const struct run *r, const struct item *it);
/** file_attributes(r, a, keep, fd, path, n): all but the file flags; file_flags: those. What is lacking is told. */
void file_attributes(struct run *r, const struct attrs *a, const struct buf *keep, int fd, const char *path, size_t n);
void file_flags(struct run *r, const struct attrs *a, int fd, const char *path, size_t n);

/* restore_whole.c: files that a segment holds whole, made by workers */
/** whole_fits(r, it): whether a worker may make it. whole_inside: see restore_ahead.h; ${arg}: struct run. */
bool whole_fits(const struct run *r, const struct item *it);
void whole_inside(void *arg, const struct opened_segment *s, uint8_t *window);

/* restore_large.c: files with extent pages, a few of them in memory */
/** file_large(r, en, path, n, e): a file with extent pages, from the beginning to the end. The batch must be empty. */
int file_large(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) MUST_CHECK;
/** file_large_hashed(l, f, rc, why): a stretch of it was hashed. */
void file_large_hashed(struct large *l, const struct reading *f, int rc, const struct err *why);

/* restore_found.c: what has the name of an entry already */
enum found {
    FOUND_NOTHING,
    FOUND_LEFT,  /* it stays as it is */
    FOUND_SAME,  /* it is what the point says */
    FOUND_OTHER, /* it is to be replaced, or cannot be: r->over */
};
/** found_entry(r, en, path, n, st, e): one of these; r->over is set, and ${st} unless it is FOUND_NOTHING. With
 * FOUND_SAME the attributes are set (but not with q->dry_run). <0 ends the run. */
int found_entry(
    struct run *r, const struct entry *en, const char *path, size_t n, struct stat *st, struct err *e) MUST_CHECK;

/* restore_node.c: what is not a regular file */
/** node_dir(r, en, path, n, made, e): the directory is there and may be written; ${made}: by this restore. */
int node_dir(struct run *r, const struct entry *en, const char *path, size_t n, bool *made, struct err *e) MUST_CHECK;
int node_special(
    struct run *r, const struct entry *en, const char *path, size_t n, uint64_t *ino, struct err *e) MUST_CHECK;
/** node_type(type): S_IFREG, … of an enum entry_type. node_device_same(en, st): unless it is another device. */
int node_type(uint8_t type);
bool node_device_same(const struct entry *en, const struct stat *st);
/** node_attributes(r, fd, en, path, n, e): attributes of what an O_PATH descriptor stands for. */
int node_attributes(
    struct run *r, int fd, const struct entry *en, const char *path, size_t n, struct err *e) MUST_CHECK;
/** node_link(r, g, over, path, n, e): 1 when it was a name of this group already. */
int node_link(struct run *r, const struct group *g, bool over, const char *path, size_t n, struct err *e) MUST_CHECK;

/* restore_groups.c */
struct group *groups_find(const struct groups *g, uint64_t id); /* NULL: not seen */
/** groups_add(g, en, path, n): 1, or 0 when there is no room for more. groups_fit(g, group, en): whether an entry is
 * another name of what the group is of. */
int groups_add(struct groups *g, const struct entry *en, const char *path, size_t n) MUST_CHECK;
bool groups_fit(const struct groups *g, const struct group *group, const struct entry *en);
void groups_init(struct groups *g);
void groups_free(struct groups *g);

/* restore_select.c: which entries, and under which path below the target */
typedef int (*each_fn)(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e);
/** selection_check(r, e): ZE_NOPATH when one of the paths that were asked for is not there.
 * each_entry(r, fn, e): every entry that was asked for, in order; directories above the paths that were asked for come
 * with EF_ANCESTOR. Parts of the manifest that are lost are told in the first pass, and left out. selection_hash(q, out, e): what makes two requests ask for the same. */
int selection_check(struct run *r, struct err *e) MUST_CHECK;
int each_entry(struct run *r, each_fn fn, struct err *e) MUST_CHECK;
int selection_hash(const struct restore_request *q, uint8_t out[SEAL_HASH], struct err *e) MUST_CHECK;

/* restore_dirs.c: the second pass: owner, mode, times and flags of directories, children before parents */
int each_dir(struct run *r, struct err *e) MUST_CHECK;
/** dirs_remember(r, made, e): in the first pass: whether the directory that the walk gives now was made by us. */
int dirs_remember(struct run *r, bool made, struct err *e) MUST_CHECK;

/* restore_plan.c: q->dry_run: what first_pass would do with an entry */
int plan_entry(struct run *r, const struct entry *en, const char *path, size_t n, struct err *e) MUST_CHECK;

#endif
