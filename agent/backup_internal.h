/** What backup.c (the run as a whole), backup_walk.c (entry after entry) and backup_list.c (what was not read) share. */
#ifndef AGENT_BACKUP_INTERNAL_H
#define AGENT_BACKUP_INTERNAL_H

#include "attempt.h"
#include "attrs.h"
#include "backup.h"
#include "exclude.h"
#include "fetch.h"
#include "filer.h"
#include "ids.h"
#include "progress.h"
#include "session.h"
#include "tree.h"
#include "upload.h"
#include "used.h"
#include "walk.h"

/** Hard links: the first name of an inode is read, the others take what it became. */
struct links;
struct links *links_new(void);
void links_free(struct links *l);
/** links_find: true and the digest, block shift, flags and extents of the file with this group, if size and times in ${en} are
 * still those it was read with. links_put: remember an entry until ${more} further names have been seen; what does not fit the budget (16 MiB) is simply read again. */
bool links_find(struct links *l, uint64_t group, struct entry *en);
void links_put(struct links *l, uint64_t group, const struct entry *en, uint64_t more);

struct run {
    const struct config *cfg;
    const struct backup_request *q;
    struct backup_result *out;

    struct session session;
    uint64_t collected; /* how often the vault has collected in this generation */
    struct record begin, parent; /* parent: type 0 when there is none */
    struct gen_keys *keys;
    struct sealer *sealer;
    struct fetch *fetch;
    struct root parent_root;
    struct ids *ids;
    struct used *used;
    struct pool *pool; /* of upload and filer */
    unsigned vain; /* guesses at old versions (backup_found.c) */
    struct upload *upload;
    struct attempt *attempt; /* what interrupted runs have done; NULL: nothing is asked of it */
    struct tree *tree;
    struct filer *filer;
    struct attrs attrs;
    struct links *links;
    int cachefd, metafd, sigfd;

    struct walk *walk;
    struct exclude *exclude;
    struct manifest_walk *prev; /* the parent's manifest, in step with the walk; NULL: none */
    struct entry old;           /* its entry at hand */
    bool has_old, old_seen;     /* seen: the walk has told this path too */
    struct buf blind, shut;     /* the directory that could not be listed to its end; the last one that is not entered */
    bool is_blind, is_shut;
    struct guard *guard;      /* runs the commands around this run; NULL: there are none */
    unsigned hold_s;          /* how long the pre commands may hold at most; 0: as long as the run takes */
    bool thawed;              /* that time was over while something was held */
    struct hook_asks dumps;   /* sorted */
    bool dumped;
    struct watch_setup watch;
    uint64_t unread, to_read, to_read_bytes; /* the latter two for a dry run */
    struct buf list; /* the run list: JSON lines */
    uint64_t list_lost[2]; /* what it does not hold: not read, left out on purpose */
    bool no_receipt;
    struct buf xpage;
    struct extent *xs;
    size_t xs_cap;
};

/** run_begin: BEGIN under this upload id; fills begin and parent. run_prepare: keys, caches, parent manifest, data path.
 * run_open_parent: the manifest of a commit record as r->prev (keys and fetch are set). run_record: decode a record that must
 * be of this type and host. */
int run_begin(struct run *r, const uint8_t upload[SEAL_ID], struct err *e) MUST_CHECK;
int run_prepare(struct run *r, struct err *e) MUST_CHECK;
int run_open_parent(struct run *r, const struct rec_commit *c, struct err *e) MUST_CHECK;
int run_record(struct run *r, const uint8_t *p, size_t n, uint8_t type, struct record *rec, struct err *e) MUST_CHECK;
/** run_fresh: whether the vault's present key has signed it, as it must sign what it makes now; ZE_OLDKEY. */
int run_fresh(const struct run *r, const struct record *rec, struct err *e) MUST_CHECK;

/** run_seal_root: all pages stored and acknowledged, the sealed root in ${sealed}. run_commit: COMMIT; the receipt is checked
 * and written down. run_remember: bind the caches to it; failures there are told and cost only time. */
int run_seal_root(struct run *r, struct buf *sealed, struct err *e) MUST_CHECK;
int run_commit(struct run *r, const uint8_t upload[SEAL_ID], const struct buf *root, struct record *receipt, struct err *e)
    MUST_CHECK;
void run_remember(struct run *r, const struct record *receipt);
/** run_commit_ask: the answer to COMMIT was cut (${e}): ask in a new session whether the point exists, so that nobody has to
 * make it again. 0 as for run_commit; else ${e} stays, and the next run finds out. */
int run_commit_ask(struct run *r, const uint8_t upload[SEAL_ID], struct record *receipt, struct err *e) MUST_CHECK;

