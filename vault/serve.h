/**
 * One session with one host's agent (PROTOCOL.md §2): what the forced command runs. It is the part that reads what a
 * hostile host sends, so it decides nothing: it writes into files that the keeper has made for it, reads packs that the
 * keeper has opened for it, and passes the rest on. Memory is bounded by the two frame buffers and a few pack indexes.
 */
#ifndef VAULT_SERVE_H
#define VAULT_SERVE_H

#include "keeper_proto.h"
#include "packs.h"
#include "sys/clock.h"
#include "wire/frame.h"

enum { OPEN_PACKS = 2, CACHED_PACKS = 6 };

struct spool_pack { /* a pack that the agent is sending */
    bool used;
    int fd;
    struct pack_header header;
    uint32_t count, at;
    struct buf rows;
};

struct cached_pack { /* a pack that the agent is reading */
    bool used;
    uint8_t generation[SEAL_ID];
    uint32_t pack;
    uint64_t last_use;
    int fd; /* -1: it cannot be read, why says why */
    struct err why;
    struct pack_index index;
};

struct serve {
    struct frames agent, keeper;
    enum bind_mode mode;
    const char *host, *system;
    char source[64]; /* whose points are read, since F_SOURCE; else "": the host's own */
    struct clock *clock;
    int idle_ms;       /* how long the agent may be silent */
    int64_t keeper_ns; /* when the keeper heard of us last */
    bool welcomed, enrolled, begun;
    bool placing;     /* K_PLACE was sent and not yet answered */
    bool placed;      /* it was answered: PACK_DONE is due to the agent */
    uint8_t done[12]; /* its payload */
    bool over;        /* an error after which the session ends, whatever the message was */
    uint8_t system_id[SEAL_ID], host_id[SEAL_ID], generation[SEAL_ID];
    uint32_t next_pack;
    struct spool_pack open[OPEN_PACKS]; /* by kind */
    int spare[OPEN_PACKS];              /* by kind: a spool file for the next pack, or -1 */
    struct cached_pack cache[CACHED_PACKS];
    uint64_t uses;
    uint8_t *segments; /* RUN_BYTES */
};

struct serve_options {
    const char *dir, *host, *system;
    enum bind_mode mode;
    bool local;              /* start a keeper of our own */
    int idle_ms, message_ms; /* 0: IDLE_MS and MESSAGE_MS */
};
/* An agent that reads a large file that has not changed is silent, but pings. A message that has begun must go on. */
enum { HELLO_MS = 60 * 1000, IDLE_MS = 15 * 60 * 1000, MESSAGE_MS = 60 * 1000 };

/** serve_environment(e): what sshd and the host's own settings put there is not for us (a --local session is its user's own
 * affair): an environment of our own, and a narrow umask. Before anything looks into it. */
int serve_environment(struct err *e) MUST_CHECK;

/** serve_main(o, e): the whole session on descriptors 0 and 1. */
int serve_main(const struct serve_options *o, struct err *e) MUST_CHECK;

/** serve_init, serve_bind, serve_loop, serve_free: its parts, for the fuzzer. The loop returns 0 at the end of the session, also
 * one that ended with an ERROR to the agent; <0 when even that could not be said. */
int serve_init(struct serve *s, int rfd, int wfd, int keeper_fd, struct err *e) MUST_CHECK;
int serve_bind(struct serve *s, struct err *e) MUST_CHECK;
int serve_loop(struct serve *s, struct err *e) MUST_CHECK;
void serve_free(struct serve *s);

/** keeper_ask(s, type, payload, n, want, r, e): one question to the keeper; its answer of type ${want} in ${r}. Its
 * F_ERROR becomes ${e}; when it is gone, ZE_CUT and s->over. keeper_send only sends, after any pack under way was
 * answered. */
int keeper_send(struct serve *s, uint8_t type, const void *payload, size_t n, struct err *e) MUST_CHECK;
int keeper_ask(
    struct serve *s, uint8_t type, const void *payload, size_t n, uint8_t want, struct rd *r, struct err *e) MUST_CHECK;

/** keeper_fd(s, e): K_TAKE: the descriptor that the keeper has ready, the caller's. keeper_alive: tell the keeper that we
 * live, when it has not heard of us for a while. */
int keeper_fd(struct serve *s, struct err *e) MUST_CHECK;
int keeper_alive(struct serve *s, struct err *e) MUST_CHECK;

/** serve_put: frames_put to the agent; after a failure the session is over. */
int serve_put(struct serve *s, uint8_t type, const void *head, size_t n, const void *body, size_t body_len,
    struct err *e) MUST_CHECK;

/** The handlers that are more than passing on. Each answers the agent itself; <0 becomes ERROR. */
int serve_pack_open(struct serve *s, struct rd *r, struct err *e) MUST_CHECK;
int serve_seg(struct serve *s, struct rd *r, struct err *e) MUST_CHECK;
int serve_pack_close(struct serve *s, struct rd *r, struct err *e) MUST_CHECK;
void spool_forget(struct serve *s); /* what was being written */
int serve_get(struct serve *s, struct rd *r, struct err *e) MUST_CHECK;
void cache_drop(struct serve *s);
int serve_malformed(struct serve *s, struct err *e);

#endif
