/**
 * The cache of signatures (design §4): plain librsync signature files, each named after the digest of the file version it
 * describes, so that a renamed file finds its own, and checked against that digest before it is believed. Losing one
 * costs time only.
 */
#ifndef AGENT_SIGS_H
#define AGENT_SIGS_H

#include <stdint.h>

#include "base/err.h"
#include "wire/rdiff.h"
#include "wrap/seal.h"

struct sig_writer;

/** sig_writer_open(dirfd, block_len): NULL when it cannot be written: then there is simply none. */
struct sig_writer *sig_writer_open(int dirfd, uint32_t block_len);
void sig_writer_row(struct sig_writer *w, uint32_t weak, const uint8_t strong[SEAL_HASH]); /* ${w} may be NULL */
/** sig_writer_keep: give it its name; sig_writer_drop: forget it. Both release; ${w} may be NULL. */
void sig_writer_keep(struct sig_writer *w, const uint8_t digest[SEAL_HASH]);
void sig_writer_drop(struct sig_writer *w);

/** sig_open(dirfd, digest, block_len, rows): descriptor of a signature file with this block length and number of rows, or
 * -1. Its rows are not checked yet. */
int sig_open(int dirfd, const uint8_t digest[SEAL_HASH], uint32_t block_len, uint64_t rows);

/** sig_prune(dirfd, budget): remove the oldest until the rest fits ${budget} bytes. */
void sig_prune(int dirfd, uint64_t budget);

#endif
