/* Each byte of a small vault flipped, each of its files cut at every length: whoever reads it, through a session or by
 * scrubbing, gets the right bytes or an error, and scrubbing finds it or mends it. A sample in make check, every byte
 * with ZAIBEI_SOAK=1. */
#include <ftw.h>

#include "scrub.h"
#include "suite.h"
#include "sys/file.h"
#include "vault_box.h"

enum { FILES = 32, SMALL = 16384 };

static void figure(const char *what, size_t n) {
    printf("figure: a small vault, each %s in turn, read in a session and scrubbed: %zu\n", what, n);
}

static struct {
    char path[256];
    uint8_t bytes[SMALL];
    size_t n;
} files[FILES];
static size_t files_n, total;
static uint8_t generation[SEAL_ID];

static int file_add(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    if (flag != FTW_F) return 0;
    ck_assert(files_n < FILES && st->st_size <= SMALL);
    int fd = open(path, O_RDONLY);
    snprintf(files[files_n].path, sizeof files[0].path, "%s", path);
    files[files_n].n = (size_t)read(fd, files[files_n].bytes, SMALL);
    total += files[files_n++].n;
    close(fd);
    return chmod(path, 0600);
}

static void keep_to(const char *path, const void *p, size_t n) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(file_write_all(fd, p, n), 0);
    close(fd);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { return remove(path); }

/* As it was before: what is mended or put aside goes too. */
static void again(size_t i) {
    char path[256];
    snprintf(path, sizeof path, "%s/store/quarantine", dir);
    nftw(path, remove_one, 8, FTW_PHYS | FTW_DEPTH);
    unlink(files[i].path);
    keep_to(files[i].path, files[i].bytes, files[i].n);
}