/** run_distrust(r, what): the vault lacks something that this run used: the index is forgotten, and the next run takes nothing
 * by identity that the parent does not have, so that it succeeds; where the parent itself could not be read it is a full.
 * run_distrusts(r): whether this is such a run. */
enum distrust { DISTRUST_NOTHING, DISTRUST_IDENTITIES, DISTRUST_PARENT };
void run_distrust(struct run *r, enum distrust what);
enum distrust run_distrusts(const struct run *r);
/** run_binding(r, point, out): what the index is bound to when ${point} (type 0: none) is the parent: its hash, and the number
 * of collections: what the index names may have been collected since. */
void run_binding(const struct run *r, const struct record *point, uint8_t out[SEAL_HASH]);

/** run_stopped(r): asked between files and chunks, by the thread that owns the stream: whether to end; keeps the session alive. */
bool run_stopped(void *r);

/** run_hooks_choose: every name that is asked for is in the host's list: ZE_NOHOOK. run_hooks_before: start the guard and run the
 * pre commands. run_hooks_after: run the post commands, in any case, and end the guard. run_dumps(r, path, n, e): before the
 * walk's ${path} (NULL: at its end) is taken: the dumps, if it is their turn. run_dumps_own: ${path} is where they are. */
int run_hooks_choose(struct run *r, struct err *e) MUST_CHECK;
int run_hooks_before(struct run *r, struct err *e) MUST_CHECK;
void run_hooks_after(struct run *r, bool failed);
int run_dumps(struct run *r, const uint8_t *path, size_t n, struct err *e) MUST_CHECK;
bool run_dumps_own(const struct run *r, const uint8_t *path, size_t n);

/** run_together(r, frozen, e): wait until all hosts of a system point are ready, or frozen; ZE_BARRIER, ZE_CANCELLED, ZE_THAWED.
 * run_thawed: sets the latter; -1. */
int run_together(struct run *r, bool frozen, struct err *e) MUST_CHECK;
int run_thawed(const struct run *r, struct err *e);

/** run_seek_old(r, path, n, hit, e): step the parent's manifest up to ${path} (NULL: to its end); *hit: r->old is exactly there. */
int run_seek_old(struct run *r, const uint8_t *path, size_t n, bool *hit, struct err *e) MUST_CHECK;

/** run_walk(r, e): every entry of the backup paths into the tree (or, for a dry run, counted). */
int run_walk(struct run *r, struct err *e) MUST_CHECK;

/** run_unread(r, path, n, left, kept, why): note in the run list, and tell people, that ${path} is not (wholly) in the point;
 * ${kept}: as the parent has it. run_skipped: the same for what is left out on purpose; it does not make the point partial.
 * run_list_end: no more; the list counts what it does not hold. */
void run_unread(struct run *r, const uint8_t *path, size_t n, enum left left, bool kept, const struct err *why);
void run_skipped(struct run *r, const uint8_t *path, size_t n, enum left left, const char *pattern);
void run_list_end(struct run *r);

/** run_mark_old(r, en, of, e): mark what an entry that is taken over needs (${of}: from an interrupted run, or NULL): 1, or 0
 * when the vault has lost some of it. */
int run_mark_old(struct run *r, const struct entry *en, const struct attempt *of, struct err *e) MUST_CHECK;

/** run_keeps(left): whether what fails for this reason is kept as the parent has it. run_keep(r, old, flags, e): take the parent's
 * entry over, with more flags: 1, or 0 when it cannot be. run_blind(r, path, n): this directory could not be listed to its end: what the parent
 * has below it is kept. run_shut: this one is left out, with all below it. run_keep_unseen(r, e): r->old is passed over. */
bool run_keeps(enum left left);
int run_keep(struct run *r, const struct entry *old, uint8_t flags, struct err *e) MUST_CHECK;
void run_blind(struct run *r, const uint8_t *path, size_t n);
void run_shut(struct run *r, const uint8_t *path, size_t n);
int run_keep_unseen(struct run *r, struct err *e) MUST_CHECK;

/** facts_collect(out): host facts as JSON (FORMAT §6): what a bare-metal restore wants to know. */
void facts_collect(struct buf *out);

/* backup_found.c: the old version of a file that has a new name */
struct found {
    struct page_iter it;
    struct buf page;
    struct manifest_walk *w;
    struct entry en; /* valid until found_free */
    bool has, guessed;
};
void found_init(struct found *f);
/** found_find(r, item, st, f, e): the parent's entry for a large file that it has under another name, if it has one: that of its
 * inode, or the newest beside it that is called the same but for digits. */
int found_find(struct run *r, const struct walk_item *item, const struct stat *st, struct found *f, struct err *e) MUST_CHECK;
/** found_told(r, f, used): how many bytes of it were used again; guessing ends where it is in vain. */
void found_told(struct run *r, const struct found *f, uint64_t used);
void found_free(struct found *f);

#endif
