/* What an orchestrator that was taken over may ask of an agent: nothing outside of restore_roots without a grant, nothing through
 * links, nothing by a path that is not plain. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run_restore.h"
#include "suite.h"

static char dir[64], root[80], rootdir[96];
static struct config c;

static void setup(void) {
    strcpy(dir, "/tmp/check_offers.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(root, sizeof root, "%s/root", dir);
    snprintf(rootdir, sizeof rootdir, "%s/root/d", dir);
    ck_assert_int_eq(mkdir(root, 0700), 0);
    ck_assert_int_eq(mkdir(rootdir, 0700), 0);
    c = (struct config){.host = "web", .restore_roots = {root}, .restore_roots_n = 1};
    memset(c.ids.host_id, 0x11, SEAL_ID);
}

static void teardown(void) {
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

#define OWN_ID "11111111111111111111111111111111"
#define OTHER_ID "22222222222222222222222222222222"

/* 0 or the number of the error; whether a grant is needed in ${needs}. */
static int offer(const char *host, const char *id, const char *target, bool *needs) {
    struct err e = ERR_INIT;
    struct run_offer o;
    struct js *j = js_object();
    js_set_str(j, "restore", "7");
    js_set_str(j, "item", "1");
    js_set_str(j, "host", host);
    js_set_str(j, "host_id", id);
    js_set_int(j, "point", 3);
    js_set_str(j, "target", target);
    int rc = run_offer_parse(&c, j, &o, &e);
    *needs = rc < 0 || o.needs_grant;
    js_free(j);
    return rc < 0 ? (int)e.id : 0;
}

/* faults: H2 */
START_TEST(only_its_own_points_below_its_roots_go_without_a_grant) {
    bool needs;
    char path[200];
    snprintf(path, sizeof path, "%s/new/deeper", root);
    ck_assert_int_eq(offer("web", OWN_ID, path, &needs), 0);
    ck_assert(!needs);
    ck_assert_int_eq(offer("web", OWN_ID, root, &needs), 0);
    ck_assert(!needs);
    ck_assert_int_eq(offer("db", OTHER_ID, path, &needs), 0);
    ck_assert(needs);
    ck_assert_int_eq(offer("web", OWN_ID, "", &needs), 0);
    ck_assert(needs);
    ck_assert_int_eq(offer("web", OWN_ID, "/etc", &needs), 0);
    ck_assert(needs);
    snprintf(path, sizeof path, "%sx", root); /* begins like it */
    ck_assert_int_eq(offer("web", OWN_ID, path, &needs), 0);
    ck_assert(needs);
}
END_TEST

START_TEST(a_link_does_not_lead_out_of_a_root) {
    bool needs;
    char link[200], path[300];
    snprintf(link, sizeof link, "%s/out", root);
    ck_assert_int_eq(symlink("/etc", link), 0);
    ck_assert_int_eq(offer("web", OWN_ID, link, &needs), 0);
    ck_assert(needs);
    snprintf(path, sizeof path, "%s/x/y", link);
    ck_assert_int_eq(offer("web", OWN_ID, path, &needs), 0);
    ck_assert(needs);
    snprintf(link, sizeof link, "%s/nowhere", root);
    ck_assert_int_eq(symlink("/etc/not-there-yet", link), 0);
    ck_assert_int_eq(offer("web", OWN_ID, link, &needs), 0);
    ck_assert(needs);
    snprintf(link, sizeof link, "%s/in", root);
    ck_assert_int_eq(symlink(rootdir, link), 0);
    ck_assert_int_eq(offer("web", OWN_ID, link, &needs), 0);
    ck_assert(!needs);
}
END_TEST

START_TEST(a_machine_that_says_never_lets_no_grant_reach_outside) {
    bool needs;
    c.restore_confined = true;
    ck_assert_int_eq(offer("web", OWN_ID, "", &needs), ZE_NOROOT);
    ck_assert_int_eq(offer("db", OTHER_ID, "/srv", &needs), ZE_NOROOT);
    ck_assert_int_eq(offer("db", OTHER_ID, root, &needs), 0);
    ck_assert(needs);
}
END_TEST

START_TEST(what_is_no_offer_is_refused) {
    static const char *const paths[] = {"etc", "/a/../etc", "/a/./b", "//a", "/a/", "/..", "/"};
    static const char *const broken[] = {"{}",
        "{\"restore\":\"7\",\"item\":\"1\",\"host\":\"web\",\"host_id\":\"11\",\"point\":1}",
        "{\"restore\":\"../7\",\"item\":\"1\",\"host\":\"web\",\"host_id\":\"" OWN_ID "\",\"point\":1}",
        "{\"restore\":\"7\",\"item\":\"1\",\"host\":\"We b\",\"host_id\":\"" OWN_ID "\",\"point\":1}",
        "{\"restore\":\"7\",\"item\":\"1\",\"host\":\"web\",\"host_id\":\"" OWN_ID "\",\"point\":0}",
        "{\"restore\":\"7\",\"item\":\"1\",\"host\":\"web\",\"host_id\":\"" OWN_ID "\",\"point\":4294967296}",
        "{\"restore\":\"7\",\"item\":\"1\",\"host\":\"web\",\"host_id\":\"" OWN_ID
        "\",\"point\":1,\"existing\":\"all\"}"};
    bool needs;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        ck_assert_msg(offer("web", OWN_ID, paths[i], &needs) == ZE_NOROOT, "%s", paths[i]);
    ck_assert_int_eq(offer("web", OTHER_ID, root, &needs), ZE_PROTO); /* this host by another id */
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct err e = ERR_INIT;
        struct run_offer o;
        struct js *j = js_parse(broken[i], strlen(broken[i]), "test", &e);
        ck_assert_ptr_nonnull(j);
        ck_assert_msg(run_offer_parse(&c, j, &o, &e) < 0 && e.id == ZE_PROTO, "%s", broken[i]);
        js_free(j);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("agent_offers");
    TCase *t = tcase_create("offers");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, only_its_own_points_below_its_roots_go_without_a_grant);
    tcase_add_test(t, a_link_does_not_lead_out_of_a_root);
    tcase_add_test(t, a_machine_that_says_never_lets_no_grant_reach_outside);
    tcase_add_test(t, what_is_no_offer_is_refused);
    suite_add_tcase(s, t);
    return suite_run(s);
}
