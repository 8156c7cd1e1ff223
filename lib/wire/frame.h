/**
 * Frames on a byte stream (PROTOCOL.md §1): what agent, serve, keep and zaibeid all speak.
 *
 * A struct frames owns neither descriptor. Reading and writing block, each with a deadline; memory is bounded by
 * FRAME_MAX in each direction. After any error the stream must be given up. A wait can be ended from outside: by what
 * becomes readable at alert_fd.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define FRAME_MAX (2u << 20)
#define FRAME_MAGIC "ZAIBEI1\n"

enum frame_type {
    F_HELLO = 0x01, F_LIST = 0x02, F_BEGIN = 0x04, F_PACK_OPEN = 0x05, F_SEG = 0x06, F_PACK_CLOSE = 0x07, F_USED = 0x08,
    F_COMMIT = 0x09, F_ABANDON = 0x0a, F_INDEX = 0x0b, F_GET = 0x0c, F_CALL = 0x0d, F_PING = 0x0e, F_BYE = 0x0f,
    F_ENROL = 0x10, F_KEYS = 0x11, F_SOURCE = 0x12,
    F_WELCOME = 0x41, F_POINT = 0x42, F_LIST_END = 0x43, F_BEGUN = 0x45, F_PACK_DONE = 0x46, F_COMMITTED = 0x47,
    F_OKAY = 0x48, F_INDEX_DATA = 0x49, F_SEGMENT = 0x4a, F_SEGERR = 0x4b, F_ANSWER = 0x4c, F_PONG = 0x4e,
    F_ENROLLED = 0x50, F_KEYS_DONE = 0x51, F_ERROR = 0x7f,
};

struct frames {
    int rfd, wfd;
    int timeout_ms;        /* for one read or write that makes no progress; -1 for none */
    int message_ms;        /* each time, 4 KiB of a message that has begun must come, or its end; 0: no such rule */
    int alert_fd;          /* -1, or: when it is readable during a wait, alert is called; <0 with ${e} ends the wait */
    int (*alert)(void *arg, struct err *e); /* must not use this struct frames */
    void *alert_arg;
    const char *peer;      /* named in errors; must outlive the struct */
    struct buf in;         /* bytes read and not yet consumed, and the current frame */
    size_t in_at;          /* start of unread bytes in `in` */
    struct buf out;        /* frames not yet written */
    uint64_t sent, received;
    int64_t begun_ns;      /* when the present span of message_ms began, and how much had come by then */
    uint64_t begun_bytes;
    bool greeted_in;
};

/** frames_init(f, rfd, wfd, timeout_ms, peer): no I/O yet; the magic is queued for writing. */
void frames_init(struct frames *f, int rfd, int wfd, int timeout_ms, const char *peer);
void frames_free(struct frames *f);

/**
 * frames_put(f, type, head, head_len, body, body_len, e):
 * Queue one frame made of two parts (either may be empty); writes when more than 256 KiB are queued. Return 0, or <0 with
 * ${e}: when the peer is gone what it said last (its F_ERROR, or ZE_NOTZAIBEI), else ZE_CUT; ZE_TIMEOUT.
 */
int frames_put(struct frames *f, uint8_t type, const void *head, size_t head_len, const void *body, size_t body_len,
    struct err *e) MUST_CHECK;
/** frames_put_buf(f, type, b, e): the same from a buffer; ZE_INTERNAL when the buffer is bad. */
int frames_put_buf(struct frames *f, uint8_t type, const struct buf *b, struct err *e) MUST_CHECK;
int frames_flush(struct frames *f, struct err *e) MUST_CHECK;

/**
 * frames_get(f, type, r, e):
 * Flush, then read one frame: its type, and ${r} over its payload, valid until the next call. Return 1, or 0 at a clean
 * end of the stream between frames, or <0: ZE_NOTZAIBEI (not our magic; the message shows what came), ZE_PROTO,
 * ZE_CUT, ZE_TIMEOUT.
 */
int frames_get(struct frames *f, uint8_t *type, struct rd *r, struct err *e) MUST_CHECK;

/** frames_ready(f): whether frames_get would return without reading from the descriptor, or the descriptor is readable now. */
bool frames_ready(struct frames *f);

/** frames_error(f, err, e): send F_ERROR made from ${err}. frames_take_error(r, e): fill ${e} from the payload of F_ERROR;
 * returns -1. */
int frames_error(struct frames *f, const struct err *err, struct err *e) MUST_CHECK;
int frames_take_error(struct rd *r, struct err *e);

#endif
