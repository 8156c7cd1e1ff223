/* Level 4 without qemu: what a machine says is believed only in part, and what a machine is made of comes from the
 * tree alone. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "suite.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "wrap/cpio.h"

/* ---- the report ---- */

static struct machine_reader heard(const char *text, size_t piece) {
    struct machine_reader r = {.egress_n = 2};
    for (size_t n = strlen(text), at = 0; at < n; at += piece)
        machine_report_feed(&r, text + at, piece < n - at ? piece : n - at);
    return r;
}

static const char whole[] =
    "noise DRILL|state|no\r\nDRILL|stage|initramfs|1.2\r\nDRILL|adapted|nic|eth0 ens192\r\n"
    "DRILL|stage|root|3\nDRILL|address|10.20.0.20/24\nDRILL|wire|answers\nDRILL|egress|0|denied\n"
    "DRILL|egress|1|denied\nDRILL|kernel|6.1.0\nDRILL|state|degraded|40.1\nDRILL|failed|x.service\n"
    "DRILL|stage|done|60\n";

START_TEST(a_report_in_pieces_of_any_size_is_the_same_report) {
    struct machine_reader one = heard(whole, sizeof whole);
    ck_assert_int_eq(one.report.stage, MACHINE_DONE);
    ck_assert_str_eq(one.report.state, "degraded");
    ck_assert_str_eq(one.report.adapted[0], "nic eth0 ens192");
    ck_assert_str_eq(one.report.failed[0], "x.service");
    ck_assert_str_eq(one.report.address, "10.20.0.20/24");
    ck_assert(one.report.wire);
    ck_assert_uint_eq(one.report.denied, 3);
    for (size_t piece = 1; piece < 20; piece++) {
        struct machine_reader some = heard(whole, piece);
        ck_assert_mem_eq(&some.report, &one.report, sizeof one.report);
    }
}
END_TEST

/* faults: G10 */
START_TEST(what_was_reached_stays_reached_and_lines_that_are_none_say_nothing) {
    char text[2048] =
        "DRILL|egress|1|reached\nDRILL|egress|1|denied\nDRILL|egress|2|reached\nDRILL|egress|-1|reached\n"
        "DRILL|egress|4294967296|reached\nDRILL|stage|done\x07|1\nDRILL|wire|\xff\nDRILL|wire\nDRILL||answers\n";
    size_t n = strlen(text);
    memset(text + n, 'A', 600); /* a line of 600 bytes whose last ones would be one of ours */
    strcpy(text + n + 600, "DRILL|stage|done\n");
    struct machine_reader r = heard(text, 7);
    ck_assert_uint_eq(r.report.reached, 2);
    ck_assert_uint_eq(r.report.denied, 2);
    ck_assert_int_eq(r.report.stage, MACHINE_NOTHING);
    ck_assert(!r.report.wire);
    r = heard("DRILL|state|run\x1b[2Jning\nDRILL|kernel|\xff\n", 1000);
    ck_assert_str_eq(r.report.state, "");
    ck_assert_str_eq(r.report.kernel, "");
    r = heard("DRILL|stage|done|1\nDRILL|stage|root|2\nDRILL|fail|first\nDRILL|fail|second\n", 1000);
    ck_assert_int_eq(r.report.stage, MACHINE_DONE);
    ck_assert_str_eq(r.report.fail, "first");
}
END_TEST

START_TEST(a_machine_that_never_stops_talking_fills_nothing) {
    struct machine_reader r = {.egress_n = 1};
    char line[200];
    memset(line, 'x', sizeof line);
    memcpy(line, "DRILL|adapted|", 14);
    line[100] = '|', line[198] = '\n', line[199] = 0;
    for (int i = 0; i < 1000; i++) machine_report_feed(&r, line, strlen(line));
    ck_assert_uint_eq(r.report.adapted_n, MACHINE_ADAPTED_MAX);
    ck_assert_uint_lt(strlen(r.report.adapted[7]), MACHINE_TEXT);
}
END_TEST

/* ---- what it is made of ---- */

static char place[64];

static void sh(const char *script) {
    struct proc p;
    struct err e = ERR_INIT;
    ck_assert_int_eq(proc_spawn(&p, (const char *[]){"sh", "-ec", script, place, NULL}, NULL, 0, &e), 0);
    ck_assert_int_eq(proc_wait(&p, -1, &e), 0);
}

/* A tree with two kernels, of which the newer one has no modules; modules packed in each way. */
static void tree_make(void) {
    sh("mkdir -p $0/t/boot $0/t/usr/lib/modules/6.1.2/k $0/d; ln -s usr/lib $0/t/lib; cd $0/t/boot;"
       "head -c 514 /dev/zero >vmlinuz-6.1.2; printf HdrS >>vmlinuz-6.1.2; cp vmlinuz-6.1.2 vmlinuz-6.10.0; cd "
       "../lib/modules/6.1.2;"
       "printf plain >k/virtio_blk.ko; printf packed-gz | gzip >k/virtio-rng.ko.gz; printf packed-xz | xz "
       ">k/ext4.ko.xz;"
       "printf packed-zstd | zstd -q >k/jbd2.ko.zst; printf far >k/crc16.ko;"
       "printf 'k/ext4.ko.xz: k/jbd2.ko.zst k/crc16.ko\\nk/jbd2.ko.zst: "
       "k/crc16.ko\\nk/virtio-rng.ko.gz:\\nk/virtio_blk.ko:\\n' >modules.dep");
}

