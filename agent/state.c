/* Small files with the keys and what is pinned. Secrets are the raw 32 bytes, public keys one line of base64, ids lines of
 * a word and a value: all can be looked at and restored from a note. Readers accept exactly what the writers write. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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
    char host[64], host_id[33], system[64], system_id[33], vault_id[33], path[256];
    int end = 0;
    if (sscanf(text, "host %63s\nhost-id %32s\nsystem %63s\nsystem-id %32s\nvault-id %32s\n%n", host, host_id, system,
            system_id, vault_id, &end) != 5 ||
        text[end] || !text_unhex(c->ids.host_id, SEAL_ID, host_id) || !text_unhex(c->ids.system_id, SEAL_ID, system_id) ||
        !text_unhex(c->vault_id, SEAL_ID, vault_id) || !text_name_ok(host) || !text_name_ok(system))
        return err_set(e, ZE_DAMAGED, named(c, "ids", path), _("it is not what the enrolment wrote"));
    if (*c->host && strcmp(c->host, host) != 0)
        return err_set(e, ZE_CONFIG, c->file, _("host: %s, but %s was enrolled as %s"), c->host, c->state, host);
    strcpy(c->host, host);
    strcpy(c->system, system);
    return 0;
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

int state_pin(const struct config *c, struct err *e) {
    if (pub_save(c, "vault.pub", c->vault_pub, e) < 0) return -1;
    return c->transport == TRANSPORT_DIR ? 0 : pub_save(c, "ssh_host.pub", c->ssh_host_pub, e);
}

int state_enrol(const struct config *c, struct err *e) {
    char text[512], host_id[33], system_id[33], vault_id[33];
    text_hex(host_id, c->ids.host_id, SEAL_ID);
    text_hex(system_id, c->ids.system_id, SEAL_ID);
    text_hex(vault_id, c->vault_id, SEAL_ID);
    int n = snprintf(text, sizeof text, "host %s\nhost-id %s\nsystem %s\nsystem-id %s\nvault-id %s\n", c->host, host_id,
        c->system, system_id, vault_id);
    return file_put_new(c->statefd, "ids", text, (size_t)n, 0600, e);
}
