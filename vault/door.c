/* Addresses of unix sockets hold 107 bytes and paths of vaults may be longer, so the name goes through /proc/self/fd
 * of the directory that is held open anyway. */
#include "door.h"

#include <stdio.h>
#include <time.h>

#include "sys/sock.h"

enum { RETRY_MS = 100, DOOR_PATH = 100 };

static const char *door_path(char out[DOOR_PATH], int dirfd, const char *name) {
    snprintf(out, DOOR_PATH, "/proc/self/fd/%d/%s", dirfd, name);
    return out;
}

int door_listen(int dirfd, const char *name, mode_t mode, struct err *e) {
    char path[DOOR_PATH];
    return sock_listen(door_path(path, dirfd, name), mode, e);
}

int door_connect(int dirfd, const char *name, int wait_ms, struct err *e) {
    char path[DOOR_PATH];
    for (;; wait_ms -= RETRY_MS) {
        int fd = sock_connect(door_path(path, dirfd, name), e);
        if (fd >= 0 || e->id != ZE_UNREACHABLE) return fd;
        if (wait_ms <= 0) break;
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
    snprintf(e->object, sizeof e->object, "%s", name);
    return -1;
}