static void begin(void) {
    strcpy(place, "/tmp/zb-machine.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place));
    tree_make();
}

static void end(void) { sh("rm -rf $0"); }

static struct machine_request request(void) {
    static char tree[96], dir[96];
    snprintf(tree, sizeof tree, "%s/t", place), snprintf(dir, sizeof dir, "%s/d", place);
    return (struct machine_request){.host = "web",
        .tree = tree,
        .dir = dir,
        .address = "10.20.0.20/24",
        .gateway = "10.20.0.1",
        .nic = "ens192",
        .mac = "52:54:00:AB:cd:01",
        .memory = 256 << 20,
        .accel = "tcg"};
}

static enum err_id refused(const struct machine_request *q) {
    struct machine m;
    struct err e = ERR_INIT;
    ck_assert_int_lt(machine_prepare(&m, q, &e), 0);
    machine_stop(&m);
    return e.id;
}

static bool tools_missing(void) { return access("/usr/sbin/mke2fs", X_OK) || access("/bin/busybox", X_OK); }

/* The contents of one file of an unpacked "newc" archive, as text; NULL when it is not there. */
static const char *found(const struct buf *b, const char *name) {
    static char text[4096];
    for (size_t at = 0; at + 110 < b->len;) {
        char hex[9] = "";
        memcpy(hex, b->p + at + 54, 8);
        size_t size = strtoul(hex, NULL, 16);
        memcpy(hex, b->p + at + 94, 8);
        size_t name_n = strtoul(hex, NULL, 16), data = (at + 110 + name_n + 3) & ~(size_t)3;
        ck_assert_uint_le(data + size, b->len);
        if (!strcmp((const char *)b->p + at + 110, name) && size < sizeof text)
            return memcpy(text, b->p + data, size), text[size] = 0, text;
        at = (data + size + 3) & ~(size_t)3;
    }
    return NULL;
}

START_TEST(the_first_root_holds_the_trees_modules_in_loading_order_and_what_the_machine_was) {
    if (tools_missing()) not_run("mke2fs or busybox-static is not installed");
    struct machine m;
    struct err e = ERR_INIT;
    struct buf b;
    begin();
    struct machine_request q = request();
    q.egress = (const char *const[]){"10.0.0.5:4711"}, q.egress_n = 1;
    q.nodes = (struct machine_node[]){{.major = 1, .minor = 3, .mode = 0666, .path = "srv/null"}, {.path = "a\nb"}},
    q.nodes_n = 2;
    ck_assert_msg(machine_prepare(&m, &q, &e) == 0, "%s: %s", e.object, e.msg);
    ck_assert_str_eq(m.version, "6.1.2");
    ck_assert_uint_eq(m.nodes_left, 1);
    CLEANUP_FD int fd = open(m.initrd, O_RDONLY);
    buf_init(&b, 64 << 20);
    ck_assert_int_eq(cpio_unpack(fd, "initrd", &b, &e), 0);
    ck_assert_str_eq(found(&b, "drill/modules"), "virtio_blk.ko\nvirtio-rng.ko\ncrc16.ko\njbd2.ko\next4.ko\n");
    ck_assert_str_eq(found(&b, "drill/ko/ext4.ko"), "packed-xz");
    ck_assert_str_eq(found(&b, "drill/ko/jbd2.ko"), "packed-zstd");
    ck_assert_str_eq(found(&b, "drill/ko/virtio-rng.ko"), "packed-gz");
    ck_assert_str_eq(found(&b, "drill/ko/virtio_blk.ko"), "plain");
    ck_assert_str_eq(found(&b, "drill/nic"), "52:54:00:ab:cd:01 ens192 10.20.0.20/24 10.20.0.1\n");
    ck_assert_str_eq(found(&b, "drill/egress"), "10.0.0.5 4711\n");
    ck_assert_str_eq(found(&b, "drill/nodes"), "c 1 3 0666 0 0 srv/null\n");
    machine_stop(&m);
    sh("rmdir $0/d"); /* nothing is left */
    buf_free(&b);
    end();
}
END_TEST

/* faults: G3 */
START_TEST(a_tree_without_a_kernel_that_can_start_says_why) {
    begin();
    struct machine_request q = request();
    sh("rm $0/t/lib/modules/6.1.2/modules.dep");
    ck_assert_int_eq(refused(&q), ZE_NOKERNEL);
    sh("rm -r $0/t/boot");
    ck_assert_int_eq(refused(&q), ZE_NOKERNEL);
    sh("mkdir -p $0/t/boot; >$0/t/lib/modules/6.1.2/modules.dep; echo no kernel at all >$0/t/boot/vmlinuz-6.1.2");
    ck_assert_int_eq(refused(&q), ZE_NOKERNEL);
    end();
}
END_TEST

/* faults: G2 G3 */
START_TEST(links_of_a_hostile_tree_lead_nowhere_else) {
    begin();
    struct machine_request q = request();
    sh("cp $0/t/boot/vmlinuz-6.1.2 $0/secret; cd $0/t/boot; ln -sf ../../../../../../../../..$0/secret vmlinuz-6.1.2");
    ck_assert_int_eq(refused(&q), ZE_NOKERNEL);
    sh("ln -sf $0/secret $0/t/boot/vmlinuz-6.1.2; rm -r $0/d/* 2>/dev/null || :");
    ck_assert_int_eq(refused(&q), ZE_NOKERNEL);
    sh("cd $0/t/boot; rm vmlinuz-6.1.2; mkfifo vmlinuz-6.1.2");
    ck_assert_int_eq(refused(&q), ZE_NOKERNEL);
    end();
}
END_TEST

/* faults: B1 */
START_TEST(what_does_not_fit_is_refused_before_anything_is_started) {
    if (tools_missing()) not_run("mke2fs or busybox-static is not installed");
    begin();
    struct machine_request q = request();
    q.disk = 8 << 20;
    ck_assert_int_eq(refused(&q), ZE_MACHINEROOM);
    q = request(), q.memory = 1 << 20;
    ck_assert_int_eq(refused(&q), ZE_MACHINEROOM);
    sh("rmdir $0/d");
    end();
}
END_TEST

static const struct {
    const char *nic, *mac, *address, *gateway, *egress;
} wrong[] = {
    {"ens 192", NULL, NULL, NULL, NULL},
    {"ens192\nx", NULL, NULL, NULL, NULL},
    {"", NULL, NULL, NULL, NULL},
    {"$(reboot)", NULL, NULL, NULL, NULL},
    {NULL, "52:54:00:20:00", NULL, NULL, NULL},
    {NULL, "52:54:00:20:00:1g", NULL, NULL, NULL},
    {NULL, NULL, "10.20.0.20", NULL, NULL},
    {NULL, NULL, "10.20.0.20/33", NULL, NULL},
    {NULL, NULL, NULL, "10.20.0.1 x", NULL},
    {NULL, NULL, NULL, NULL, "10.0.0.1:99999"},
    {NULL, NULL, NULL, NULL, "10.0.0.1:1;reboot"},
};

START_TEST(a_request_that_a_shell_might_misread_is_refused) {
    if (tools_missing()) not_run("mke2fs or busybox-static is not installed");
    begin();
    struct machine_request q = request();
    if (wrong[_i].nic) q.nic = wrong[_i].nic;
    if (wrong[_i].mac) q.mac = wrong[_i].mac;
    if (wrong[_i].address) q.address = wrong[_i].address;
    if (wrong[_i].gateway) q.gateway = wrong[_i].gateway;
    if (wrong[_i].egress) q.egress = &wrong[_i].egress, q.egress_n = 1;
    ck_assert_int_eq(refused(&q), ZE_USAGE);
    end();
}
END_TEST

START_TEST(a_small_file_that_unpacks_to_a_large_one_stops_at_the_limit) {
    struct err e = ERR_INIT;
    struct buf b;
    begin();
    sh("head -c 30000000 /dev/zero | gzip >$0/bomb");
    char path[96];
    snprintf(path, sizeof path, "%s/bomb", place);
    CLEANUP_FD int fd = open(path, O_RDONLY);
    buf_init(&b, 1 << 20);
    ck_assert_int_lt(cpio_unpack(fd, "bomb", &b, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOSPACE);
    buf_free(&b);
    end();
}
END_TEST

int main(void) {
    Suite *s = suite_create("machine");
    TCase *t = tcase_create("machine");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_report_in_pieces_of_any_size_is_the_same_report);
    tcase_add_test(t, what_was_reached_stays_reached_and_lines_that_are_none_say_nothing);
    tcase_add_test(t, a_machine_that_never_stops_talking_fills_nothing);
    tcase_add_test(t, the_first_root_holds_the_trees_modules_in_loading_order_and_what_the_machine_was);
    tcase_add_test(t, a_tree_without_a_kernel_that_can_start_says_why);
    tcase_add_test(t, links_of_a_hostile_tree_lead_nowhere_else);
    tcase_add_test(t, what_does_not_fit_is_refused_before_anything_is_started);
    tcase_add_loop_test(t, a_request_that_a_shell_might_misread_is_refused, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(t, a_small_file_that_unpacks_to_a_large_one_stops_at_the_limit);
    suite_add_tcase(s, t);
    return suite_run(s);
}
