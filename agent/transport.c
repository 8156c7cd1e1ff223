/* Opening, explaining and closing a transport; the child's last words. A child that is gone tells its reason in three
 * ways: an error packet (link), a line on standard error (ssh, serve), its wait status. They are asked in this order. */
#include "transport.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "command.h"
#include "sshagent.h"

static int serve_open(struct transport *t, bool enrol, struct err *e) {
    char program[4096];
    program_path("zaibei-vault", program, sizeof program);
    const struct config *c = t->cfg;
    const char *argv[12] = {program, "serve", c->dir, "--local"};
    size_t n = 4;
    argv[n++] = enrol ? "--enrol-local" : "--host";
    argv[n++] = c->host;
    if (enrol) argv[n++] = "--system", argv[n++] = c->system;
    return child_start(argv, -1, -1, t, e);
}

int transport_open(const struct config *cfg, bool enrol, struct transport *t, struct err *e) {
    *t = (struct transport){.rfd = -1, .wfd = -1, .ctl = -1, .errfd = -1, .dirfd = -1, .child = PROC_NONE, .cfg = cfg};
    int rc;
    if (cfg->transport == TRANSPORT_DIR)
        rc = serve_open(t, enrol, e);
    else if (cfg->transport == TRANSPORT_OPENSSH)
        rc = transport_openssh_open(t, e);
    else
        rc = transport_link_open(t, e);
    if (rc < 0) transport_close(t);
    return rc;
}

/* The last line that says something, made fit for people. */
static const char *last_line(char *words) {
    size_t n = strlen(words);
    while (n && (words[n - 1] == '\n' || words[n - 1] == '\r' || words[n - 1] == ' ')) words[--n] = 0;
    char *line = strrchr(words, '\n');
    return line ? line + 1 : words;
}

int transport_explain(struct transport *t, struct err *e) {
    if (t->ctl >= 0 && link_explain(t, e)) return -1;
    if (e->id != ZE_CUT && e->id != ZE_NOTZAIBEI && e->id != ZE_CHILD) return -1;
    struct err how = ERR_INIT;
    int status = proc_wait(&t->child, 2000, &how);
    if (t->ctl >= 0 && link_explain(t, e)) return -1;
    char words[2048], line[512];
    child_words(t, words, sizeof words);
    if (t->cfg->transport == TRANSPORT_OPENSSH && openssh_explain(t, words, e)) return -1;
    const char *last = last_line(words);
    text_escape(line, sizeof line, last, strlen(last));
    if (*line)
        err_set(e, e->id, t->cfg->vault, _("%s; it said: %s"), e->msg, line);
    else if (status < 0 && e->id == ZE_CUT)
        err_set(e, e->id, t->cfg->vault, "%s; %s: %s", e->msg, how.object, how.msg);
    return -1;
}

void transport_close(struct transport *t) {
    int *fds[] = {&t->wfd, &t->rfd, &t->ctl};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (*fds[i] >= 0) close(*fds[i]), *fds[i] = -1;
    struct err ignored = ERR_INIT;
    (void)proc_wait(&t->child, command_cancelled(NULL) ? 500 : 5000, &ignored); /* a second is long for who has said stop */
    if (t->errfd >= 0) close(t->errfd), t->errfd = -1;
    ssh_agent_stop(t->agent);
    t->agent = NULL;
    if (t->dirfd >= 0) close(t->dirfd), t->dirfd = -1;
}
