/* Small files with the keys and what is pinned. Secrets are the raw 32 bytes, public keys one line of base64, ids lines of
 * a word and a value: all can be looked at and restored from a note. Readers accept exactly what the writers write. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

enum { SMALL_MAX = 4096 };

int state_open(struct config *c, bool make, struct err *e) {
    if (make && file_mkdirs(AT_FDCWD, c->state, 0700, e) < 0) return -1;
    c->statefd = open(c->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->statefd < 0) return err_sys(e, c->state, "open");
    struct stat st;
    if (fstat(c->statefd, &st) < 0) return err_sys(e, c->state, "stat");
    if (st.st_uid != geteuid() || (st.st_mode & 077))
        return err_set(e, ZE_CONFIG, c->state, _("keys live here: it must belong to this user alone (chmod 700)"));
    return 0;
}

/* A name of the state directory for errors. */
static const char *named(const struct config *c, const char *name, char out[256]) {
    snprintf(out, 256, "%.200s/%.50s", c->state, name);
    return out;
}

int state_secret(struct config *c, const char *name, bool make, uint8_t **out, struct err *e) {
    char path[256];
    uint8_t *p = secret_alloc(SEAL_KEY);
    if (!p) return err_set(e, ZE_NOMEM, named(c, name, path), "secret memory");
    *out = p;
    if (make) {
        seal_random(p, SEAL_KEY);
        if (file_put_new(c->statefd, name, p, SEAL_KEY, 0600, e) < 0) return -1;
    }
    /* Read in any case: an interrupted enrolment left a key that goes on being used. */
    CLEANUP_FD int fd = openat(c->statefd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return err_sys(e, named(c, name, path), "open");
    uint8_t more;
    ssize_t got = file_read_full(fd, p, SEAL_KEY);
    if (got < 0) return err_sys(e, named(c, name, path), "read");
    if (got != SEAL_KEY || file_read_full(fd, &more, 1) != 0)
        return err_set(e, ZE_DAMAGED, named(c, name, path), _("expected %d bytes"), SEAL_KEY);
    return 0;
}

static int pub_load(const struct config *c, const char *name, uint8_t out[SEAL_SIGN_PUB], struct err *e) {
    struct buf b;
    char path[256];
    buf_init(&b, SMALL_MAX);
    int rc = file_load(c->statefd, name, SMALL_MAX, &b, e);
    if (rc == 0) {
        size_t n = b.len;
        while (n && b.p[n - 1] == '\n') n--;
        if (b64_decode(out, SEAL_SIGN_PUB, (const char *)b.p, n) != SEAL_SIGN_PUB)
            rc = err_set(e, ZE_DAMAGED, named(c, name, path), _("expected one line of base64"));
    } else {
        err_wrap(e, "%s", c->state);
    }
    buf_free(&b);
    return rc;
}

static int pub_save(const struct config *c, const char *name, const uint8_t pub[SEAL_SIGN_PUB], struct err *e) {
    char line[64];
    b64_encode(line, sizeof line - 1, pub, SEAL_SIGN_PUB);
    strcat(line, "\n");
    return file_replace(c->statefd, name, line, strlen(line), 0600, e);
}

bool state_enrolled(const struct config *c) { return faccessat(c->statefd, "ids", F_OK, 0) == 0; }

static int ids_parse(struct config *c, const char *text, struct err *e) {
    char host[64], host_id[33], system[64], system_id[33], vault_id[33], check[33], path[256];
    int end = 0, more = 0;
    if (sscanf(text, "host %63s\nhost-id %32s\nsystem %63s\nsystem-id %32s\nvault-id %32s\n%n", host, host_id, system,
            system_id, vault_id, &end) != 5 ||
        (text[end] && (sscanf(text + end, "key-check %32s\n%n", check, &more) != 1 || text[end + more] ||
                          !text_unhex(c->key_check, SEAL_ID, check))) ||
        !text_unhex(c->ids.host_id, SEAL_ID, host_id) || !text_unhex(c->ids.system_id, SEAL_ID, system_id) ||
        !text_unhex(c->vault_id, SEAL_ID, vault_id) || !text_name_ok(host) || !text_name_ok(system))
        return err_set(e, ZE_DAMAGED, named(c, "ids", path), _("it is not what the enrolment wrote"));
    if (*c->host && strcmp(c->host, host) != 0)
        return err_set(e, ZE_CONFIG, c->file, _("host: %s, but %s was enrolled as %s"), c->host, c->state, host);
    strcpy(c->host, host);
    strcpy(c->system, system);
    c->has_key_check = more > 0; /* earlier enrolments have none */
    return 0;
}

int state_key_fits(const struct config *c, struct err *e) {
    uint8_t check[SEAL_ID];
    char path[256];
    key_check(check, c->host_key);
    if (!c->has_key_check || seal_equal(check, c->key_check, SEAL_ID)) return 0;
    return err_set(e, ZE_DAMAGED, named(c, "host.key", path), _("it is not the key that ids was written for: one of the two is damaged"));
}

int state_load(struct config *c, struct err *e) {
    struct buf b;
    buf_init(&b, SMALL_MAX + 1);
    int rc = file_load(c->statefd, "ids", SMALL_MAX, &b, e);
    if (rc < 0 && e->id == ZE_NOTFOUND)
        err_set(e, ZE_NOTFOUND, c->state, _("this host is not enrolled; zaibei-agent enroll does it"));
    if (rc == 0) {
        buf_u8(&b, 0);
        rc = buf_ok(&b) ? ids_parse(c, (const char *)b.p, e) : err_set(e, ZE_NOMEM, c->state, "ids");
    }
    buf_free(&b);
    if (rc == 0) rc = pub_load(c, "vault.pub", c->vault_pub, e);
    if (rc == 0 && c->transport != TRANSPORT_DIR) rc = pub_load(c, "ssh_host.pub", c->ssh_host_pub, e);
    return rc;
}

int state_pin_vault(const struct config *c, struct err *e) { return pub_save(c, "vault.pub", c->vault_pub, e); }

int state_pin(const struct config *c, struct err *e) {
    if (state_pin_vault(c, e) < 0) return -1;
    return c->transport == TRANSPORT_DIR ? 0 : pub_save(c, "ssh_host.pub", c->ssh_host_pub, e);
}

int state_enrol(const struct config *c, struct err *e) {
    char text[512], host_id[33], system_id[33], vault_id[33], check_hex[33];
    uint8_t check[SEAL_ID];
    key_check(check, c->host_key);
    text_hex(check_hex, check, SEAL_ID);
    text_hex(host_id, c->ids.host_id, SEAL_ID);
    text_hex(system_id, c->ids.system_id, SEAL_ID);
    text_hex(vault_id, c->vault_id, SEAL_ID);
    int n = snprintf(text, sizeof text, "host %s\nhost-id %s\nsystem %s\nsystem-id %s\nvault-id %s\nkey-check %s\n",
        c->host, host_id, c->system, system_id, vault_id, check_hex);
    return file_put_new(c->statefd, "ids", text, (size_t)n, 0600, e);
}

/* ---- what a run leaves ---- */

int state_lock(const struct config *c, struct err *e) {
    int fd = openat(c->statefd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return err_sys(e, c->state, "lock");
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno == EWOULDBLOCK) err_set(e, ZE_BUSY, c->host, _("a backup is running on this machine"));
    else err_sys(e, c->state, "lock");
    close(fd);
    return -1;
}

/* The ids in the file; what is not a list of ids counts as none. */
static size_t pending_load(const struct config *c, uint8_t ids[PENDING_MAX * SEAL_ID]) {
    struct err ignored = ERR_INIT;
    struct buf b;
    size_t n = 0;
    buf_init(&b, PENDING_MAX * SEAL_ID);
    if (file_load(c->statefd, "upload", PENDING_MAX * SEAL_ID, &b, &ignored) == 0 && b.len % SEAL_ID == 0) {
        n = b.len / SEAL_ID;
        if (n) memcpy(ids, b.p, b.len);
    }
    buf_free(&b);
    return n;
}

static int pending_save(const struct config *c, const uint8_t *ids, size_t n, struct err *e) {
    return file_replace(c->statefd, "upload", ids, n * SEAL_ID, 0600, e) < 0 ? err_wrap(e, "%s", c->state) : 0;
}

static size_t pending_find(const uint8_t *ids, size_t n, const uint8_t id[SEAL_ID]) {
    size_t i = 0;
    while (i < n && memcmp(ids + i * SEAL_ID, id, SEAL_ID) != 0) i++;
    return i;
}

bool state_pending(const struct config *c, const uint8_t id[SEAL_ID]) {
    uint8_t ids[PENDING_MAX * SEAL_ID];
    size_t n = pending_load(c, ids);
    return pending_find(ids, n, id) < n;
}

int state_pending_add(const struct config *c, const uint8_t id[SEAL_ID], struct err *e) {
    uint8_t ids[PENDING_MAX * SEAL_ID];
    size_t n = pending_load(c, ids);
    if (n == PENDING_MAX) memmove(ids, ids + SEAL_ID, --n * SEAL_ID);
    memcpy(ids + n * SEAL_ID, id, SEAL_ID);
    return pending_save(c, ids, n + 1, e);
}

void state_pending_drop(const struct config *c, const uint8_t id[SEAL_ID]) {
    struct err ignored = ERR_INIT;
    uint8_t ids[PENDING_MAX * SEAL_ID];
    size_t n = pending_load(c, ids), i = pending_find(ids, n, id);
    if (i == n) return;
    memmove(ids + i * SEAL_ID, ids + (i + 1) * SEAL_ID, (n - i - 1) * SEAL_ID);
    if (pending_save(c, ids, n - 1, &ignored) < 0) return; /* one more than needed */
}

void state_pending_only(const struct config *c, const uint8_t id[SEAL_ID]) {
    struct err ignored = ERR_INIT;
    uint8_t ids[PENDING_MAX * SEAL_ID];
    if (pending_load(c, ids) > 1 && pending_save(c, id, 1, &ignored) < 0) return; /* the same */
}

void state_pending_clear(const struct config *c) { unlinkat(c->statefd, "upload", 0); }

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)ftw;
    (void)(type == FTW_DP ? rmdir(path) : unlink(path));
    return 0;
}

void state_forget(const struct config *c) {
    char path[sizeof c->state + 8];
    snprintf(path, sizeof path, "%s/cache", c->state);
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    state_pending_clear(c);
}
