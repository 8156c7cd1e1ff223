/* The keeper's end of one connection: a table of requests, who may make them, and a loop. After an error in a request
 * the loop goes on, since every request stands alone; serve decides what its agent may still do. */
#include "keeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "sys/file.h"

/* Who may ask: bits of 1 << enum bind_mode, UNBOUND before K_BIND, OVER_CONTROL on the control socket. */
enum { UNBOUND = 1, HOST = 1 << BIND_HOST, ENROLLING = 1 << BIND_TOKEN | 1 << BIND_LOCAL, OVER_CONTROL = 64 };

static const struct request {
    uint8_t type, who;
    int (*run)(struct keeper *k, struct rd *r, struct err *e);
} requests[] = {
    {K_BIND, UNBOUND, keeper_bind},
    {F_LIST, HOST, keeper_list},
    {F_BEGIN, HOST, keeper_begin},
    {K_PLACE, HOST, keeper_place},
    {F_USED, HOST, keeper_used},
    {F_COMMIT, HOST, keeper_commit},
    {F_ABANDON, HOST, keeper_abandon},
    {F_INDEX, HOST, keeper_index},
    {K_OPEN, HOST, keeper_open},
    {K_TAKE, HOST, keeper_take},
    {F_ENROL, ENROLLING, keeper_enrol},
    {F_KEYS, HOST, keeper_keys},
    {K_CONTROL, OVER_CONTROL, keeper_control},
};

int keeper_malformed(struct keeper *k, struct err *e) {
    return err_set(e, ZE_PROTO, k->host, _("a malformed request"));
}

/* Rights are read again for every request: what the administrator changes holds at once, for sessions that are open
 * too. */
static int still_welcome(struct keeper *k, struct err *e) {
    if (k->mode != BIND_HOST) return 0;
    if (rights_load(k->v, k->host, &k->rights, e) < 0) return -1;
    return k->rights.revoked ? err_set(e, ZE_AUTH, k->host, _("this host was revoked")) : 0;
}

static int dispatch(struct keeper *k, uint8_t type, struct rd *r, struct err *e) {
    unsigned am = k->role == ROLE_CONTROL ? OVER_CONTROL : k->mode ? 1u << k->mode : UNBOUND;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (requests[i].type != type || !(requests[i].who & am)) continue;
        if (still_welcome(k, e) < 0) return -1;
        buf_reset(&k->out);
        return requests[i].run(k, r, e);
    }
    return err_set(e, ZE_PROTO, k->host, _("request %02x is not allowed here"), type);
}

static int keeper_loop(struct keeper *k, struct err *e) {
    for (;;) {
        uint8_t type;
        struct rd r;
        struct err why = ERR_INIT;
        int rc = frames_get(&k->f, &type, &r, e);
        if (rc <= 0) return rc;
        int answer = dispatch(k, type, &r, &why);
        if (answer > 0) rc = frames_put_buf(&k->f, (uint8_t)answer, &k->out, &why);
        if (answer < 0 || rc < 0) rc = frames_error(&k->f, &why, e);
        if (rc < 0) return -1;
    }
}

int keeper_run(struct vault *v, int fd, enum keeper_role role, struct err *e) {
    struct keeper k = {.v = v, .role = role, .lease = -1, .opened = -1};
    frames_init(&k.f, fd, fd, -1, "serve");
    buf_init(&k.raw, ZB_RECORD_MAX);
    buf_init(&k.out, FRAME_MAX);
    int rc = keeper_loop(&k, e);
    frames_free(&k.f);
    buf_free(&k.raw);
    buf_free(&k.out);
    log_free(&k.log);
    pack_list_free(&k.packs);
    if (k.opened >= 0) close(k.opened);
    if (k.lease >= 0) close(k.lease);
    return rc;
}

int keeper_lease(struct keeper *k, struct err *e) {
    if (k->lease >= 0) return 0;
    k->lease = lock_file(k->v, k->host, e);
    if (k->lease < 0) return -1;
    spool_sweep(k->v, k->host);
    return 0;
}

void spool_sweep(struct vault *v, const char *host) {
    char path[128];
    snprintf(path, sizeof path, "spool/%s", host);
    int fd = openat(v->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) return;
    for (struct dirent *de; (de = readdir(d));)
        if (*de->d_name != '.') unlinkat(fd, de->d_name, 0);
    closedir(d);
}
