/** What backup.c (the run as a whole), backup_walk.c (entry after entry) and backup_list.c (what was not read) share. */
#ifndef AGENT_BACKUP_INTERNAL_H
#define AGENT_BACKUP_INTERNAL_H

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
    struct record begin, parent; /* parent: type 0 when there is none */
    struct gen_keys *keys;
    struct sealer *sealer;
    struct fetch *fetch;
    struct root parent_root;
    struct ids *ids;
    struct used *used;
    struct upload *upload;
    struct tree *tree;
    struct filer *filer;
    struct attrs attrs;
    struct links *links;
    int cachefd, metafd, sigfd;

    struct walk *walk;
    struct exclude *exclude;
    struct manifest_walk *prev; /* the parent's manifest, in step with the walk; NULL: none */
    struct entry old;           /* its entry at hand */
    bool has_old;
    uint64_t unread, to_read, to_read_bytes; /* the latter two for a dry run */
    struct buf list; /* the run list: JSON lines */
    bool list_cut;
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

/** run_seal_root: all pages stored and acknowledged, the sealed root in ${sealed}. run_commit: COMMIT; the receipt is checked
 * and written down. run_remember: bind the caches to it; failures there are told and cost only time. */
int run_seal_root(struct run *r, struct buf *sealed, struct err *e) MUST_CHECK;
int run_commit(struct run *r, const uint8_t upload[SEAL_ID], const struct buf *root, struct record *receipt, struct err *e)
    MUST_CHECK;
void run_remember(struct run *r, const struct record *receipt);

/** run_distrust(r): the vault found something damaged that this run used: the index is forgotten, and the next run takes
 * nothing by identity that the parent does not have, so that it succeeds. run_distrusts(r): whether this is such a run. */
void run_distrust(struct run *r);
bool run_distrusts(const struct run *r);

/** run_walk(r, e): every entry of the backup paths into the tree (or, for a dry run, counted). */
int run_walk(struct run *r, struct err *e) MUST_CHECK;

/** run_unread(r, path, n, why): note in the run list, and tell people, that ${path} is not (wholly) in the point. */
void run_unread(struct run *r, const uint8_t *path, size_t n, const struct err *why);
/** run_skipped: the same for what is left out on purpose; it does not make the point partial. */
void run_skipped(struct run *r, const uint8_t *path, size_t n, const char *why);

/** facts_collect(out): host facts as JSON (FORMAT §6): what a bare-metal restore wants to know. */
void facts_collect(struct buf *out);

#endif
