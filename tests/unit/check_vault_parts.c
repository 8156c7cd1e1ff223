/* Parts of the vault by themselves: the store's put-new, the log's race, small files, confinement, the enrol token. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "log.h"
#include "notes.h"
#include "packs.h"
#include "wire/token.h"
#include "suite.h"

static char top[64], dir[96];
static struct vault v;

static void setup(void) {
    struct err e = ERR_INIT;
    ck_assert_int_eq(seal_init(&e), 0);
    strcpy(top, "/tmp/zbp.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    snprintf(dir, sizeof dir, "%s/vault", top);
    ck_assert_msg(vault_init(dir, clock_real(), &v, &e) == 0, "%s %s", e.object, e.msg);
}

static void teardown(void) {
    char cmd[128];
    vault_close(&v);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", top);
    ck_assert_int_eq(system(cmd), 0);
}

START_TEST(an_existing_vault_is_never_made_again) {
    struct err e = ERR_INIT;
    struct vault again;
    ck_assert_int_lt(vault_init(dir, clock_real(), &again, &e), 0);
    ck_assert_int_eq(e.id, ZE_EXISTS);
    ck_assert_int_eq(vault_open(&again, dir, clock_real(), &e), 0);
    ck_assert_mem_eq(again.header.id, v.header.id, SEAL_ID);
    vault_close(&again);
    ck_assert_int_lt(vault_open(&again, top, clock_real(), &e), 0);
    ck_assert_int_eq(e.id, ZE_NOTFOUND);
}
END_TEST

static int count(void *arg, const char *name, uint64_t size, struct err *e) {
    *(unsigned *)arg += 1;
    return 0;
}

/* faults: A4 */
START_TEST(put_new_keeps_the_first_and_sweep_removes_what_was_left_half_done) {
    struct err e = ERR_INIT;
    struct store_tmp t, left;
    struct buf b;
    unsigned n = 0;
    buf_init(&b, 64);
    ck_assert_int_eq(store_put_new(&v.store, "a/b/c", "one", 3, &e), 0);
    ck_assert_int_eq(store_put_new(&v.store, "a/b/c", "two", 3, &e), 1);
    ck_assert_int_eq(store_tmp_open(&v.store, "a/b/c", &t, &e), 0);
    ck_assert_int_eq(write(t.fd, "three", 5), 5);
    ck_assert_int_eq(store_tmp_put(&v.store, &t, "a/b/c", &e), 1);
    ck_assert_int_eq(store_tmp_open(&v.store, "a/b/d", &left, &e), 0);
    close(left.fd); /* as if the process had died here */
    ck_assert_int_eq(store_load(&v.store, "a/b/c", 64, &b, &e), 0);
    ck_assert_uint_eq(b.len, 3);
    ck_assert_mem_eq(b.p, "one", 3);
    ck_assert_int_eq(store_list(&v.store, "a/b", count, &n, &e), 0);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(faccessat(v.store.fd, left.name, F_OK, 0), 0);
    ck_assert_int_eq(store_sweep(&v.store, "a/b", &e), 0);
    ck_assert_int_lt(faccessat(v.store.fd, left.name, F_OK, 0), 0);
    ck_assert_int_eq(store_delete(&v.store, "a/b/c", &e), 0);
    ck_assert_int_lt(store_load(&v.store, "a/b/c", 64, &b, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOTFOUND);
    buf_free(&b);
}
END_TEST

/* Append ${n} records of our own, whoever else does. */
static void writer(unsigned n) {
    struct err e = ERR_INIT;
    struct host_log l;
    struct buf raw;
    buf_init(&raw, ZB_RECORD_MAX);
    if (log_open(&l, &v, "web", &e) < 0) _exit(2);
    for (unsigned made = 0; made < n;) {
        struct record r = {.type = REC_TIME};
        int rc = log_append(&l, &r, &raw, &e);
        if (rc < 0) _exit(3);
        made += rc == 0;
    }
    _exit(0);
}

START_TEST(writers_that_race_leave_one_unbroken_chain) {
    enum { WRITERS = 4, EACH = 25 };
    struct err e = ERR_INIT;
    struct host_log l;
    struct buf raw;
    struct record r = {.type = REC_HOST};
    buf_init(&raw, ZB_RECORD_MAX);
    strcpy(r.host.host, "web");
    ck_assert_int_eq(log_open(&l, &v, "web", &e), 0);
    ck_assert_int_eq(log_append(&l, &r, &raw, &e), 0);
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0) writer(EACH);
    for (int i = 0; i < WRITERS; i++) {
        int status;
        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_eq(log_refresh(&l, &e), 0); /* checks signatures and the chain */
    ck_assert_uint_eq(l.next, 1 + WRITERS * EACH);
    log_free(&l);
    buf_free(&raw);
}
END_TEST

/* faults: B12 */
START_TEST(a_record_out_of_its_place_stops_the_log) {
    struct err e = ERR_INIT;
    struct host_log l;
    struct buf raw;
    struct record r = {.type = REC_HOST};
    buf_init(&raw, ZB_RECORD_MAX);
    strcpy(r.host.host, "web");
    ck_assert_int_eq(log_open(&l, &v, "web", &e), 0);
    ck_assert_int_eq(log_append(&l, &r, &raw, &e), 0);
    log_free(&l);
    r = (struct record){.type = REC_TIME, .n = 1}; /* well signed, but of another chain */
    ck_assert_int_eq(record_encode(&r, v.header.id, v.sec, &raw, &e), 0);
    ck_assert_int_eq(store_put_new(&v.store, "hosts/web/log/0000000000000001", raw.p, raw.len, &e), 0);
    ck_assert_int_lt(log_open(&l, &v, "web", &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    log_free(&l);
    buf_free(&raw);
}
END_TEST

static int64_t fixed_now(struct clock *c) { return 1000 * NS_PER_S; }

/* faults: D1 */
START_TEST(vault_time_never_goes_back_and_says_when_it_is_in_doubt) {
    struct clock fixed = {.now_ns = fixed_now};
    struct vault at = {.clock = &fixed};
    bool uncertain;
    struct host_log l = {.v = &at, .last_sure = 900 * NS_PER_S};
    ck_assert_int_eq(log_time(&l, &uncertain), 1000 * NS_PER_S);
    ck_assert(!uncertain);
    l.last_sure = 1100 * NS_PER_S;
    ck_assert_int_eq(log_time(&l, &uncertain), 1100 * NS_PER_S);
    ck_assert(!uncertain);
    l.last_sure = 9000 * NS_PER_S;
    ck_assert_int_eq(log_time(&l, &uncertain), 9000 * NS_PER_S);
    ck_assert(uncertain);
}
END_TEST

START_TEST(a_line_of_rights_that_is_not_understood_is_an_error) {
    struct err e = ERR_INIT;
    struct rights r = {.read_all = true, .floor_days = 100};
    ck_assert_int_eq(rights_save(&v, "web", &r, &e), 0);
    ck_assert_int_eq(rights_load(&v, "web", &r, &e), 0);
    ck_assert(r.read_all && !r.revoked && r.floor_days == 100);
    char path[160];
    snprintf(path, sizeof path, "%s/rights/web", dir);
    FILE *f = fopen(path, "w");
    fputs("read everything\n", f);
    fclose(f);
    ck_assert_int_lt(rights_load(&v, "web", &r, &e), 0);
    ck_assert_int_eq(e.id, ZE_CONFIG);
    ck_assert_int_lt(rights_load(&v, "db", &r, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOTFOUND);
}
END_TEST

START_TEST(a_ticket_cannot_climb_out_of_its_directory) {
    struct err e = ERR_INIT;
    struct ticket t = {.retain_until = 5};
    ck_assert(ticket_name_ok("job-1.a_B"));
    ck_assert(!ticket_name_ok("../../rights/web") && !ticket_name_ok("") && !ticket_name_ok(".hidden"));
    ck_assert_int_lt(ticket_save(&v, "web", "../x", &t, &e), 0);
    ck_assert_int_lt(ticket_load(&v, "web", "../../rights/web", &t, &e), 0);
}
END_TEST

START_TEST(the_highest_revision_of_a_pack_counts) {
    struct err e = ERR_INIT;
    struct pack_list l = {.n = 0};
    uint8_t gen[SEAL_ID] = {0xab};
    char name[STORE_NAME_MAX];
    static const struct { uint32_t pack, revision; } have[] = {{5, 0}, {2, 1}, {2, 0}, {9, 3}};
    for (size_t i = 0; i < 4; i++) {
        pack_name(name, "web", gen, have[i].pack, have[i].revision);
        ck_assert_int_eq(store_put_new(&v.store, name, "x", 1, &e), 0);
    }
    ck_assert_int_eq(pack_list_load(&l, &v.store, "web", gen, &e), 0);
    ck_assert_uint_eq(l.n, 3);
    ck_assert_uint_eq(pack_list_find(&l, 2)->revision, 1);
    ck_assert_uint_eq(pack_list_find(&l, 9)->revision, 3);
    ck_assert_ptr_null(pack_list_find(&l, 3));
    pack_list_free(&l);
}
END_TEST

START_TEST(a_confined_process_has_its_descriptors_and_nothing_else) {
    struct err e = ERR_INIT;
    struct stat st;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        char path[128], byte;
        snprintf(path, sizeof path, "%s/file", top);
        int file = open(path, O_RDWR | O_CREAT, 0600), rc = confine(&e);
        if (rc) _exit(rc == 1 ? 77 : 1);
        if (write(file, "x", 1) != 1 || pread(file, &byte, 1, 0) != 1) _exit(2);
        if (pwrite(file, "x", 1, ZB_PACK_MAX) == 1 || lseek(file, ZB_PACK_MAX, SEEK_SET) < 0 ||
            write(file, "x", 1) == 1)
            _exit(3);
        if (openat(v.fd, "keeper/key", O_RDONLY) >= 0 || openat(v.fd, "y", O_WRONLY | O_CREAT, 0600) >= 0) _exit(4);
        if (unlinkat(v.fd, "keeper/key", 0) == 0 || fstatat(v.fd, "keeper/key", &st, 0) == 0) _exit(5);
        if (fork() >= 0 || execl("/bin/true", "true", NULL) == 0) _exit(7);
        if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0) _exit(8);
        if (kill(getppid(), 0) == 0 || fcntl(file, F_SETOWN, getpid()) == 0 || fcntl(file, F_SETSIG, SIGKILL) == 0)
            _exit(9);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) not_run("a kernel without Landlock or seccomp");
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(an_enrol_token_comes_back_and_nothing_else_is_one) {
    struct err e = ERR_INIT;
    struct buf b;
    struct token t = {.user = "zaibei",
                     .host = "[fe80::1]",
                     .port = 2222,
                     .host_key = {1},
                     .vault_key = {2},
                     .seed = {3}},
                 u;
    static const char *const wrong[] = {
        "", "zbe1", "zbe2,a@b:1,x,y,z", "zbe1,a@b:99999,", "zbe1,-oProxyCommand=x@b:22,"};
    buf_init(&b, 1024);
    ck_assert_int_eq(token_put(&b, &t, &e), 0);
    ck_assert_int_eq(token_get(&u, (const char *)b.p, &e), 0);
    ck_assert_str_eq(u.host, "[fe80::1]");
    ck_assert_uint_eq(u.port, 2222);
    ck_assert_mem_eq(u.seed, t.seed, sizeof t.seed);
    for (size_t i = 0; i < b.len; i += 3) { /* cut anywhere, it is no token */
        char cut[512];
        snprintf(cut, sizeof cut, "%.*s", (int)i, (const char *)b.p);
        ck_assert_int_lt(token_get(&u, cut, &e), 0);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) ck_assert_int_lt(token_get(&u, wrong[i], &e), 0);
    ck_assert_int_eq(e.id, ZE_TOKEN);
    strcpy(t.user, "a b");
    ck_assert_int_lt(token_put(&b, &t, &e), 0);
    buf_free(&b);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_parts");
    TCase *t = tcase_create("vault_parts");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_existing_vault_is_never_made_again);
    tcase_add_test(t, put_new_keeps_the_first_and_sweep_removes_what_was_left_half_done);
    tcase_add_test(t, writers_that_race_leave_one_unbroken_chain);
    tcase_add_test(t, a_record_out_of_its_place_stops_the_log);
    tcase_add_test(t, vault_time_never_goes_back_and_says_when_it_is_in_doubt);
    tcase_add_test(t, a_line_of_rights_that_is_not_understood_is_an_error);
    tcase_add_test(t, a_ticket_cannot_climb_out_of_its_directory);
    tcase_add_test(t, the_highest_revision_of_a_pack_counts);
    tcase_add_test(t, a_confined_process_has_its_descriptors_and_nothing_else);
    tcase_add_test(t, an_enrol_token_comes_back_and_nothing_else_is_one);
    suite_add_tcase(s, t);
    return suite_run(s);
}
