/**
 * What all programs of Zaibei agree on: version, exit codes (docs/ERRORS.md), limits of the formats (docs/FORMAT.md).
 */
#ifndef ZAIBEI_H
#define ZAIBEI_H

#define ZB_VERSION "0.1.0"

enum zb_exit {
    ZB_EXIT_OK = 0,
    ZB_EXIT_FAILED = 1,
    ZB_EXIT_USAGE = 2,
    ZB_EXIT_PARTIAL = 3, /* finished; some files not read or some attributes not restored */
    ZB_EXIT_NOTHING = 4,
    ZB_EXIT_NOTFOUND = 10,
    ZB_EXIT_BUSY = 11,
    ZB_EXIT_DENIED = 12,
    ZB_EXIT_NOSPACE = 13,
    ZB_EXIT_UNREACHABLE = 14,
    ZB_EXIT_DAMAGE = 15,
    ZB_EXIT_CANCELLED = 130,
};

/* FORMAT.md §1: limits that every reader may rely on. */
#define ZB_FORMAT_VERSION 1
#define ZB_SEGMENT_MAX (1u << 20)                  /* plaintext bytes of one segment */
#define ZB_SEALED_MAX (ZB_SEGMENT_MAX + 64u)       /* sealed bytes of one segment */
#define ZB_PACK_MAX (72u << 20)                    /* bytes of one pack file, index and trailer included */
#define ZB_PACK_SLOTS_MAX 16384u                   /* slots of one pack */
#define ZB_RECORD_MAX (16u << 20)                  /* bytes of one log record */
#define ZB_HOSTNAME_MAX 63                         /* [a-z0-9][a-z0-9-]* */

#endif
