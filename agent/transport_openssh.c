/* `transport: openssh`: the site's own ssh, with its ssh_config, in link's place. Pinned here all the same: the host key by
 * a known_hosts file of one line, the user key by our own agent socket. What ssh says in words (LC_ALL=C, which it has
 * anyway: it is not translated) becomes the errors that link gives by number. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "signing.h"
#include "sshagent.h"
#include "sys/file.h"
#include "transport.h"

/* "ssh-ed25519 AAAA…" for a public key. */
static void key_line(char *out, size_t cap, const char *prefix, const uint8_t pub[SEAL_SIGN_PUB]) {
    uint8_t blob[SIGNING_BLOB];
    char text[80];
    signing_blob(blob, pub);
    b64_encode(text, sizeof text, blob, sizeof blob);
    snprintf(out, cap, "%sssh-ed25519 %s\n", prefix, text);
}

/* Of its own accord ssh takes ChaCha20-Poly1305, at a third of the speed of AES-GCM where the processor has AES. The site's
 * configurations come first, so a word of theirs about ciphers counts; the last names are for servers of old. */
static const char ssh_config[] =
    "Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\nHost *\n"
    "Ciphers "
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr\n";

/* The files that ssh reads, in state/ssh: no secrets. Each start writes them again; they are the same each time. */
static int files_write(const struct config *c, int dir, struct err *e) {
    char line[256];
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC];
    sign_from_seed(pub, sec, c->ssh_seed);
    seal_wipe(sec, sizeof sec);
    key_line(line, sizeof line, "vault ", c->ssh_host_pub);
    if (file_replace(dir, "known_hosts", line, strlen(line), 0600, e) < 0) return -1;
    key_line(line, sizeof line, "", pub);
    if (file_replace(dir, "key.pub", line, strlen(line), 0600, e) < 0) return -1;
    return seal_aes_is_fast() ? file_replace(dir, "config", ssh_config, sizeof ssh_config - 1, 0600, e) : 0;
}

int transport_openssh_open(struct transport *t, struct err *e) {
    const struct config *c = t->cfg;
    char port[16], socket[64], agent[96];
    if (file_mkdirs(c->statefd, "ssh", 0700, e) < 0) return err_wrap(e, "%s", c->state);
    t->dirfd = openat(c->statefd, "ssh", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (t->dirfd < 0) return err_sys(e, c->state, "open");
    snprintf(port, sizeof port, "%u", c->ssh_port);
    snprintf(socket, sizeof socket, "agent.%d", (int)getpid());
    snprintf(agent, sizeof agent, "IdentityAgent=%s", socket);
    if (files_write(c, t->dirfd, e) < 0) return err_wrap(e, "%s", c->state);
    t->agent = ssh_agent_start(c, t->dirfd, socket, e);
    if (!t->agent) return -1;
    const char *argv[] = {"ssh", "-T", "-x", "-a", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o",
        "UserKnownHostsFile=known_hosts", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "HostKeyAlias=vault", "-o",
        "HostKeyAlgorithms=ssh-ed25519", "-o", "CheckHostIP=no", "-o", "UpdateHostKeys=no", "-o", "IdentitiesOnly=yes",
        "-o", agent, "-o", "IdentityFile=key.pub", "-o", "PreferredAuthentications=publickey", "-o",
        "ConnectTimeout=20", "-o", "ServerAliveInterval=20", "-o", "ServerAliveCountMax=3", "-o", "ControlMaster=no",
        "-o", "ControlPath=none", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no", "-o", "RequestTTY=no",
        "-l", c->ssh_user, "-p", port, seal_aes_is_fast() ? "-Fconfig" : "-T" /* once more: nothing */, "--",
        c->ssh_host, "zaibei", NULL};
    return child_start(argv, t->dirfd, -1, t, e);
}

bool openssh_explain(const struct transport *t, const char *words, struct err *e) {
    static const struct {
        const char *words;
        enum err_id id;
        const char *meaning;
    } rows[] = {
        {"Host key verification failed", ZE_HOSTKEY, N_("the server showed another key")},
        {"no matching host key type", ZE_HOSTKEY, N_("the server has no ed25519 host key")},
        {"HOST IDENTIFICATION HAS CHANGED", ZE_HOSTKEY, N_("the server showed another key")},
        {"Permission denied", ZE_AUTH, N_("the server does not take this host's key")},
        {"Too many authentication failures", ZE_AUTH, N_("the server does not take this host's key")},
        {"Connection timed out", ZE_TIMEOUT, N_("no connection in time")},
        {"Operation timed out", ZE_TIMEOUT, N_("no connection in time")},
        {"timed out during banner exchange", ZE_TIMEOUT, N_("the server did not greet in time")},
        {"Connection refused", ZE_UNREACHABLE, N_("connection refused")},
        {"Could not resolve hostname", ZE_UNREACHABLE, N_("the name cannot be resolved")},
        {"No route to host", ZE_UNREACHABLE, N_("no route to the host")},
        {"Network is unreachable", ZE_UNREACHABLE, N_("the network cannot be reached")},
        {"kex_exchange_identification", ZE_UNREACHABLE, N_("the server closed the connection")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strstr(words, rows[i].words)) {
            err_set(e, rows[i].id, t->cfg->vault, "%s", _(rows[i].meaning));
            return true;
        }
    return false;
}
