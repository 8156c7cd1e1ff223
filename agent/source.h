/**
 * Where restore points come from: the vault this host is enrolled with (a session), there also another host's by a grant; a
 * vault directory alone, with the recovery kit (no agent.yaml, no processes: the machine that has lost everything); or a session
 * over two descriptors with a host key that somebody gave (a worker: FORMAT.md §12). All give points and a struct fetch.
 */
#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

#include "config.h"
#include "fetch.h"
#include "session.h"
#include "wire/kit.h"
#include "wire/record.h"

/** Whose points, by a grant: the key is secret memory of the caller's and outlives the source. */
struct source_granted {
    const char *host;
    const uint8_t *host_id, *key; /* SEAL_ID and SEAL_KEY bytes; key NULL: this host's own */
};

struct source {
    bool over_session;
    struct config cfg; /* over a session */
    struct session session;
    struct source_granted granted; /* host NULL: this host's own points */
    char dir[4096]; /* over a vault directory */
    struct vault_header vault;
    struct keychain keys; /* the header's key and those that followed */
    struct kit *kit; /* secret memory */
    struct key_slots slots; /* the latest of the log with one for the kit: it may be newer than a point (FORMAT.md §8) */
    char host[64];
    bool told; /* unreadable log records were named on stderr */
    struct fetch *fetch;
};

/** What is asked for on the command line: all of dir, host and kit, or none of them; ${config} is for config_load. */
struct source_options {
    const char *config, *dir, *host, *kit;
    struct limiter *limiter; /* in force for this command, or NULL */
    const struct source_granted *granted; /* over a session: whose points; NULL: this host's */
};

/**
 * source_open(s, o, e):
 * Load the configuration and open a session, or open the vault directory and read the kit. ZE_USAGE when only some of
 * the options are given; else what config_load, session_open, vault_header_decode say; ZE_WRONGKEY when the kit file
 * holds no private key. source_close releases everything; harmless after a failed open.
 */
int source_open(struct source *s, const struct source_options *o, struct err *e) MUST_CHECK;
void source_close(struct source *s);

/** source_open_given(s, host, host_id, key, rfd, wfd, e): the points of ${host} over a session on ${rfd} and ${wfd} (taken);
 * ${key} is copied into secret memory. What session_open_given says; ZE_NOMEM. */
int source_open_given(struct source *s, const char *host, const uint8_t host_id[SEAL_ID], const uint8_t key[SEAL_KEY], int rfd,
    int wfd, struct err *e) MUST_CHECK;

/** source_points(s, each, arg, e): every restore point that exists, oldest first. In a directory, records that cannot
 * be read are told on stderr and passed over: each commit record is complete by itself. */
int source_points(struct source *s, int (*each)(void *arg, const struct record *commit, struct err *e), void *arg,
    struct err *e) MUST_CHECK;

/** source_keys(s, commit, keys, e): the keys of the point's generation, with this host's key or with the kit; the key
 * check comes first: ZE_WRONGKEY. The caller frees ${*keys}. */
int source_keys(struct source *s, const struct record *commit, struct gen_keys **keys, struct err *e) MUST_CHECK;

/* Within the room, source_store.c: */
/** source_store_hosts(dir, out, cap): the hosts of the vault in ${dir}, "a, b", as many as fit; "" when there are none. */
void source_store_hosts(const char *dir, char *out, size_t cap);
int source_store_open(struct source *s, const struct source_options *o, struct err *e) MUST_CHECK;
int source_store_points(struct source *s, int (*each)(void *arg, const struct record *commit, struct err *e), void *arg,
    struct err *e) MUST_CHECK;
/** source_store_key(s, keys, key, e): open the slot that is sealed to the kit, of the point's own or of later ones. */
int source_store_key(
    const struct source *s, const struct key_slots *keys, uint8_t key[SEAL_KEY], struct err *e) MUST_CHECK;

#endif
