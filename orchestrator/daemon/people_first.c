/* The first user. There is no default password: whoever may write zaibeid's state directory proves that by a code, which
 * `zaibeid first-user` prints and whose hash it lays there. The code is good for one use, for fifteen minutes, and only while
 * nobody can act as security administrator. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "base/i18n.h"
#include "base/text.h"
#include "people.h"
#include "sys/file.h"

enum { CODE_BYTES = 16 };
static const char file_name[] = "first-user";
struct first {
    uint8_t hash[SEAL_HASH];
    int64_t until_ns;
};

int people_first_code(const char *state_dir, int64_t now_ns, char out[40], struct err *e) {
    uint8_t raw[CODE_BYTES];
    struct first f = {.until_ns = now_ns + FIRST_CODE_S * (int64_t)NS_PER_S};
    struct stat st;
    seal_random(raw, sizeof raw);
    text_hex(out, raw, sizeof raw);
    seal_hash(f.hash, raw, sizeof raw);
    CLEANUP_FD int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fstat(dir, &st) < 0) return err_sys(e, state_dir, _("open"));
    if (file_replace(dir, file_name, &f, sizeof f, 0600, e) < 0) return -1;
    /* By root: zaibeid itself, whose directory it is, must be able to read it. */
    if (st.st_uid != geteuid() && fchownat(dir, file_name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(e, state_dir, _("change the owner"));
    return 0;
}

/* Take the code off the disk before it is judged: one use, right or wrong. If interrupted here a new one must be printed. */
static int take(const char *state_dir, struct first *f, struct err *e) {
    struct buf b;
    CLEANUP_FD int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return err_sys(e, state_dir, _("open"));
    buf_init(&b, sizeof *f);
    int rc = file_load(dir, file_name, sizeof *f, &b, e);
    if (rc < 0 && e->id == ZE_NOTFOUND) err_set(e, ZE_FIRSTCODE, "", _("none was printed, or it was used"));
    if (rc == 0 && b.len != sizeof *f) rc = err_set(e, ZE_FIRSTCODE, "", _("not a code of this program"));
    if (rc == 0) memcpy(f, b.p, sizeof *f);
    if (rc == 0 && (unlinkat(dir, file_name, 0) < 0 || file_sync_dir(dir) < 0)) rc = err_sys(e, state_dir, _("remove"));
    buf_free(&b);
    return rc;
}

static int judge(struct daemon *d, const char *code, struct err *e) {
    uint8_t raw[CODE_BYTES], hash[SEAL_HASH];
    struct first f;
    if (take(d->cfg->state, &f, e) < 0) return -1;
    if (strlen(code) != 2 * sizeof raw || !text_unhex(raw, sizeof raw, code))
        return err_set(e, ZE_FIRSTCODE, "", _("it is another; this one is used up"));
    seal_hash(hash, raw, sizeof raw);
    if (!seal_equal(hash, f.hash, sizeof hash))
        return err_set(e, ZE_FIRSTCODE, "", _("it is another; this one is used up"));
    if (daemon_now(d) >= f.until_ns) return err_set(e, ZE_FIRSTCODE, "", _("it was good for fifteen minutes"));
    return 0;
}

int people_first(struct daemon *d, const char *code, struct user *u, const char *password, struct err *e) {
    int64_t now = daemon_now(d);
    struct user old;
    db_begin(d->db);
    int64_t keepers = user_keepers(d->db, now, 0);
    bool exists = user_get(d->db, u->name, &old);
    if (db_commit(d->db, e) < 0) return -1;
    if (keepers) return err_set(e, ZE_FIRSTCODE, "", _("there is a security administrator"));
    if (exists) return err_set(e, ZE_EXISTS, u->name, _("there is a user of this name"));
    if (people_password_set(u, password, now, e) < 0 || judge(d, code, e) < 0) return -1;
    u->roles = ROLE_SECURITY_ADMIN, u->created_ns = now;
    db_begin(d->db);
    user_put(d->db, u);
    audit_add(d->db, now, "zaibeid", "user.first", u->name, NULL);
    return db_commit(d->db, e);
}
