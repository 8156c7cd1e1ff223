/* The chain. The number and hash of the record before are read in the same transaction, and transactions take turns, so the
 * chain has neither gaps nor forks; what somebody does to the file by hand shows when it is computed again. */
#include "audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/file.h"

void audit_head(struct db *d, int64_t *n, uint8_t hash[SEAL_HASH]) {
    struct db_rows *r = db_query(d, "SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1", "");
    *n = 0;
    memset(hash, 0, SEAL_HASH);
    if (db_next(r)) {
        size_t len;
        const void *p = db_blob(r, 1, &len);
        *n = db_int(r, 0);
        if (len == SEAL_HASH) memcpy(hash, p, len);
    }
    db_done(r);
}

void audit_add(struct db *d, int64_t now_ns, const char *who, const char *act, const char *object, struct js *detail) {
    int64_t n;
    uint8_t hash[SEAL_HASH];
    audit_head(d, &n, hash);
    CLEANUP_JS struct js *j = js_object();
    js_set_int(j, "n", n + 1);
    js_set_time(j, "time", now_ns);
    js_set_str(j, "who", who);
    js_set_str(j, "act", act);
    js_set_str(j, "object", object);
    js_set(j, "detail", detail ? detail : js_object());
    CLEANUP_FREE char *line = js_dump(j);
    struct hash_state h;
    hash_init(&h, NULL);
    hash_update(&h, hash, sizeof hash);
    hash_update(&h, line, strlen(line));
    hash_final(&h, hash);
    db_exec(d, "INSERT INTO audit(n,time_ns,who,act,object,line,hash) VALUES(?,?,?,?,?,?,?)", "iissssb", n + 1, now_ns,
        who, act, object, line, (const void *)hash, sizeof hash);
}