/* In memory where possible: each of thousands of sessions would wait for the disk. */
static void setup_small(void) {
    struct err e = ERR_INIT;
    struct vault v;
    ck_assert_int_eq(seal_init(&e), 0);
    signal(SIGPIPE, SIG_IGN);
    strcpy(top, access("/dev/shm", W_OK) == 0 ? "/dev/shm/zbv.XXXXXX" : "/tmp/zbv.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    snprintf(dir, sizeof dir, "%s/vault", top);
    ck_assert_msg(vault_init(dir, clock_real(), &v, &e) == 0, "%s %s", e.object, e.msg);
    vault_close(&v);
}

static void small_vault(void) {
    static const uint32_t slots[] = {1, 1};
    char path[256];
    struct client c;
    struct record r;
    struct vault v;
    struct scrub_sum sum;
    struct err e = ERR_INIT;
    enrolled();
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    ck_assert_int_eq(client_pack(&c, 0, PACK_META, 1, false), 0);
    ck_assert_int_eq(client_pack(&c, 1, PACK_DATA, 1, false), 0);
    ck_assert_int_eq(client_commit(&c, 1, 0, slots, 2, &r), 0);
    memcpy(generation, c.generation, SEAL_ID);
    client_close(&c);
    record_free(&r);
    ck_assert_int_eq(vault_open(&v, dir, clock_real(), &e), 0);
    ck_assert_int_eq(scrub_run(&v, &(struct scrub_opts){.all = true}, &sum, &e), 1);
    ck_assert_uint_eq(sum.damaged, 0);
    vault_close(&v);
    session(&c, BIND_HOST, "web", true);
    ck_assert_int_eq(client_hello(&c), 0);
    for (uint32_t pack = 0; pack < 2; pack++) ck_assert_int_eq(client_get(&c, generation, pack, 0), 0);
    client_close(&c);
    waitpid(last_serve, NULL, 0);
    files_n = total = 0;
    snprintf(path, sizeof path, "%s/store", dir);
    ck_assert_int_eq(nftw(path, file_add, 8, FTW_PHYS), 0);
    ck_assert(files_n >= 8 && total <= SMALL);
}

static size_t step(void) { return getenv("ZAIBEI_SOAK") ? 1 : 151; }

/* What a session gives: every answer right or an error. */
static void session_is_right(const char *what, size_t at) {
    struct client c;
    unsigned points;
    session(&c, BIND_HOST, "web", true);
    int rc = client_hello(&c);
    if (rc == 0) rc = client_list(&c, &points);
    for (uint32_t pack = 0; rc >= 0 && pack < 2; pack++) {
        int got = client_get(&c, generation, pack, 0);
        ck_assert_msg(got != -2 && got != -3, "wrong bytes after %s at %zu", what, at);
    }
    client_close(&c);
    int status = 0;
    waitpid(last_serve, &status, 0);
    ck_assert_msg(WIFEXITED(status), "serve died of %d after %s at %zu", WTERMSIG(status), what, at);
}

static int count(void *arg, const char *host, const struct damage_item *d, struct err *e) { return ++*(int *)arg, 0; }

/* A child scrubs, so that a crash is one, and what it finds is at hand: found, mended, or the vault does not open. */
static void scrub_is_right(size_t i, const char *what, size_t at) {
    pid_t pid = fork();
    if (pid == 0) {
        struct vault v;
        struct scrub_sum sum;
        struct err e = ERR_INIT;
        int found = 0;
        if (vault_open(&v, dir, clock_real(), &e) < 0) _exit(3);
        if (scrub_run(&v, &(struct scrub_opts){.all = true}, &sum, &e) != 1) _exit(4);
        _exit(damage_each(&v, count, &found, &e) < 0 ? 4 : found ? 1 : sum.healed ? 2 : 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ck_assert_msg(
        WIFEXITED(status), "scrub died of %d after %s of %s at %zu", WTERMSIG(status), what, files[i].path, at);
    int rc = WEXITSTATUS(status);
    ck_assert_msg(rc >= 1 && rc <= 3, "scrub ended with %d after %s of %s at %zu", rc, what, files[i].path, at);
    if (rc != 2) return;
    struct buf b;
    struct err e = ERR_INIT;
    buf_init(&b, SMALL);
    ck_assert_int_eq(file_load(AT_FDCWD, files[i].path, SMALL, &b, &e), 0);
    ck_assert_msg(
        b.len == files[i].n && memcmp(b.p, files[i].bytes, b.len) == 0, "%s was mended wrongly", files[i].path);
    buf_free(&b);
}

/* faults: B10 */
START_TEST(every_flipped_byte_is_found_or_mended_and_never_read) {
    small_vault();
    size_t tried = 0;
    for (size_t i = 0, n = 0; i < files_n; i++)
        for (size_t at = 0; at < files[i].n; at++, n++) {
            uint8_t bad[SMALL];
            if (n % step()) continue;
            memcpy(bad, files[i].bytes, files[i].n);
            bad[at] ^= (uint8_t)(1 << (n & 7));
            keep_to(files[i].path, bad, files[i].n);
            session_is_right(files[i].path, at);
            scrub_is_right(i, "a flip", at);
            again(i);
            tried++;
        }
    figure("byte flipped", tried);
    suite_done(teardown);
}
END_TEST

/* faults: B11 */
START_TEST(every_truncation_is_found_or_mended_and_never_read) {
    small_vault();
    size_t tried = 0;
    for (size_t i = 0, n = 0; i < files_n; i++)
        for (size_t at = 0; at < files[i].n; at++, n++) {
            if (n % step()) continue;
            keep_to(files[i].path, files[i].bytes, at);
            session_is_right(files[i].path, at);
            scrub_is_right(i, "a cut", at);
            again(i);
            tried++;
        }
    figure("length of each file", tried);
    suite_done(teardown);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_flips");
    TCase *t = tcase_create("flips");
    tcase_set_timeout(t, 7200);
    tcase_add_checked_fixture(t, setup_small, teardown);
    tcase_add_exit_test(t, every_flipped_byte_is_found_or_mended_and_never_read, 0);
    tcase_add_exit_test(t, every_truncation_is_found_or_mended_and_never_read, 0);
    suite_add_tcase(s, t);
    return suite_run(s);
}
