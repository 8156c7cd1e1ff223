/**
 * How the agent reaches `zaibei-vault serve`: a child process whose standard input and output are the byte stream of
 * PROTOCOL.md §2. Three kinds, one struct: serve itself (dir://), link (libssh2), ssh (transport: openssh).
 *
 * What the child prints on its standard error is kept by the kernel (the last thing a full pipe does is drop lines, not
 * block), and is looked at only when the stream has failed: transport_explain turns it into the error people need.
 */
#ifndef AGENT_TRANSPORT_H
#define AGENT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "sys/proc.h"

struct ssh_agent;

struct transport {
    int rfd, wfd; /* the byte stream, ours: non-blocking */
    int ctl;      /* link's control socket, else -1 */
    unsigned keeps; /* TRANSPORT_LIBSSH2: what link says it could not give up (enum link_keeps) */
    int errfd;    /* the child's standard error, non-blocking */
    struct proc child;
    int dirfd;    /* TRANSPORT_OPENSSH: state/ssh */
    struct ssh_agent *agent; /* TRANSPORT_OPENSSH: answers ssh's one signing request */
    const struct config *cfg;
};

/**
 * transport_open(cfg, enrol, t, e):
 * Start the child that ${cfg} asks for. Link has connected, checked the server's key and authenticated when this returns;
 * the others are only started. ${enrol}: a session of a dir:// vault that may enrol cfg->host into cfg->system. Return 0,
 * or <0 with nothing left running: ZE_UNREACHABLE, ZE_TIMEOUT, ZE_HOSTKEY, ZE_AUTH, ZE_CHILD, … ${cfg} must outlive ${t}.
 */
int transport_open(const struct config *cfg, bool enrol, struct transport *t, struct err *e) MUST_CHECK;

/** transport_explain(t, e): after the stream failed with ${e}: wait shortly for the child's last words and replace ${e} by
 * what they mean, when they explain it better. Returns -1. */
int transport_explain(struct transport *t, struct err *e);

/** transport_close(t): close the stream, wait for the child (at most 5 s, then SIGTERM, then SIGKILL), release. */
void transport_close(struct transport *t);

/* Within the room: */

/** child_start(argv, cwd, control, t, e): start ${argv} in ${cwd} (-1: ours) with the stream on 0 and 1, standard error kept,
 * and ${control} (or -1) as descriptor 3; fills rfd, wfd, errfd, child. */
int child_start(const char *const *argv, int cwd, int control, struct transport *t, struct err *e) MUST_CHECK;
/** child_words(t, out, cap): what the child has said on standard error so far (its last ${cap} - 1 bytes). */
void child_words(struct transport *t, char *out, size_t cap);

/** program_path(name, out, cap): ${name} beside the running program, else as it is (found in PATH by exec). */
void program_path(const char *name, char *out, size_t cap);
/** program_self(out, cap): the file of the running program, or where the kernel keeps it when that was replaced. */
void program_self(char *out, size_t cap);

int transport_link_open(struct transport *t, struct err *e) MUST_CHECK;
int transport_openssh_open(struct transport *t, struct err *e) MUST_CHECK;
/** openssh_explain(t, words, e): true when ssh's words explain the failure. */
bool openssh_explain(const struct transport *t, const char *words, struct err *e);
/** link_explain(t, e): take an E packet off the control socket, if there is one. */
bool link_explain(struct transport *t, struct err *e);

#endif
