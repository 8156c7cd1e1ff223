/* A stolen platform can ask for tickets, tokens and systems, a stolen host for uploads, as often as it likes. None of it
 * harms a restore point, but each leaves a file or a record that is read again and again: without a bound a patient thief
 * slows the vault a little more each day. What is counted is what is there, so no counter can be wrong; whoever is refused
 * has lost nothing, since the vault gives each point its floor without a ticket too. */
#include "bounds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/i18n.h"
#include "notes.h"

int bounds_begin(const struct host_log *l, int64_t now, struct err *e) {
    size_t points = 0, begun = 0, done = 0;
    for (size_t i = 0; i < l->commits_n; i++) points += !l->commits[i].removed;
    for (size_t i = l->begins_n; i && l->begins[i - 1].time > now - NS_PER_DAY; i--) begun++;
    for (size_t i = l->commits_n; i && l->commits[i - 1].time > now - NS_PER_DAY; i--) done++;
    if (points >= POINTS_MOST)
        return err_set(e, ZE_TOOMUCH, l->host, _("%zu restore points exist; some must be removed first"), points);
    if (begun > done && begun - done >= BEGINS_A_DAY)
        return err_set(e, ZE_TOOMUCH, l->host, _("%zu uploads within a day came to nothing"), begun - done);
    return 0;
}

/* Files in ${dir}; those that were last written before ${since} (0: none) are removed and not counted. */
static int notes_count(struct vault *v, const char *dir, int64_t since, size_t *n, struct err *e) {
    int fd = openat(v->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    *n = 0;
    if (fd < 0) return errno == ENOENT ? 0 : err_sys(e, dir, _("open"));
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return err_set(e, ZE_NOMEM, dir, _("no memory"));
    }
    for (struct dirent *de; (de = readdir(d));) {
        struct stat st;
        if (*de->d_name == '.') continue;
        bool old = since && fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < since;
        *n += !(old && unlinkat(fd, de->d_name, 0) == 0);
    }
    closedir(d);
    return 0;
}

static bool there(struct vault *v, const char *dir, const char *name) {
    char path[192];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return faccessat(v->fd, path, F_OK, 0) == 0;
}

int bounds_ticket(struct vault *v, const char *host, const char *ticket, struct err *e) {
    char dir[128];
    size_t n;
    int64_t since = v->clock->now_ns(v->clock) / NS_PER_S - TICKET_DAYS * 86400;
    snprintf(dir, sizeof dir, "tickets/%s", host);
    if (there(v, dir, ticket)) return 0;
    int rc = notes_count(v, dir, 0, &n, e);
    if (rc == 0 && n >= TICKETS_MOST) rc = notes_count(v, dir, since, &n, e);
    if (rc < 0 || n < TICKETS_MOST) return rc;
    return err_set(e, ZE_TOOMUCH, host, _("%zu tickets wait to be used"), n);
}

int bounds_grant(struct vault *v, const char *reader, const char *source, int64_t now, struct err *e) {
    char dir[128];
    size_t n;
    snprintf(dir, sizeof dir, "grants/%s", reader);
    if (there(v, dir, source)) return 0;
    int rc = notes_count(v, dir, 0, &n, e);
    /* One was last written when it was given, or later: a week after that none of them counts. */
    if (rc == 0 && n >= GRANTS_MOST) rc = notes_count(v, dir, now / NS_PER_S - READGRANT_MAX_S - 86400, &n, e);
    if (rc < 0 || n < GRANTS_MOST) return rc;
    return err_set(e, ZE_TOOMUCH, reader, _("it has %zu grants"), n);
}

static int system_count(void *arg, const char *name, uint64_t size, struct err *e) {
    ++*(size_t *)arg;
    return 0;
}

int bounds_token(struct vault *v, const char *host, const char *system, struct err *e) {
    size_t tokens = 0, systems = 0;
    if (!there(v, "tokens", host) && notes_count(v, "tokens", 0, &tokens, e) < 0) return -1;
    if (tokens >= TOKENS_MOST) return err_set(e, ZE_TOOMUCH, host, _("%zu enrol tokens wait to be used"), tokens);
    if (there(v, "store/systems", system)) return 0;
    if (store_list(&v->store, "systems", system_count, &systems, e) < 0) return -1;
    return systems < SYSTEMS_MOST ? 0 : err_set(e, ZE_TOOMUCH, system, _("there are %zu systems"), systems);
}
