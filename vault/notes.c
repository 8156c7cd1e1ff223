/* Small text files. A line that is not understood is an error, not a default: a mistyped right must not become a
 * wider one. */
#include "notes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

enum { NOTE_MAX = 8192, NOTE_MODE = 0640 };

/* ${each} gets every line cut into key and value; false makes the file wrong. */
static int note_load(struct vault *v, const char *name, bool (*each)(void *arg, const char *key, char *value),
    void *arg, struct err *e) {
    struct buf b;
    buf_init(&b, NOTE_MAX + 1);
    int rc = file_load(v->fd, name, NOTE_MAX, &b, e);
    if (rc == 0) {
        buf_u8(&b, 0);
        char *save = NULL;
        unsigned n = 1;
        for (char *line = strtok_r((char *)b.p, "\n", &save); line && rc == 0;
             line = strtok_r(NULL, "\n", &save), n++) {
            char *value = line + strcspn(line, " ");
            if (*line == '#') continue;
            if (*value) *value++ = 0;
            if (!each(arg, line, value)) rc = err_set(e, ZE_CONFIG, name, _("line %u is not understood: %s"), n, line);
        }
    }
    buf_free(&b);
    return rc;
}

static int note_save(struct vault *v, const char *name, const struct buf *b, struct err *e) {
    if (!buf_ok(b)) return err_set(e, ZE_NOMEM, name, _("no memory"));
    return file_replace(v->fd, name, b->p, b->len, NOTE_MODE, e);
}

__attribute__((format(printf, 2, 3))) static void note_line(struct buf *b, const char *fmt, ...) {
    char line[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof line) b->bad = true;
    else buf_put(b, line, (size_t)n);
}

static bool time_get(const char *s, int64_t *out) {
    uint64_t u;
    if (!text_u64(s, INT64_MAX, &u)) return false;
    *out = (int64_t)u;
    return true;
}

static bool rights_line(void *arg, const char *key, char *value) {
    struct rights *r = arg;
    uint64_t days;
    if (strcmp(key, "read") == 0) {
        r->read_all = strcmp(value, "all") == 0;
        return r->read_all || strcmp(value, "meta") == 0;
    }
    if (strcmp(key, "revoked") == 0) return r->revoked = true;
    if (strcmp(key, "quota") == 0) return text_u64(value, INT64_MAX, &r->quota);
    if (strcmp(key, "floor_days") != 0 || !text_u64(value, 36500, &days)) return false;
    r->floor_days = (unsigned)days;
    return true;
}

int rights_load(struct vault *v, const char *host, struct rights *r, struct err *e) {
    char name[128];
    *r = (struct rights){.floor_days = DEFAULT_FLOOR_DAYS};
    snprintf(name, sizeof name, "rights/%s", host);
    return note_load(v, name, rights_line, r, e);
}

int rights_save(struct vault *v, const char *host, const struct rights *r, struct err *e) {
    char name[128];
    struct buf b;
    buf_init(&b, NOTE_MAX);
    snprintf(name, sizeof name, "rights/%s", host);
    note_line(
        &b, "read %s\nfloor_days %u\n%s", r->read_all ? "all" : "meta", r->floor_days, r->revoked ? "revoked\n" : "");
    if (r->quota) note_line(&b, "quota %llu\n", (unsigned long long)r->quota);
    int rc = note_save(v, name, &b, e);
    buf_free(&b);
    return rc;
}

static bool enrolment_line(void *arg, const char *key, char *value) {
    struct enrolment *t = arg;
    if (strcmp(key, "expires") == 0) return time_get(value, &t->expires);
    if (strcmp(key, "key") == 0) return text_unhex(t->pub, sizeof t->pub, value);
    if (strcmp(key, "system") != 0 || !text_name_ok(value)) return false;
    snprintf(t->system, sizeof t->system, "%s", value);
    return true;
}

int enrolment_load(struct vault *v, const char *host, struct enrolment *t, struct err *e) {
    char name[128];
    memset(t, 0, sizeof *t);
    snprintf(name, sizeof name, "tokens/%s", host);
    return note_load(v, name, enrolment_line, t, e);
}

int enrolment_save(struct vault *v, const char *host, const struct enrolment *t, struct err *e) {
    char name[128], key[HEX_HASH];
    struct buf b;
    buf_init(&b, NOTE_MAX);
    snprintf(name, sizeof name, "tokens/%s", host);
    text_hex(key, t->pub, sizeof t->pub);
    note_line(&b, "system %s\nexpires %lld\nkey %s\n", t->system, (long long)t->expires, key);
    int rc = note_save(v, name, &b, e);
    buf_free(&b);
    return rc;
}

