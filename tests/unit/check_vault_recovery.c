/* The recovery file from inside: what is gathered comes back, each byte of the sealed form matters, names that leave the
 * vault's directory are refused though the file is sealed well, and a recovery that stopped anywhere goes on. */
#include "keeper.h"
#include "recovery.h"
#include "sys/file.h"
#include "vault_box.h"
#include "wire/kit.h"
#include "suite.h"

static char kit_file[128], sealed_file[128], new_dir[128];

static void vault_here(struct vault *v) {
    struct err e = ERR_INIT;
    ck_assert_msg(vault_open(v, dir, clock_real(), &e) == 0, "%s %s", e.object, e.msg);
}

/* A vault with a host and a recipient; its sealed file at sealed_file. */
static void sealed(void) {
    struct err e = ERR_INIT;
    struct vault v;
    struct kit k;
    struct recovery_conf c = {.n = 1};
    char text[KIT_TEXT];
    enrolled();
    vault_here(&v);
    kit_new(&k);
    kit_sec_text(&k, text);
    snprintf(kit_file, sizeof kit_file, "%s/kit", top);
    snprintf(sealed_file, sizeof sealed_file, "%s/keeper/recovery", dir);
    snprintf(new_dir, sizeof new_dir, "%s/new", top);
    ck_assert_int_eq(file_replace(AT_FDCWD, kit_file, text, strlen(text), 0600, &e), 0);
    memcpy(c.recipient[0], k.pub, SEAL_KEY);
    ck_assert_int_eq(recovery_conf_save(&v, &c, &e), 0);
    ck_assert_int_eq(recovery_fresh(&v, &e), 0);
    ck_assert_msg(recovery_write(&v, &e) == 0, "%s %s", e.object, e.msg);
    ck_assert_int_eq(recovery_fresh(&v, &e), 1);
    vault_close(&v);
}

static int recovered(const char *file, struct err *e) {
    struct vault v;
    int rc = vault_recover(new_dir, file, kit_file, clock_real(), &v, e);
    if (rc == 0) vault_close(&v);
    return rc;
}

static void sh(const char *fmt, const char *a, const char *b) {
    char command[600];
    snprintf(command, sizeof command, fmt, a, b);
    ck_assert_msg(system(command) == 0, "%s", command);
}

START_TEST(what_was_sealed_comes_back) {
    struct err e = ERR_INIT;
    sealed();
    ck_assert_msg(recovered(sealed_file, &e) == 0, "%s %s", e.object, e.msg);
    sh("cd '%s' && for f in keeper/key store/vault rights/web store/systems/oa store/hosts/web/log/0000000000000000; "
       "do "
       "cmp $f '%s'/$f || exit 1; done",
        dir, new_dir);
    ck_assert_int_lt(recovered(sealed_file, &e), 0);
    ck_assert_int_eq(e.id, ZE_EXISTS);
}
END_TEST

/* A change that is not followed by the file (a crash between the two) is made up for at the next occasion. */
START_TEST(a_file_that_is_older_by_one_change_is_found) {
    struct err e = ERR_INIT;
    struct vault v;
    struct rights r;
    sealed();
    vault_here(&v);
    ck_assert_int_eq(rights_load(&v, "web", &r, &e), 0);
    r.floor_days++;
    ck_assert_int_eq(rights_save(&v, "web", &r, &e), 0);
    ck_assert_int_eq(recovery_fresh(&v, &e), 0);
    ck_assert_int_eq(authkeys_write(&v, &e), 0); /* as each start of the keeper does */
    ck_assert_int_eq(recovery_fresh(&v, &e), 1);
    vault_close(&v);
}
END_TEST

static void record_flip(void) {
    char path[200];
    uint8_t b;
    snprintf(path, sizeof path, "%s/store/hosts/web/log/0000000000000000", dir);
    ck_assert_int_eq(chmod(path, 0600), 0);
    int fd = open(path, O_RDWR);
    ck_assert(fd >= 0 && pread(fd, &b, 1, 60) == 1);
    b ^= 1;
    ck_assert(pwrite(fd, &b, 1, 60) == 1 && close(fd) == 0);
}

