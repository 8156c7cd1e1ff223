/* A session is one line in a file of the user's own. Prompts go to the terminal itself, so that output can be piped. */
#include "session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/i18n.h"
#include "place.h"
#include "sys/file.h"
#include "wrap/seal.h"

/* "session", or "session-HOST:PORT". */
static int session_name(struct cli *c, char out[300], struct err *e) {
    if (place_find(c, e) < 0) return -1;
    snprintf(out, 300, "session%s%s", c->place.tls ? "-" : "", c->place.tls ? c->place.at + strlen("https://") : "");
    return 0;
}

/* Where sessions are kept; false where there is no home. */
static bool session_dir(char out[4096]) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state == '/') snprintf(out, 4096, "%s/zaibei", state);
    else if (home && *home == '/') snprintf(out, 4096, "%s/.local/state/zaibei", home);
    else return false;
    return true;
}

static int read_line(int fd, const char *name, char out[SECRET_MAX], struct err *e) {
    size_t n = 0;
    ssize_t got;
    while (n < SECRET_MAX - 1 && (got = read(fd, out + n, 1)) == 1 && out[n] != '\n') n++;
    if (n && out[n - 1] == '\r') n--;
    out[n] = 0;
    if (!n || n == SECRET_MAX - 1)
        return err_set(e, ZE_USAGE, name, _("expected one line of at most %d bytes"), SECRET_MAX - 2);
    return 0;
}

static int token_from(const char *path, char out[SECRET_MAX], struct err *e) {
    struct stat st;
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) return err_sys(e, path, _("open"));
    if (S_ISREG(st.st_mode) && (st.st_mode & 077))
        return err_set(e, ZE_CONFIG, path, _("others can read this token; make it mode 0600"));
    return read_line(fd, path, out, e);
}

int session_header(struct cli *c, struct http *h, struct err *e) {
    char dir[4096], name[300], path[4400], token[SECRET_MAX], line[SECRET_MAX + 32];
    const char *env = getenv("ZAIBEI_TOKEN_FILE"), *file = c->token_file ? c->token_file : env && *env ? env : NULL;
    if (!file) {
        if (session_name(c, name, e) < 0) return -1;
        if (!session_dir(dir)) return 0;
        snprintf(path, sizeof path, "%s/%s", dir, name);
        if (access(path, F_OK) < 0) return 0;
        file = path;
    }
    if (token_from(file, token, e) < 0) return -1;
    snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    bool ok = http_header(h, line);
    seal_wipe(token, sizeof token), seal_wipe(line, sizeof line);
    return ok ? 0 : err_set(e, ZE_NOMEM, file, "HTTP");
}

int session_keep(struct cli *c, const char *token, struct err *e) {
    char dir[4096], name[300], line[SECRET_MAX];
    if (session_name(c, name, e) < 0) return -1;
    if (!session_dir(dir)) return err_set(e, ZE_USAGE, "HOME", _("there is no place for the session"));
    if (file_mkdirs(AT_FDCWD, dir, 0700, e) < 0) return -1;
    CLEANUP_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, dir, _("open"));
    snprintf(line, sizeof line, "%s\n", token);
    int rc = file_replace(fd, name, line, strlen(line), 0600, e);
    seal_wipe(line, sizeof line);
    return rc;
}

void session_drop(struct cli *c) {
    char dir[4096], name[300], path[4400];
    struct err ignored = ERR_INIT;
    if (!session_dir(dir) || session_name(c, name, &ignored) < 0) return;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)unlink(path);
}

static int typed(const char *prompt, char out[SECRET_MAX], struct err *e) {
    struct termios old, quiet;
    CLEANUP_FD int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (tty < 0 || tcgetattr(tty, &old) < 0)
        return err_set(e, ZE_USAGE, prompt, _("there is no terminal to type it at; give a file"));
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(tty, TCSAFLUSH, &quiet); /* before the prompt: who answers it at once is not shown */
    dprintf(tty, "%s: ", prompt);
    int rc = read_line(tty, prompt, out, e);
    (void)tcsetattr(tty, TCSAFLUSH, &old);
    dprintf(tty, "\n");
    return rc;
}

int secret_read(const char *file, const char *prompt, char out[SECRET_MAX], struct err *e) {
    if (!file) return typed(prompt, out, e);
    if (!strcmp(file, "-")) return read_line(STDIN_FILENO, prompt, out, e);
    CLEANUP_FD int fd = open(file, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? err_sys(e, file, _("open")) : read_line(fd, file, out, e);
}

int secret_new(const char *file, const char *prompt, char out[SECRET_MAX], struct err *e) {
    char again[SECRET_MAX], ask[200];
    if (secret_read(file, prompt, out, e) < 0) return -1;
    if (file) return 0;
    snprintf(ask, sizeof ask, _("%s, again"), prompt);
    if (typed(ask, again, e) < 0) return -1;
    bool same = !strcmp(again, out);
    seal_wipe(again, sizeof again);
    return same ? 0 : err_set(e, ZE_USAGE, prompt, _("not the same twice"));
}
