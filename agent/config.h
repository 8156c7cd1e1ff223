/**
 * agent.yaml and the agent's state directory.
 *
 *   agent.yaml: vault (ssh://user@host:port or dir:///path), host, state (directory), transport (libssh2 | openssh),
 *               restore_roots (list of directories below which jobs may restore),
 *               restore: {in_place: granted | never} (whether a grant lets jobs restore elsewhere too), limits (wire/limits.h), hooks and dumps
 *               (hooks.h), spool (a directory for dumps while they are made), next to it nothing secret.
 *   state/:     host.key (32 bytes), ssh.seed (32 bytes), vault.pub (pinned vault key), vault.old (those
 *               pinned before it, 32 bytes each), ssh_host.pub (pinned host key),
 *               ids (host and system id), receipt (last commit record), upload (ids of uploads that may be under way), cache/.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "hooks.h"
#include "wire/limits.h"
#include "wire/segment.h"

/* TRANSPORT_GIVEN: two descriptors (source_open_given); nothing of the vault is pinned, and no state is at hand. */
enum transport_kind { TRANSPORT_LIBSSH2, TRANSPORT_OPENSSH, TRANSPORT_DIR, TRANSPORT_GIVEN };

struct limiter;
enum { ROOTS_MAX = 32 };

struct config {
    char file[4096];  /* where it was read */
    char vault[1024]; /* as written */
    char host[64], system[64];
    char state[4096];
    enum transport_kind transport;
    char ssh_user[128], ssh_host[256];
    unsigned ssh_port;
    char dir[4096]; /* TRANSPORT_DIR */
    struct limits limits;    /* this host's own: jobs and options only lower them */
    struct limiter *limiter; /* that is in force for this run, or NULL; the command's */
    char *restore_roots[ROOTS_MAX];
    size_t restore_roots_n;
    bool restore_confined; /* jobs restore below restore_roots only, whatever grant they have */
    struct hooks hooks;
    char spool[4096]; /* absolute; "": the state directory */
    int statefd;    /* O_PATH|O_DIRECTORY of state, for *at calls */
    struct host_ids ids;
    uint8_t vault_id[SEAL_ID], vault_pub[SEAL_SIGN_PUB], ssh_host_pub[SEAL_SIGN_PUB];
    const uint8_t *typed_pub; /* the vault's key as a person has typed it now, or NULL */
    uint8_t key_check[SEAL_ID]; /* of the host key at the enrolment, when has_key_check */
    bool has_key_check;
    uint8_t *host_key; /* SEAL_KEY bytes of secret memory */
    uint8_t *ssh_seed; /* SEAL_SIGN_SEED bytes of secret memory */
};

/**
 * config_load(path, c, e): read ${path} (NULL: $ZAIBEI_AGENT_CONFIG, else /etc/zaibei/agent.yaml) and the state it names.
 * ZE_CONFIG with file:line:column for what is wrong, ZE_NOTFOUND when the host is not enrolled. config_free wipes the keys.
 */
int config_load(const char *path, struct config *c, struct err *e) MUST_CHECK;
void config_free(struct config *c);

/** config_path(path, out, cap, e): the absolute path of the file that config_load(path) reads. */
int config_path(const char *path, char *out, size_t cap, struct err *e) MUST_CHECK;

#endif
