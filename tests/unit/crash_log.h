/**
 * What a program does to a directory, written down call by call: each name made or taken away, each write, each fsync.
 * The calls come from crash_seam.h, which stands in for libc's; so what is written down is what the product's own store
 * really does, in its order. From the log crash_state.h makes what a power cut could leave behind.
 */
#ifndef TESTS_CRASH_LOG_H
#define TESTS_CRASH_LOG_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum crash_type { CRASH_CREATE, CRASH_MKDIR, CRASH_LINK, CRASH_UNLINK, CRASH_WRITE, CRASH_SYNC, CRASH_ACK };

struct crash_op {
    enum crash_type type;
    int node, dir;  /* the file or directory; the directory that holds its name */
    char name[128]; /* in that directory */
    size_t at, len; /* CRASH_WRITE: the bytes in log->data, appended to the file */
};

struct crash_log {
    char root[256];
    struct crash_op *op;
    size_t n, cap, base; /* the first ${base} operations make what was there, durable, at the start */
    struct crash_node {
        uint64_t ino;
        bool dir, gone; /* gone: its inode number may come again for another file */
        int names;
    } *node;
    size_t nodes, nodes_cap;
    uint8_t *data;
    size_t data_len, data_cap;
};

/** crash_record(l, root): write down what happens below ${root} from now on; crash_stop ends it. crash_log_free releases. */
void crash_record(struct crash_log *l, const char *root);
void crash_stop(void);
void crash_log_free(struct crash_log *l);
/** crash_ack: here somebody was told that his request is done. Harmless when nothing is recorded. */
void crash_ack(void);

/** What the seam tells: after a call that succeeded. */
bool crash_recording(void);
void crash_note_create(int dirfd, const char *path, bool dir);
void crash_note_link(int dirfd, const char *path);
void crash_note_unlink(int dirfd, const char *path);
void crash_note_write(int fd, const void *p, size_t n);
void crash_note_sync(int fd);

/** crash_fail(kind, n, error): the ${n}-th call of ${kind} from now on fails; kind NULL: none. crash_calls: how many there
 * were since. crash_due: whether this one is to fail; errno is set then. */
void crash_fail(const char *kind, unsigned long n, int error);
/** crash_kill(to): what crash_fail chose is not a failure but the end: it jumps to ${to}, once. */
void crash_kill(jmp_buf *to);
unsigned long crash_calls(void);
bool crash_due(const char *kind);

#endif
