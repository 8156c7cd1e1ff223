/* SQLite. The mutex is held from db_begin to db_commit: one connection has one transaction.
 *
 * Statements are cached by the address of their text (string constants), so a query costs no parsing after its first use.
 * A statement is in use by at most one db_query at a time; nested use of the same statement is refused as a bug. */
#include "wrap/db.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"

enum { STATEMENTS_MAX = 512 };

struct db_rows {
    struct db *d;
    const char *sql;
    sqlite3_stmt *stmt;
    bool used;
};

struct db {
    sqlite3 *sq;
    char path[4096];
    pthread_mutex_t lock;
    struct err err; /* sticky until the end of the transaction */
    struct db_rows cache[STATEMENTS_MAX];
    struct db_rows none; /* what a failed query gives */
};

static void stick(struct db *d, int rc) {
    if (d->err.id) return;
    enum err_id id = ZE_IO;
    switch (rc & 0xff) {
    case SQLITE_FULL: id = ZE_NOSPACE; break;
    case SQLITE_NOMEM: id = ZE_NOMEM; break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: id = ZE_BUSY; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: id = ZE_DAMAGED; break;
    case SQLITE_CONSTRAINT: id = ZE_EXISTS; break;
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE: id = ZE_INTERNAL; break;
    default: break;
    }
    err_set(&d->err, id, d->path, "%s", d->sq ? sqlite3_errmsg(d->sq) : sqlite3_errstr(rc));
}

static int plain(struct db *d, const char *sql) {
    int rc = sqlite3_exec(d->sq, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK) stick(d, rc);
    return rc;
}

static int version_of(struct db *d) {
    sqlite3_stmt *s = NULL;
    int v = -1, rc = sqlite3_prepare_v2(d->sq, "PRAGMA user_version", -1, &s, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) v = sqlite3_column_int(s, 0);
    if (v < 0) stick(d, rc);
    sqlite3_finalize(s);
    return v;
}

static int migrate(struct db *d, const char *const *schema, unsigned n) {
    int v = version_of(d);
    if (v > (int)n) return err_set(&d->err, ZE_NEWER, d->path, _("schema version %d, known up to %u"), v, n);
    for (; v >= 0 && v < (int)n; v++) {
        char set[64]; /* if interrupted before COMMIT the next start begins this step again */
        snprintf(set, sizeof set, "PRAGMA user_version=%d", v + 1);
        if (plain(d, "BEGIN IMMEDIATE") || plain(d, schema[v]) || plain(d, set) || plain(d, "COMMIT")) return -1;
    }
    return v < 0 ? -1 : 0;
}