/* faults: B10 */
START_TEST(rot_does_not_take_the_place_of_the_last_whole_file) {
    struct err e = ERR_INIT;
    struct vault v;
    struct rights r;
    struct recovery_conf c;
    sealed();
    vault_here(&v);
    ck_assert_int_eq(recovery_conf_load(&v, &c, &e), 0);
    snprintf(c.to, sizeof c.to, "%s/other", top);
    ck_assert(mkdir(c.to, 0700) == 0 && recovery_conf_save(&v, &c, &e) == 0 && recovery_write(&v, &e) == 0);
    sh("cp '%s' '%s/whole'", sealed_file, top);
    record_flip();
    ck_assert_int_eq(rights_load(&v, "web", &r, &e), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(recovery_fresh(&v, &e), 0);
        ck_assert_int_eq(recovery_write(&v, &e), 0);
        ck_assert_int_eq(recovery_fresh(&v, &e), 1);
        sh("cmp '%s/whole' '%s/keeper/recovery.before'", top, dir);
        sh("cmp '%s/whole' '%s'/other/zaibei-recovery-*.before", top, top);
        r.floor_days++;
        ck_assert_int_eq(rights_save(&v, "web", &r, &e), 0);
    }
    record_flip();
    ck_assert_int_eq(recovery_write(&v, &e), 0);
    sh("test ! -e '%s/keeper/recovery.before' && test \"$(ls '%s/other' | wc -l)\" = 1", dir, top);
    sh("rm '%s/store/hosts/web/log/0000000000000000'%s", dir, "");
    ck_assert_int_eq(recovery_write(&v, &e), 0);
    sh("test -e '%s/keeper/recovery.before'%s", dir, "");
    ck_assert_int_eq(recovered(sealed_file, &e), 0); /* what is left is enough for a vault */
    vault_close(&v);
}
END_TEST

/* faults: B10 B11 */
START_TEST(every_byte_and_every_length_matters) {
    struct err e = ERR_INIT;
    struct buf b, plain;
    uint8_t pub[SEAL_SIGN_PUB];
    sealed();
    buf_init(&b, RECOVERY_MAX);
    buf_init(&plain, RECOVERY_MAX);
    ck_assert_int_eq(file_load(AT_FDCWD, sealed_file, RECOVERY_MAX, &b, &e), 0);
    ck_assert_int_eq(recovery_unseal("file", &b, kit_file, pub, &plain, &e), 0);
    size_t n = b.len;
    for (size_t i = 0; i < n; i += i < 300 || i > n - 40 ? 1 : 7) {
        buf_reset(&plain);
        b.p[i] ^= 0x10;
        ck_assert_msg(recovery_unseal("file", &b, kit_file, pub, &plain, &e) < 0, "byte %zu", i);
        b.p[i] ^= 0x10;
        b.len = i;
        ck_assert_msg(recovery_unseal("file", &b, kit_file, pub, &plain, &e) < 0, "length %zu", i);
        b.len = n;
    }
    buf_free(&b);
    buf_free(&plain);
}
END_TEST

static const char *const names[] = {"../out", "store/../../out", "/etc/out", "keeper/.hidden", "rights//x",
    "etc/passwd", "store/", "keeper/lock/../../../out", "rights/a b", "rights/db" /* the good one */};

/* Anybody can seal to a public half: with a key of his own, and names of his own. */
START_TEST(names_that_lead_elsewhere_are_refused) {
    struct err e = ERR_INIT;
    struct vault v;
    struct recovery_conf c;
    struct buf plain, more, out;
    bool whole;
    sealed();
    vault_here(&v);
    ck_assert_int_eq(recovery_conf_load(&v, &c, &e), 0);
    buf_init(&plain, RECOVERY_MAX);
    buf_init(&more, RECOVERY_MAX);
    buf_init(&out, RECOVERY_MAX);
    ck_assert_int_eq(recovery_gather(&v, &plain, &whole, &e), 0);
    ck_assert_int_lt(plain.p[0], 100); /* the count is one byte */
    buf_u8(&more, (uint8_t)(plain.p[0] + 1));
    buf_str(&more, names[_i]);
    buf_blob(&more, "x", 1);
    buf_put(&more, plain.p + 1, plain.len - 1);
    ck_assert_int_eq(recovery_seal(&v.header, &c, 0, &more, &out, &e), 0);
    ck_assert_int_eq(file_replace(AT_FDCWD, sealed_file, out.p, out.len, 0600, &e), 0);
    bool good = strcmp(names[_i], "rights/db") == 0;
    ck_assert_int_eq(recovered(sealed_file, &e), good ? 0 : -1);
    ck_assert_int_eq(e.id, good ? ZE_NONE : ZE_DAMAGED);
    ck_assert_int_eq(access(new_dir, F_OK), good ? 0 : -1);
    vault_close(&v);
    buf_free(&plain);
    buf_free(&more);
    buf_free(&out);
}
END_TEST

