/* The secrets of one-time codes: sealed under a key in a file of its own, each for its user; rows of an older
 * version are sealed at a start and leave nothing behind; without the key nothing starts and no new key is made. */
#include <fcntl.h>
#include <sys/stat.h>

#include "api_box.h"
#include "suite.h"

enum { OLD = 3 };
static uint8_t secret[OLD][TOTP_SECRET];
static int64_t user[OLD];

static bool holds(const char *name, const void *p, size_t n) {
    char path[100];
    struct err e = ERR_INIT;
    struct buf b;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    buf_init(&b, 64 << 20);
    ck_assert_int_eq(file_load(AT_FDCWD, path, 64 << 20, &b, &e), 0);
    bool found = memmem(b.p, b.len, p, n);
    buf_free(&b);
    return found;
}

static int again(struct err *e) {
    *e = (struct err)ERR_INIT;
    secrets_close(&d);
    db_close(d.db);
    ck_assert_ptr_nonnull(d.db = catalog_open(dir, e));
    return secrets_open(&d, e);
}

/* As a version before sealed ones left it. */
static void old_rows(void) {
    struct err e = ERR_INIT;
    db_begin(d.db);
    for (int i = 0; i < OLD; i++) {
        struct user u = {.created_ns = now_ns, .password = "x"};
        snprintf(u.name, sizeof u.name, "u%d", i);
        seal_random(secret[i], TOTP_SECRET);
        user_put(d.db, &u);
        user[i] = u.id;
        db_exec(d.db, i == 2 ? "UPDATE users SET totp_new=? WHERE id=?" : "UPDATE users SET totp=? WHERE id=?", "bi",
            (const void *)secret[i], (size_t)TOTP_SECRET, u.id);
    }
    ck_assert_int_eq(db_commit(d.db, &e), 0);
}

static struct user get(int i) {
    struct user u;
    struct err e = ERR_INIT;
    db_begin(d.db);
    ck_assert(user_by_id(d.db, user[i], &u));
    ck_assert_int_eq(db_commit(d.db, &e), 0);
    return u;
}

START_TEST(open_secrets_of_an_older_version_are_sealed_at_a_start_and_leave_nothing_behind) {
    struct err e;
    uint8_t out[TOTP_SECRET];
    old_rows();
    for (int i = 0; i < OLD; i++) ck_assert(holds("zaibei.db", secret[i], TOTP_SECRET)); /* the test can see them */
    ck_assert_int_eq(again(&e), 0);
    for (int i = 0; i < OLD; i++) {
        struct user u = get(i);
        ck_assert(i == 2 ? u.has_new && !u.has_totp : u.has_totp && !u.has_new);
        ck_assert(secrets_unseal(&d, u.id, i == 2 ? u.totp_new : u.totp, out));
        ck_assert_mem_eq(out, secret[i], sizeof out);
        ck_assert(!holds("zaibei.db", secret[i], TOTP_SECRET));
    }
    ck_assert_int_eq(again(&e), 0); /* and once only */
    ck_assert(secrets_unseal(&d, user[0], get(0).totp, out));
}
END_TEST

START_TEST(a_secret_opens_for_its_user_alone) {
    uint8_t sealed[TOTP_SEALED], out[TOTP_SECRET], in[TOTP_SECRET] = {1};
    secrets_seal(&d, 5, in, sealed);
    ck_assert(secrets_unseal(&d, 5, sealed, out));
    ck_assert(!secrets_unseal(&d, 6, sealed, out));
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        ck_assert(!secrets_unseal(&d, 5, sealed, out));
        sealed[i] ^= 1;
    }
    secrets_close(&d);
    ck_assert(!secrets_unseal(&d, 5, sealed, out));
}
END_TEST

/* faults: H14 */
START_TEST(without_its_key_nothing_starts_and_no_new_key_is_made) {
    struct err e;
    struct stat st;
    char path[100], kept[100];
    snprintf(path, sizeof path, "%s/secrets.key", dir), snprintf(kept, sizeof kept, "%s/kept", dir);
    ck_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size == SEAL_KEY);
    old_rows();
    ck_assert_int_eq(again(&e), 0);
    ck_assert_int_eq(rename(path, kept), 0);
    ck_assert_int_lt(again(&e), 0);
    ck_assert_int_eq(e.id, ZE_SECRETSKEY);
    ck_assert_int_lt(stat(path, &st), 0);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* another key */
    ck_assert(fd >= 0 && ftruncate(fd, SEAL_KEY) == 0 && close(fd) == 0);
    ck_assert_int_lt(again(&e), 0);
    ck_assert_int_eq(e.id, ZE_SECRETSKEY);
    ck_assert_int_eq(rename(kept, path), 0);
    ck_assert_int_eq(again(&e), 0);
    ck_assert_int_eq(unlink(path), 0); /* lost: everybody's codes are taken away, and there is a record */
    ck_assert_int_lt(again(&e), 0);
    int64_t before = records();
    e = (struct err)ERR_INIT;
    ck_assert_int_eq(secrets_forget(&d, &e), OLD);
    ck_assert_int_eq(records(), before + 1);
    ck_assert_int_eq(again(&e), 0);
    ck_assert(!get(0).has_totp && !get(2).has_new);
}
END_TEST

int main(void) {
    Suite *s = suite_create("orchestrator_secrets");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, box_setup, box_teardown);
    tcase_add_test(t, open_secrets_of_an_older_version_are_sealed_at_a_start_and_leave_nothing_behind);
    tcase_add_test(t, a_secret_opens_for_its_user_alone);
    tcase_add_test(t, without_its_key_nothing_starts_and_no_new_key_is_made);
    suite_add_tcase(s, t);
    return suite_run(s);
}
