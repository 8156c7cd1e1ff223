/**
 * A session with the vault (PROTOCOL.md §2): the transport (link by libssh2, ssh, or serve of a dir:// vault), the
 * greeting, and the simple questions. What is pinned is checked here: the host key by the transport, the vault's key by
 * the vault header, the host's ids, and the receipt.
 */
#ifndef AGENT_SESSION_H
#define AGENT_SESSION_H

#include "config.h"
#include "wire/frame.h"
#include "wire/keychain.h"

enum session_right { RIGHT_ADD = 1, RIGHT_READ_META = 2, RIGHT_READ_ALL = 4 };

struct session {
    const struct config *cfg;
    struct keychain keys; /* the vault's keys that are believed; the last one signs what is new */
    struct frames f;
    uint8_t rights;
    int64_t vault_time;
    uint8_t receipt;  /* 0 none shown, 1 known at the vault, 2 unknown there (session_judge) */
    uint64_t own_n;   /* the receipt that was shown: its record number and hash */
    uint8_t own_hash[SEAL_HASH];
    bool has_last;
    uint64_t last_n;  /* record number of the last commit at the vault */
    uint8_t last_hash[SEAL_HASH];
    /** Asked four times a second while something is awaited; true ends that with ZE_CANCELLED. A signal, unless the
     * caller sets another. One that was there when the session was opened leaves it five seconds. */
    bool (*cancelled)(void *arg);
    void *cancelled_arg;
    bool silent;      /* nothing more is to be sent, not even BYE */
    uint32_t acks[8]; /* packs acknowledged while something else was awaited */
    unsigned acks_n;
    const uint8_t *source_id; /* of the host whose points are read; NULL: this one */
    const uint8_t *raw; /* of the record that session_points hands out, as it came */
    size_t raw_len;
    int child_pid;    /* of link, ssh or serve */
    void *transport;  /* private from here */
    int tick;
    unsigned grace, pings;
    unsigned patience; /* words that the vault is still at it, before what is awaited is given up */
    uint64_t kept_sent;
    int64_t kept_ns;
};

/** session_open(cfg, s, e): connect, greet, check. ZE_UNREACHABLE, ZE_HOSTKEY, ZE_AUTH, ZE_VAULTKEY, ZE_NOTZAIBEI, …
 * session_close says BYE, waits for the child and releases; harmless on a struct that was zeroed or failed to open. */
int session_open(const struct config *cfg, struct session *s, struct err *e) MUST_CHECK;
void session_close(struct session *s);

/**
 * session_open_given(cfg, rfd, wfd, s, e):
 * The same over two descriptors (taken; made non-blocking), with a vault of which nothing is pinned: whose it is, who started it
 * knows. cfg->host and cfg->ids.host_id have to be the vault's; its id and the system's are filled in.
 */
int session_open_given(struct config *cfg, int rfd, int wfd, struct session *s, struct err *e) MUST_CHECK;

/**
 * session_judge(s, adopt, e): whether this machine may write points: 0 when the vault's last point is the one of its
 * receipt. A later one whose answer never came here (its upload id is written down) is taken over quietly; with
 * ${adopt} its record becomes the receipt. ZE_ROLLEDBACK: the vault does not know the receipt. ZE_CLONED: the last
 * point is somebody else's, or from before this machine was rolled back. session_take_over: the vault's last point
 * becomes the receipt, whosever it is.
 */
int session_judge(struct session *s, bool adopt, struct err *e) MUST_CHECK;
int session_take_over(struct session *s, struct err *e) MUST_CHECK;

/** session_keep(s, mono_ns): PING when nothing was sent for a minute (nothing at all before session_open); call it now
 * and then while reading takes long. What goes wrong shows at the next word. */
void session_keep(struct session *s, int64_t mono_ns);

/** session_points(s, each, arg, e): every restore point of this host, or of the source, oldest first; the record is the callee's for the
 * call only. */
int session_points(struct session *s, int (*each)(void *arg, const struct record *commit, struct err *e), void *arg,
    struct err *e) MUST_CHECK;

/** session_source(s, host, host_id, e): from here on the session reads that host's points (PROTOCOL.md §2, SOURCE) and writes
 * nothing; ${host_id} is kept by pointer. ZE_NOGRANT. */
int session_source(struct session *s, const char *host, const uint8_t host_id[SEAL_ID], struct err *e) MUST_CHECK;

/** session_expect(s, type, r, e): read the next frame; ZE_PROTO when it is not ${type}; an ERROR frame becomes ${e}. */
int session_expect(struct session *s, uint8_t type, struct rd *r, struct err *e) MUST_CHECK;

/** session_next(s, type, r, e): the next frame, whatever it is, except PACK_DONE: those are put aside, since they come
 * between other answers. ZE_CUT at the end of the stream. session_ack: the next acknowledged pack, put aside or awaited. */
int session_next(struct session *s, uint8_t *type, struct rd *r, struct err *e) MUST_CHECK;
int session_ack(struct session *s, uint32_t *pack, struct err *e) MUST_CHECK;

/** session_call(s, request, n, answer, e): a question to zaibeid (CALL); ${answer} is reset first. Return 0, 1 when nobody
 * listens, <0 on error. */
int session_call(struct session *s, const void *request, size_t n, struct buf *answer, struct err *e) MUST_CHECK;

#endif