int enrolment_drop(struct vault *v, const char *host, struct err *e) {
    char name[128];
    snprintf(name, sizeof name, "tokens/%s", host);
    if (unlinkat(v->fd, name, 0) == 0) return 1;
    return errno == ENOENT ? 0 : err_sys(e, name, _("remove"));
}

bool ticket_name_ok(const char *name) {
    size_t n = strlen(name);
    if (!n || n > 63 || *name == '.') return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static bool ticket_line(void *arg, const char *key, char *value) {
    struct ticket *t = arg;
    if (strcmp(key, "retain_until") == 0) return time_get(value, &t->retain_until);
    if (strcmp(key, "plan_hash") == 0) return text_unhex(t->plan_hash, sizeof t->plan_hash, value);
    if (strcmp(key, "label") != 0 || t->labels.n >= LABELS_MAX || strlen(value) >= sizeof t->labels.label[0])
        return false;
    snprintf(t->labels.label[t->labels.n++], sizeof t->labels.label[0], "%s", value);
    return true;
}

int ticket_load(struct vault *v, const char *host, const char *ticket, struct ticket *t, struct err *e) {
    char name[192];
    memset(t, 0, sizeof *t);
    if (!ticket_name_ok(ticket)) return err_set(e, ZE_NOTFOUND, ticket, _("no such ticket"));
    snprintf(name, sizeof name, "tickets/%s/%s", host, ticket);
    return note_load(v, name, ticket_line, t, e);
}

int ticket_save(struct vault *v, const char *host, const char *ticket, const struct ticket *t, struct err *e) {
    char name[192], hash[HEX_HASH];
    struct buf b;
    if (!ticket_name_ok(ticket)) return err_set(e, ZE_USAGE, ticket, _("a ticket has letters, digits and ._- only"));
    snprintf(name, sizeof name, "tickets/%s", host);
    if (file_mkdirs(v->fd, name, 0700, e) < 0) return -1;
    snprintf(name, sizeof name, "tickets/%s/%s", host, ticket);
    text_hex(hash, t->plan_hash, sizeof t->plan_hash);
    buf_init(&b, NOTE_MAX);
    note_line(&b, "plan_hash %s\nretain_until %lld\n", hash, (long long)t->retain_until);
    for (unsigned i = 0; i < t->labels.n; i++) note_line(&b, "label %s\n", t->labels.label[i]);
    int rc = note_save(v, name, &b, e);
    buf_free(&b);
    return rc;
}

void ticket_drop(struct vault *v, const char *host, const char *ticket) {
    char name[192];
    if (!ticket_name_ok(ticket)) return;
    snprintf(name, sizeof name, "tickets/%s/%s", host, ticket);
    unlinkat(v->fd, name, 0);
}

static bool readgrant_line(void *arg, const char *key, char *value) {
    struct readgrant *g = arg;
    if (strcmp(key, "until") == 0) return time_get(value, &g->until);
    bool who = strcmp(key, "who") == 0;
    char *to = who ? g->who : strcmp(key, "reason") == 0 ? g->reason : NULL;
    return to && snprintf(to, sizeof g->who, "%s", value) < (int)sizeof g->who;
}

static void readgrant_name(char out[160], const char *reader, const char *source) {
    snprintf(out, 160, "grants/%s/%s", reader, source);
}

int readgrant_load(struct vault *v, const char *reader, const char *source, struct readgrant *g, struct err *e) {
    char name[160];
    *g = (struct readgrant){.until = 0};
    readgrant_name(name, reader, source);
    return note_load(v, name, readgrant_line, g, e);
}

bool readgrant_holds(const struct readgrant *g, int64_t now) {
    return g->until > now && g->until - now <= READGRANT_MAX_S * NS_PER_S;
}

int readgrant_save(struct vault *v, const char *reader, const char *source, const struct readgrant *g, struct err *e) {
    char name[160];
    struct buf b;
    snprintf(name, sizeof name, "grants/%s", reader);
    if (file_mkdirs(v->fd, name, 0700, e) < 0) return -1;
    readgrant_name(name, reader, source);
    buf_init(&b, NOTE_MAX);
    note_line(&b, "until %lld\nwho %s\n", (long long)g->until, g->who);
    note_line(&b, "reason %s\n", g->reason);
    int rc = note_save(v, name, &b, e);
    buf_free(&b);
    return rc;
}

int readgrant_drop(struct vault *v, const char *reader, const char *source, struct err *e) {
    char name[160];
    readgrant_name(name, reader, source);
    return unlinkat(v->fd, name, 0) == 0 || errno == ENOENT ? 0 : err_sys(e, name, _("remove"));
}
