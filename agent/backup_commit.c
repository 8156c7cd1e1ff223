/* Ending a run: the top of the manifest, the used pages, COMMIT, the receipt, and what the caches keep of it. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_internal.h"
#include "base/i18n.h"
#include "base/text.h"
#include "sigs.h"
#include "state.h"
#include "sys/file.h"

enum { FRAME_HEAD = 5 };
#define DISTRUST "distrust"
#define DISTRUST_FULL "full\n"
static const uint64_t SIG_BUDGET_MIN = 64 << 20, SIG_BUDGET_MAX = 4ull << 30;

/* What was asked for; the caller frees the array, not what it points to. */
static char **root_paths(const struct run *r, char *dumps, size_t *n) {
    char *const *walked = walk_paths(r->walk, n);
    char **out = calloc(*n + 2, sizeof *out);
    if (!out) return NULL;
    if (*n) memcpy(out, walked, *n * sizeof *out);
    if (r->dumps.n) out[(*n)++] = dumps;
    return out;
}

int run_seal_root(struct run *r, struct buf *sealed, struct err *e) {
    struct root root = {.walk_start = r->out->walked};
    struct buf plain;
    buf_init(&plain, ZB_SEGMENT_MAX);
    int rc = -1;
    if (tree_finish(r->tree, &root, e) < 0) goto out;
    facts_collect(&plain);
    if (!buf_ok(&plain)) err_set(e, ZE_NOMEM, NULL, "host facts");
    if (!buf_ok(&plain) || upload_meta(r->upload, SEG_FACTS, plain.p, (uint32_t)plain.len, &root.facts, e) < 0 ||
        used_mark(r->used, root.facts, e) < 0)
        goto out;
    root.has_facts = true;
    run_list_end(r);
    if (r->list.len) {
        if (upload_meta(r->upload, SEG_RUNLIST, r->list.p, (uint32_t)r->list.len, &root.runlist, e) < 0 ||
            used_mark(r->used, root.runlist, e) < 0)
            goto out;
        root.has_runlist = true;
    }
    if (upload_finish(r->upload, e) < 0) goto out;
    gethostname(root.host_name, sizeof root.host_name - 1);
    char dumps[] = "/.zaibei/dumps", **paths = root_paths(r, dumps, &root.paths_n);
    if (!paths) {
        err_set(e, ZE_NOMEM, NULL, "root");
        goto out;
    }
    root.paths = paths;
    r->out->files = root.files, r->out->bytes = root.bytes;
    buf_reset(&plain);
    int put = root_put(&plain, &root, e);
    free(paths);
    if (put < 0) goto out;
    rc = root_seal(r->sealer, r->keys, r->begin.begin.point, r->begin.begin.epoch, plain.p, plain.len, sealed, e);
out:
    buf_free(&plain);
    return rc;
}

/* Send the used pages that the parent does not have; list all of them behind the other fields of COMMIT. */
static int put_used(struct run *r, struct buf *commit, struct err *e) {
    struct buf page, refs;
    uint64_t n = 0;
    int rc = 0;
    buf_init(&page, FRAME_MAX);
    buf_init(&refs, FRAME_MAX);
    for (uint32_t i = 0; rc == 0 && i < used_pages(r->used); i++) {
        uint8_t no[4] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), (uint8_t)(i >> 24)}, hash[SEAL_HASH];
        if (!used_page(r->used, r->begin.begin.generation, i, &page)) continue;
        seal_hash(hash, page.p, page.len);
        bool same = false;
        for (size_t k = 0; r->parent.type && k < r->parent.commit.used_n && !same; k++)
            same = r->parent.commit.used[k].page == i && memcmp(r->parent.commit.used[k].hash, hash, SEAL_HASH) == 0;
        if (!same) rc = frames_put(&r->session.f, F_USED, no, sizeof no, page.p, page.len, e);
        buf_u32(&refs, i);
        buf_put(&refs, hash, SEAL_HASH);
        n++;
    }
    buf_vu(commit, n);
    buf_put(commit, refs.p, refs.len);
    buf_free(&page);
    buf_free(&refs);
    return rc;
}

/* The bytes sent count COMMIT itself too, so the number is put in when its length is known. */
static void put_sent(uint8_t *at, uint64_t sent) {
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(sent >> (8 * i));
}

/* The point exists: what says so is checked and written down. */
static int take_receipt(struct run *r, const uint8_t upload[SEAL_ID], const uint8_t *p, size_t n, struct record *receipt,
    struct err *e) {
    if (run_record(r, p, n, REC_COMMIT, receipt, e) < 0) return -1;
    if (run_fresh(r, receipt, e) < 0) return -1;
    if (memcmp(receipt->commit.upload, upload, SEAL_ID) != 0 || receipt->commit.point != r->begin.begin.point)
        return err_set(e, ZE_PROTO, r->cfg->vault, _("a receipt for something else"));
    /* If interrupted here: this machine shows its older receipt, and knows the point by its upload id. */
    struct err why = ERR_INIT;
    if (file_replace(r->cfg->statefd, "receipt", p, n, 0600, &why) == 0) return 0;
    r->no_receipt = true;
    err_wrap(&why, "%s", r->cfg->state);
    err_print("zaibei-agent", &why);
    return 0;
}

