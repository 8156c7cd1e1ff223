/* Signature files. Nothing is fsynced: a torn one fails the check against the digest and is not used. */
#include "sigs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"

enum { ROWS_BUFFERED = 910 };

struct sig_writer {
    int dirfd, fd;
    char tmp[32];
    size_t n;
    bool bad;
    uint8_t rows[ROWS_BUFFERED * RDIFF_SIG_ROW];
};

static void name_of(char out[40], const uint8_t digest[SEAL_HASH]) {
    text_hex(out, digest, 16);
    strcat(out, ".sig");
}

struct sig_writer *sig_writer_open(int dirfd, uint32_t block_len) {
    struct sig_writer *w = malloc(sizeof *w);
    if (!w) return NULL;
    uint64_t r;
    seal_random(&r, sizeof r);
    snprintf(w->tmp, sizeof w->tmp, "tmp-%016llx", (unsigned long long)r);
    w->dirfd = dirfd, w->n = 0, w->bad = false;
    w->fd = openat(dirfd, w->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    uint8_t head[RDIFF_SIG_HEAD];
    rdiff_sig_head_put(head, block_len);
    if (w->fd >= 0 && file_write_all(w->fd, head, sizeof head) == 0) return w;
    if (w->fd >= 0) sig_writer_drop(w);
    else free(w);
    return NULL;
}

static void flush_rows(struct sig_writer *w) {
    if (!w->bad && file_write_all(w->fd, w->rows, w->n * RDIFF_SIG_ROW) < 0) w->bad = true;
    w->n = 0;
}

void sig_writer_row(struct sig_writer *w, uint32_t weak, const uint8_t strong[SEAL_HASH]) {
    if (!w) return;
    rdiff_sig_row_put(w->rows + w->n++ * RDIFF_SIG_ROW, weak, strong);
    if (w->n == ROWS_BUFFERED) flush_rows(w);
}

void sig_writer_keep(struct sig_writer *w, const uint8_t digest[SEAL_HASH]) {
    if (!w) return;
    char name[40];
    name_of(name, digest);
    flush_rows(w);
    if (w->bad || renameat(w->dirfd, w->tmp, w->dirfd, name) < 0) {
        sig_writer_drop(w);
        return;
    }
    close(w->fd);
    free(w);
}

void sig_writer_drop(struct sig_writer *w) {
    if (!w) return;
    close(w->fd);
    unlinkat(w->dirfd, w->tmp, 0);
    free(w);
}

int sig_open(int dirfd, const uint8_t digest[SEAL_HASH], uint32_t block_len, uint64_t rows) {
    char name[40];
    name_of(name, digest);
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -1;
    uint8_t head[RDIFF_SIG_HEAD];
    uint32_t len;
    struct stat st;
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size == RDIFF_SIG_HEAD + rows * RDIFF_SIG_ROW &&
        file_pread_full(fd, head, sizeof head, 0) == sizeof head &&
        rdiff_sig_head_get(head, &len, name, NULL) == 0 && len == block_len)
        return fd;
    close(fd);
    return -1;
}

struct aged {
    char name[40];
    int64_t age;
    uint64_t size;
};

static int by_age(const void *a, const void *b) {
    int64_t x = ((const struct aged *)a)->age, y = ((const struct aged *)b)->age;
    return x < y ? -1 : x > y;
}

void sig_prune(int dirfd, uint64_t budget) {
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) return;
    struct aged *all = NULL;
    size_t n = 0, cap = 0;
    uint64_t total = 0;
    for (struct dirent *de; (de = readdir(d));) {
        struct stat st;
        if (strlen(de->d_name) >= sizeof all->name || fstatat(dirfd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
        if (!S_ISREG(st.st_mode)) continue;
        if (strncmp(de->d_name, "tmp-", 4) == 0) {
            unlinkat(dirfd, de->d_name, 0); /* of a run that was killed: runs are serialised by the state's lock */
            continue;
        }
        if (n == cap) {
            struct aged *p = reallocarray(all, cap = cap ? cap * 2 : 256, sizeof *p);
            if (!p) break;
            all = p;
        }
        all[n] = (struct aged){.age = st.st_mtim.tv_sec, .size = (uint64_t)st.st_size};
        strcpy(all[n++].name, de->d_name);
        total += (uint64_t)st.st_size;
    }
    if (total > budget && n) qsort(all, n, sizeof *all, by_age);
    for (size_t i = 0; i < n && total > budget; i++)
        if (unlinkat(dirfd, all[i].name, 0) == 0) total -= all[i].size;
    free(all);
    closedir(d);
}
