/**
 * SQLite, and the only door to it: one file, one connection, rollback journal, synchronous=FULL (a corruption bug of 3.40
 * needs WAL and several connections). What is deleted or written over is gone from the file.
 *
 * Everything happens in a transaction: db_begin … db_commit. The first error inside sticks: what follows does nothing, and
 * db_commit rolls back and reports it, so that it is looked at once. Threads take turns: db_begin waits for the other's
 * commit. If the process or the machine dies before db_commit returns, either all of the transaction is there or nothing.
 */
#ifndef WRAP_DB_H
#define WRAP_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db;
struct db_rows;

/**
 * db_open(path, schema, n, e):
 * Open or make the database ${path} (mode 0600) and bring its schema up to date: schema[i] leads from version i to i + 1,
 * each in its own transaction. NULL with ${e}: ZE_NEWER when the file has a version above ${n}, ZE_DAMAGED, ZE_IO, ZE_BUSY
 * when another process has it open for writing.
 */
struct db *db_open(const char *path, const char *const *schema, unsigned n, struct err *e) MUST_CHECK;
void db_close(struct db *d); /* NULL is fine */

void db_begin(struct db *d);
/** db_commit: 0 when everything is durable, <0 with ${e} when nothing of it has happened. db_abort: forget it all. */
int db_commit(struct db *d, struct err *e) MUST_CHECK;
void db_abort(struct db *d);

/**
 * db_exec(d, sql, types, ...): run one statement. ${types} has a letter for each ? of ${sql}: s a C string (NULL: null), i
 * an int64_t, b a const void * and a size_t. ${sql} must be a constant: statements are prepared once per address.
 * db_changes, db_last_id: of the last one.
 */
void db_exec(struct db *d, const char *sql, const char *types, ...);
int64_t db_changes(struct db *d);
int64_t db_last_id(struct db *d);

/** db_query: the same for rows; always ended by db_done. db_next: whether there is another row. Columns count from 0; text
 * is "" for null and valid until the next db_next or db_done. */
struct db_rows *db_query(struct db *d, const char *sql, const char *types, ...);
bool db_next(struct db_rows *r);
const char *db_text(struct db_rows *r, int column);
int64_t db_int(struct db_rows *r, int column);
const void *db_blob(struct db_rows *r, int column, size_t *n);
void db_done(struct db_rows *r);

#endif