int run_commit(struct run *r, const uint8_t upload[SEAL_ID], const struct buf *root, struct record *receipt,
    struct err *e) {
    struct buf b, used;
    struct rd rd;
    size_t n;
    buf_init(&b, FRAME_MAX);
    buf_init(&used, FRAME_MAX);
    int rc = put_used(r, &used, e);
    buf_put(&b, upload, SEAL_ID);
    buf_u8(&b, r->out->state);
    buf_u64(&b, (uint64_t)r->out->walked);
    buf_u64(&b, r->out->files);
    buf_u64(&b, r->out->bytes);
    buf_u64(&b, r->out->bytes_read);
    size_t sent_at = b.len;
    buf_u64(&b, 0);
    buf_blob(&b, root->p, root->len);
    buf_put(&b, used.p, used.len);
    if (buf_ok(&b)) put_sent(b.p + sent_at, r->session.f.sent + r->session.f.out.len + FRAME_HEAD + b.len);
    if (rc == 0) rc = frames_put_buf(&r->session.f, F_COMMIT, &b, e);
    if (rc == 0) rc = session_expect(&r->session, F_COMMITTED, &rd, e);
    buf_free(&b);
    buf_free(&used);
    if (rc < 0) return -1;
    const uint8_t *p = rd_blob(&rd, &n, ZB_RECORD_MAX);
    if (!p) return err_set(e, ZE_PROTO, r->cfg->vault, _("a receipt that cannot be read"));
    return take_receipt(r, upload, p, n, receipt, e);
}

struct mine {
    const struct session *s;
    const uint8_t *upload;
    struct buf raw;
};

static int keep_mine(void *arg, const struct record *rec, struct err *e) {
    struct mine *m = arg;
    if (memcmp(rec->commit.upload, m->upload, SEAL_ID) != 0) return 0;
    buf_put(&m->raw, m->s->raw, m->s->raw_len);
    return buf_ok(&m->raw) ? 0 : err_set(e, ZE_NOMEM, m->s->cfg->vault, "record");
}

int run_commit_ask(struct run *r, const uint8_t upload[SEAL_ID], struct record *receipt, struct err *e) {
    static const int pause_ms[] = {200, 1000}; /* what it has heard it may still be working on */
    struct mine m = {.s = &r->session, .upload = upload};
    int rc = -1;
    buf_init(&m.raw, ZB_RECORD_MAX);
    for (size_t i = 0; i < sizeof pause_ms / sizeof *pause_ms && !m.raw.len; i++) {
        struct err why = ERR_INIT;
        r->session.silent = true;
        session_close(&r->session);
        (void)poll(NULL, 0, pause_ms[i]);
        if (run_stopped(r)) break;
        if (session_open(r->cfg, &r->session, &why) < 0 || session_points(&r->session, keep_mine, &m, &why) < 0) continue;
        if (m.raw.len && take_receipt(r, upload, m.raw.p, m.raw.len, receipt, &why) == 0) rc = 0;
    }
    buf_free(&m.raw);
    return rc;
}

static void remove_dir(int dirfd, const char *name) {
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) return;
    for (struct dirent *de; (de = readdir(d));) unlinkat(fd, de->d_name, 0);
    closedir(d);
    unlinkat(dirfd, name, AT_REMOVEDIR);
}

/* Nothing of an older generation is asked for again. */
static void prune_generations(struct run *r) {
    char hex[33];
    text_hex(hex, r->begin.begin.generation, SEAL_ID);
    int fd = openat(r->cachefd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *de; d && (de = readdir(d));)
        if (strncmp(de->d_name, "ids-", 4) == 0 && strcmp(de->d_name + 4, hex) != 0) unlinkat(fd, de->d_name, 0);
    if (d) closedir(d);
    fd = openat(r->cachefd, "meta", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *de; d && (de = readdir(d));)
        if (de->d_name[0] != '.' && strcmp(de->d_name, hex) != 0) remove_dir(fd, de->d_name);
    if (d) closedir(d);
}

void run_distrust(struct run *r, enum distrust what) {
    struct err ignored = ERR_INIT;
    ids_forget(r->ids);
    attempt_remove(r->cachefd);
    size_t n = what == DISTRUST_PARENT ? strlen(DISTRUST_FULL) : 0;
    if (file_replace(r->cfg->statefd, DISTRUST, DISTRUST_FULL, n, 0600, &ignored) < 0) err_print("zaibei-agent", &ignored);
}

enum distrust run_distrusts(const struct run *r) {
    struct stat st;
    if (fstatat(r->cfg->statefd, DISTRUST, &st, AT_SYMLINK_NOFOLLOW) < 0) return DISTRUST_NOTHING;
    return st.st_size ? DISTRUST_PARENT : DISTRUST_IDENTITIES;
}

/* After the commit only caches are left: their failure is told, and costs time at the next run. */
void run_remember(struct run *r, const struct record *receipt) {
    struct err e = ERR_INIT;
    uint64_t budget = r->out->bytes / 100;
    uint8_t binding[SEAL_HASH];
    run_binding(r, receipt, binding);
    if (ids_commit(r->ids, binding, upload_next_pack(r->upload), &e) < 0) err_print("zaibei-agent", &e);
    sig_prune(r->sigfd, budget < SIG_BUDGET_MIN ? SIG_BUDGET_MIN : budget > SIG_BUDGET_MAX ? SIG_BUDGET_MAX : budget);
    prune_generations(r);
    attempt_remove(r->cachefd);
    if (!r->no_receipt) state_pending_clear(r->cfg);
    unlinkat(r->cfg->statefd, DISTRUST, 0);
}
