/**
 * zaibeid.yaml, shared by zaibeid and zaibei. All keys but vault.control are optional:
 *
 *   state: /var/lib/zaibei                 the catalog, zaibei.db
 *   socket: /run/zaibei/zaibei.sock        the API, for zaibei and the console
 *   listen:                                the API over the network too; needs people
 *     address: 0.0.0.0:8443                or [::]:8443
 *     certificate: /etc/zaibei/api.pem     with its chain; read again on SIGHUP
 *     key: /etc/zaibei/api.key             which only zaibeid may read
 *   zone: Asia/Shanghai                    for plans that name none
 *   call_in_s: 60                          how often agents call in
 *   people: on                             off: a machine of one person, for trying out; every act is recorded as "local"
 *   limits: {vault: 20, department: 0, restores: 4}    jobs that run at once, in all and for one department (0: no
 *                                          limit), and hosts that are restored at once
 *   deadlines: {review: 2, approval: 3, execution: 5}    working days that each step of a plan may take
 *   password_days: 180                     after which a password must be changed; 0: never
 *   session_idle_s: 1800                   a login ends when it is not used for so long,
 *   session_s: 43200                       and after so long in any case
 *   vault:
 *     control: [zaibei-vault, control, /srv/vault]     the command that administers the vault, also over ssh
 *     dir: /srv/vault                      where the vault is, when it is on this machine
 *     socket: /srv/vault/run/zaibeid.sock  where serve passes agents' calls; by default below dir
 *     location: kaifeng-dc1                where it stands; plans may name the places they allow
 *     ssh: zaibei@vault.example:22         for enrol tokens: how agents reach the vault
 *     host_key: ssh-ed25519 AAAA…          of that sshd: base64 of 32 bytes, a public key line, or the file that holds it
 *   drills:                              workers of drills (docs/DRILLS.md)
 *     dir: /var/lib/zaibei/drills        where they work; by default below state
 *     worker: [zaibei-agent, worker]     the command that is one; its user needs subordinate ids, unless it is root
 *     read: [zaibei-vault, serve, /srv/vault, --host, "%h", --local]     how points are read; by default from vault.dir
 *     at_once: 1                         drills that run at once; those that wait for a grant do not count
 *     memory: 4 GiB, disk: 100 GiB, time: 4h, accel: auto                limits of one drill; auto, kvm or tcg
 *   notify: …                              whom to tell what (notify/channels.h)
 */
#ifndef ORCHESTRATOR_CONFIG_H
#define ORCHESTRATOR_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "wrap/seal.h"

enum { CONFIG_ARGS_MAX = 31 };

struct yaml;
struct notify_config;

struct config {
    struct yaml *doc; /* holds the strings below */
    const char *file, *state, *socket, *zone;
    int64_t call_in_s;
    bool people_off;
    int64_t deadlines[3];                     /* working days: review, approval, execution */
    int64_t limit_vault, limit_department;    /* jobs that run at once; 0: no limit */
    int64_t limit_restores;                   /* hosts that are restored at once */
    int64_t password_days, session_idle_s, session_s;
    const char *control[CONFIG_ARGS_MAX + 1]; /* ends with NULL */
    const char *listen, *listen_certificate, *listen_key; /* NULL: not over the network */
    const char *location;                     /* of the vault; NULL: not said */
    const char *ssh;                          /* NULL: enrol tokens cannot be made */
    char vault_socket[4096];                  /* "": agents do not call in */
    uint8_t host_key[SEAL_SIGN_PUB];
    char drill_dir[4096];
    const char *drill_worker[CONFIG_ARGS_MAX + 1], *drill_read[CONFIG_ARGS_MAX + 1]; /* end with NULL; read may be empty */
    const char *drill_accel;
    int64_t drill_at_once, drill_time_s;
    uint64_t drill_memory, drill_disk; /* bytes */
    struct notify_config *notify; /* notify/channels.h */
};

/** config_load(path, c, e): ${path}, NULL: $ZAIBEI_CONFIG, else /etc/zaibei/zaibeid.yaml. ZE_CONFIG, ZE_NOTFOUND, ZE_IO. */
int config_load(const char *path, struct config *c, struct err *e) MUST_CHECK;
void config_free(struct config *c);

#endif
