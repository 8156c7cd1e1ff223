/** zaibeid's API behind a real socket with a real client: what the tests share that speak HTTP. The test brings configuration,
 * clock and the vault's script. */
#ifndef UNIT_API_SERVED_H
#define UNIT_API_SERVED_H

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "sys/sock.h"
#include "wrap/http.h"

static struct daemon d;
static struct httpd *server;
static struct http *client;
static char dir[64], served_at[128];
static struct buf answer;

/** served_open: a catalog in a directory of its own, and the server. served_close: all gone. */
static inline void served_open(const struct config *cfg, struct clock *clock, const char *const *vault) {
    struct err e = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    strcpy(dir, "/tmp/check_api.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(served_at, sizeof served_at, "%s/s", dir);
    ck_assert_int_eq(seal_init(&e), 0);
    d = (struct daemon){.cfg = cfg, .clock = clock};
    control_init(&d.control, vault);
    ck_assert_ptr_nonnull(d.db = catalog_open(dir, &e));
    int fd = sock_listen(served_at, 0660, &e);
    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_nonnull(server = httpd_start(fd, api_handle, &d, &e));
    ck_assert_ptr_nonnull(client = http_new(served_at));
    buf_init(&answer, 4 << 20);
}

static inline void served_close(void) {
    char cmd[100];
    http_free(client);
    httpd_stop(server);
    control_release(&d.control);
    db_close(d.db);
    buf_free(&answer);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

#endif
