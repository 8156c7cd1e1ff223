/* The reserve. Its size is the file's own, so nothing has to be remembered: if interrupted anywhere, it is smaller than it
 * should be, and the next reserve_make sees that. Two that release at once release what both need, or find less. */
#include "reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "sys/file.h"

#define RESERVE_NAME "keeper/reserve"

static int reserve_open(struct vault *v, uint64_t *size) {
    struct stat st;
    int fd = openat(v->fd, RESERVE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *size = (uint64_t)st.st_size;
        return fd;
    }
    if (fd >= 0) close(fd);
    return -1;
}

void reserve_make(struct vault *v) {
    struct statvfs fs;
    uint64_t size = 0, want = RESERVE_BYTES;
    CLEANUP_FD int fd = reserve_open(v, &size);
    if (fd < 0 || fstatvfs(fd, &fs) < 0) return;
    uint64_t whole = (uint64_t)fs.f_blocks * fs.f_frsize, room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (want > whole / 16) want = whole / 16;
    if (size >= want || room < 2 * (want - size)) return;
    /* Where the file system cannot allocate, a file with holes would promise what it does not keep. */
    if (fallocate(fd, 0, 0, (off_t)want) < 0) (void)!ftruncate(fd, (off_t)size);
}

bool reserve_release(struct vault *v, uint64_t bytes) {
    uint64_t size = 0;
    CLEANUP_FD int fd = reserve_open(v, &size);
    if (fd < 0 || !size) return false;
    return ftruncate(fd, bytes < size ? (off_t)(size - bytes) : 0) == 0;
}