struct db *db_open(const char *path, const char *const *schema, unsigned n, struct err *e) {
    struct db *d = calloc(1, sizeof *d);
    if (!d) return err_set(e, ZE_NOMEM, path, "SQLite"), NULL;
    snprintf(d->path, sizeof d->path, "%s", path);
    pthread_mutex_init(&d->lock, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* SQLite itself would use 0644 */
    if (fd < 0) {
        err_sys(e, path, _("open"));
        return db_close(d), NULL;
    }
    close(fd);
    int rc = sqlite3_open_v2(path, &d->sq, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) stick(d, rc);
    else sqlite3_busy_timeout(d->sq, 2000);
    bool ok = !d->err.id && !plain(d, "PRAGMA locking_mode=EXCLUSIVE") && !plain(d, "PRAGMA journal_mode=DELETE") &&
        !plain(d, "PRAGMA synchronous=FULL") && !plain(d, "PRAGMA foreign_keys=ON") &&
        !plain(d, "PRAGMA secure_delete=ON") &&
        !plain(d, "PRAGMA cache_size=-65536") && /* KiB at most; it grows with what is read */
        !plain(d, "PRAGMA trusted_schema=OFF") && !plain(d, "BEGIN EXCLUSIVE;COMMIT") && migrate(d, schema, n) == 0;
    if (ok) return d;
    *e = d->err;
    db_close(d);
    return NULL;
}

void db_close(struct db *d) {
    if (!d) return;
    for (size_t i = 0; i < STATEMENTS_MAX; i++) sqlite3_finalize(d->cache[i].stmt);
    sqlite3_close(d->sq);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void db_begin(struct db *d) {
    pthread_mutex_lock(&d->lock);
    d->err = (struct err)ERR_INIT;
    plain(d, "BEGIN IMMEDIATE");
}

static void finish(struct db *d, bool commit) {
    for (size_t i = 0; i < STATEMENTS_MAX; i++)
        if (d->cache[i].used) db_done(&d->cache[i]);
    if (commit && !d->err.id) plain(d, "COMMIT");
    if (!sqlite3_get_autocommit(d->sq)) sqlite3_exec(d->sq, "ROLLBACK", NULL, NULL, NULL);
}

int db_commit(struct db *d, struct err *e) {
    finish(d, true);
    int rc = d->err.id ? -1 : 0;
    if (rc < 0 && e) *e = d->err;
    pthread_mutex_unlock(&d->lock);
    return rc;
}

void db_abort(struct db *d) {
    finish(d, false);
    pthread_mutex_unlock(&d->lock);
}

/* The prepared statement of this text; NULL when the transaction has failed. */
static struct db_rows *prepare(struct db *d, const char *sql) {
    if (d->err.id) return NULL;
    size_t i = 0;
    while (i < STATEMENTS_MAX && d->cache[i].sql && d->cache[i].sql != sql) i++;
    struct db_rows *r = &d->cache[i < STATEMENTS_MAX ? i : 0];
    if (i == STATEMENTS_MAX || r->used) {
        err_set(&d->err, ZE_INTERNAL, d->path, "statement in use: %.200s", sql);
        return NULL;
    }
    if (!r->stmt) {
        int rc = sqlite3_prepare_v3(d->sq, sql, -1, SQLITE_PREPARE_PERSISTENT, &r->stmt, NULL);
        if (rc != SQLITE_OK) return stick(d, rc), NULL;
        r->d = d, r->sql = sql;
    }
    r->used = true;
    return r;
}

static void bind(struct db_rows *r, const char *types, va_list ap) {
    int rc = SQLITE_OK;
    for (int i = 1; *types && rc == SQLITE_OK; types++, i++) {
        if (*types == 'i') rc = sqlite3_bind_int64(r->stmt, i, va_arg(ap, int64_t));
        else if (*types == 's') rc = sqlite3_bind_text(r->stmt, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
        else {
            const void *p = va_arg(ap, const void *);
            rc = sqlite3_bind_blob64(r->stmt, i, p, va_arg(ap, size_t), SQLITE_TRANSIENT);
        }
    }
    if (rc != SQLITE_OK) stick(r->d, rc);
}

void db_exec(struct db *d, const char *sql, const char *types, ...) {
    struct db_rows *r = prepare(d, sql);
    if (!r) return;
    va_list ap;
    va_start(ap, types);
    bind(r, types, ap);
    va_end(ap);
    while (db_next(r)) {}
    db_done(r);
}

struct db_rows *db_query(struct db *d, const char *sql, const char *types, ...) {
    struct db_rows *r = prepare(d, sql);
    if (!r) return &d->none;
    va_list ap;
    va_start(ap, types);
    bind(r, types, ap);
    va_end(ap);
    return r;
}

bool db_next(struct db_rows *r) {
    if (!r->stmt || r->d->err.id) return false;
    int rc = sqlite3_step(r->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) stick(r->d, rc);
    return rc == SQLITE_ROW;
}

void db_done(struct db_rows *r) {
    if (!r->stmt) return;
    sqlite3_reset(r->stmt);
    sqlite3_clear_bindings(r->stmt);
    r->used = false;
}

const char *db_text(struct db_rows *r, int column) {
    const unsigned char *s = r->stmt ? sqlite3_column_text(r->stmt, column) : NULL;
    return s ? (const char *)s : "";
}

int64_t db_int(struct db_rows *r, int column) { return r->stmt ? sqlite3_column_int64(r->stmt, column) : 0; }

const void *db_blob(struct db_rows *r, int column, size_t *n) {
    const void *p = r->stmt ? sqlite3_column_blob(r->stmt, column) : NULL;
    *n = p ? (size_t)sqlite3_column_bytes(r->stmt, column) : 0;
    return p;
}

int64_t db_changes(struct db *d) { return sqlite3_changes64(d->sq); }
int64_t db_last_id(struct db *d) { return sqlite3_last_insert_rowid(d->sq); }
