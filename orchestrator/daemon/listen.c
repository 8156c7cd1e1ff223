/* Listening on the network. The socket is made once and kept; each server gets a duplicate of it, so that at a
 * change of the certificate the new server takes connections before the old one stops, and none is refused in
 * between. The key is in memory only while a server starts. */
#include "listen.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "base/i18n.h"
#include "gate.h"
#include "sys/file.h"
#include "sys/sock.h"

enum { PEM_MAX = 1 << 20 };

struct listener {
    struct daemon *d;
    struct httpd *server;
    int fd;
};

static bool admit(void *arg, const char *source) { return gate_admit(arg, source); }

/* A file of text, NUL-terminated; ${secret}: that nobody but its owner can read. */
static int load(const char *path, bool secret, struct buf *b, struct err *e) {
    struct stat st;
    buf_init(b, PEM_MAX + 1);
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) return err_sys(e, path, _("open"));
    if (!S_ISREG(st.st_mode)) return err_set(e, ZE_TLSFILES, path, _("not a file"));
    if (secret && (st.st_mode & 077))
        return err_set(e, ZE_TLSFILES, path, _("others can read this key; make it mode 0600"));
    if (secret && st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(e, ZE_TLSFILES, path, _("this key belongs to somebody else"));
    uint8_t *at = st.st_size < PEM_MAX ? buf_reserve(b, (size_t)st.st_size + 1) : NULL;
    if (!at) return err_set(e, ZE_TLSFILES, path, _("more than %d bytes"), PEM_MAX);
    ssize_t n = read(fd, at, (size_t)st.st_size);
    if (n < 0) return err_sys(e, path, _("read"));
    b->len = (size_t)n;
    buf_u8(b, 0);
    return 0;
}

static struct httpd *serve(struct listener *l, struct err *e) {
    const struct config *cfg = l->d->cfg;
    struct buf certificate, key;
    struct httpd *h = NULL;
    buf_init(&key, 0);
    if (load(cfg->listen_certificate, false, &certificate, e) == 0 && load(cfg->listen_key, true, &key, e) == 0) {
        struct httpd_net net = {(char *)certificate.p, (char *)key.p, l->d->clock, admit};
        int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0) err_sys(e, cfg->listen, "dup");
        else h = httpd_start_tls(fd, &net, api_handle, l->d, e);
    }
    if (key.p) seal_wipe(key.p, key.cap);
    buf_free(&key), buf_free(&certificate);
    return h;
}

int listen_open(struct daemon *d, struct listener **out, struct err *e) {
    *out = NULL;
    if (!d->cfg->listen) return 0;
    struct listener *l = calloc(1, sizeof *l);
    if (!l) return err_set(e, ZE_NOMEM, "zaibeid", "listen");
    l->d = d, l->fd = sock_listen_net(d->cfg->listen, e);
    if (l->fd < 0 || !(l->server = serve(l, e))) return listen_close(l), -1;
    daemon_log(d, _("zaibeid serves https://%s"), d->cfg->listen);
    *out = l;
    return 0;
}

void listen_reload(struct listener *l) {
    struct err e = ERR_INIT;
    if (!l) return;
    struct httpd *next = serve(l, &e);
    if (!next)
        return daemon_log(l->d, _("the certificate stays as it was: ZB-%u %s: %s"), (unsigned)e.id, e.object, e.msg);
    struct httpd *old = l->server;
    l->server = next;
    httpd_stop(old);
    daemon_log(l->d, _("the certificate was read again"));
}

void listen_tick(struct listener *l) {
    if (l) httpd_tick(l->server);
}

void listen_close(struct listener *l) {
    if (!l) return;
    httpd_stop(l->server);
    if (l->fd >= 0) close(l->fd);
    free(l);
}