START_TEST(a_file_whose_key_is_not_the_one_it_names_is_refused) {
    struct err e = ERR_INIT;
    struct vault v;
    struct recovery_conf c;
    struct vault_header h;
    struct buf plain, out;
    bool whole;
    sealed();
    vault_here(&v);
    h = v.header;
    h.pub[3] ^= 1;
    buf_init(&plain, RECOVERY_MAX);
    buf_init(&out, RECOVERY_MAX);
    ck_assert_int_eq(recovery_conf_load(&v, &c, &e), 0);
    ck_assert_int_eq(recovery_gather(&v, &plain, &whole, &e), 0);
    ck_assert_int_eq(recovery_seal(&h, &c, 0, &plain, &out, &e), 0);
    ck_assert_int_eq(file_replace(AT_FDCWD, sealed_file, out.p, out.len, 0600, &e), 0);
    ck_assert_int_lt(recovered(sealed_file, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    vault_close(&v);
    buf_free(&plain);
    buf_free(&out);
}
END_TEST

/* Recovering makes its files one by one and the key last; each state in between, and each with one more file lost, ends
 * in the same vault. */
/* faults: A22 */
START_TEST(an_interrupted_recovery_goes_on) {
    static const char *const lost[] = {"store/vault", "rights/web", "store/systems/oa",
        "store/hosts/web/log/0000000000000000", "keeper/recovery.conf", "ssh/sshd_config", "spool", "run"};
    struct err e = ERR_INIT;
    char path[300];
    sealed();
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        ck_assert_msg(recovered(sealed_file, &e) == 0, "%s: %s %s", lost[i], e.object, e.msg);
        snprintf(path, sizeof path, "%s/keeper/key", new_dir);
        ck_assert_int_eq(unlink(path), 0);
        snprintf(path, sizeof path, "%s/%s", new_dir, lost[i]);
        ck_assert_int_eq(remove(path), 0);
    }
    ck_assert_int_eq(recovered(sealed_file, &e), 0);
    sh("cmp '%s/keeper/key' '%s/keeper/key'", dir, new_dir);
}
END_TEST

/* What stands in the place of the header is nobody's: the file's comes back; a header of another vault stays (94-recovery). */
/* faults: B10 */
START_TEST(a_damaged_header_gives_way_to_that_of_the_file) {
    struct err e = ERR_INIT;
    sealed();
    sh("cp '%s/keeper/key' '%s.key'", dir, dir);
    snprintf(new_dir, sizeof new_dir, "%s", dir);
    sh("cp '%s/keeper/recovery' '%s.sealed'", dir, dir);
    snprintf(sealed_file, sizeof sealed_file, "%.90s.sealed", dir);
    sh("cp '%s/store/vault' '%s.header'", dir, dir);
    sh("cd '%s' && rm -r keeper rights tokens ssh store/vault.copy && chmod 600 store/vault && printf x | dd of=store/vault bs=1 seek=9 "
       "conv=notrunc 2>/dev/null; : '%s'", dir, dir);
    ck_assert_msg(recovered(sealed_file, &e) == 0, "%s: %s", e.object, e.msg);
    sh("cmp '%s/store/vault' '%s.header'", dir, dir);
    sh("cmp '%s/keeper/key' '%s.key'", dir, dir);
    sh("ls '%s/store/quarantine/vault.recovered' >/dev/null; : '%s'", dir, dir);
}
END_TEST

int main(void) {
    Suite *s = suite_create("recovery");
    TCase *c = tcase_create("file");
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, what_was_sealed_comes_back);
    tcase_add_test(c, a_file_that_is_older_by_one_change_is_found);
    tcase_add_test(c, rot_does_not_take_the_place_of_the_last_whole_file);
    tcase_add_test(c, every_byte_and_every_length_matters);
    tcase_add_loop_test(c, names_that_lead_elsewhere_are_refused, 0, sizeof names / sizeof *names);
    tcase_add_test(c, a_file_whose_key_is_not_the_one_it_names_is_refused);
    tcase_add_test(c, an_interrupted_recovery_goes_on);
    tcase_add_test(c, a_damaged_header_gives_way_to_that_of_the_file);
    suite_add_tcase(s, c);
    return suite_run(s);
}
