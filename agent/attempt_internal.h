/** What attempt.c (one file of two parts; the interface) and attempt_file.c (blocks, packs, what was left) share. */
#ifndef AGENT_ATTEMPT_INTERNAL_H
#define AGENT_ATTEMPT_INTERNAL_H

#include <sys/types.h>

#include "attempt.h"

#define ATTEMPT "attempt"

enum { ATTEMPT_BLOCK_MAX = ZB_SEGMENT_MAX };
enum block_type { B_HEAD = 1, B_PACK = 2, B_PAGE = 3, B_MARK = 4 };

struct sent_pack {
    uint32_t pack;
    uint8_t sum[SEAL_ID];
    bool here; /* the vault has it */
};

/* One rising part, read page after page; it ends at the mark, at the end, or where something is wrong. */
struct cursor {
    int fd;
    off_t at;
    struct buf page;
    struct page_iter it;
    struct entry en;
    bool open, has;
};

struct attempt {
    int dirfd, fd; /* -1: nothing is written */
    uint8_t key[SEAL_KEY], file_id[SEAL_ID], generation[SEAL_ID], binding[SEAL_HASH];
    uint32_t base;            /* packs below it are older than the journal */
    off_t first, second, end; /* where the parts begin (0: there is none), and where it ends */
    struct sent_pack *packs;
    size_t packs_n, packs_cap;
    struct cursor in[2];
    struct page_writer w;
    struct buf out;
};

/** block_read(a, fd, at, type, out): the block at ${*at}, which moves on; false at the end of what is good. block_write
 * appends one; when that fails nothing is written any more (attempt_give_up). */
bool attempt_block_read(const struct attempt *a, int fd, off_t *at, uint8_t *type, struct buf *out);
void attempt_block_write(struct attempt *a, uint8_t type, const void *p, size_t n);
void attempt_give_up(struct attempt *a);

/** What begins a new file, and one pack of it. attempt_scan: the parts, packs and last good block of an old one; false
 * when it is not of this generation, parent and host, or contradicts itself. */
void attempt_head_write(struct attempt *a);
void attempt_pack_write(struct attempt *a, uint32_t pack, const uint8_t sum[SEAL_ID]);
bool attempt_scan(struct attempt *a, int fd, uint32_t first_pack);

#endif
