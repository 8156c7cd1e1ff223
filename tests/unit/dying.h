/** A process that dies by SIGKILL at its n-th call of those that make SQLite's changes durable. Included by one file of a test
 * program, whose functions these then are. */
#ifndef DYING_H
#define DYING_H

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static int left = -1; /* calls until the end; <0: none */

static void count(void) {
    if (left > 0 && --left == 0) kill(getpid(), SIGKILL);
}

/* With 64-bit offsets this is pwrite64, which SQLite calls. */
ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
    count();
    return syscall(SYS_pwrite64, fd, p, n, at);
}
int fdatasync(int fd) {
    count();
    return (int)syscall(SYS_fdatasync, fd);
}
int fsync(int fd) {
    count();
    return (int)syscall(SYS_fsync, fd);
}
int unlink(const char *path) {
    count();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

#endif
