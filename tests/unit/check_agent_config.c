/* agent.yaml, addresses, the state directory, the options of commands. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "command.h"
#include "config.h"
#include "recipient.h"
#include "run.h"
#include "state.h"
#include "wrap/json.h"
#include "suite.h"

static char dir[256];
static struct err e;

static void setup(void) {
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/zb-config.XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(seal_init(&e), 0);
    e = (struct err)ERR_INIT;
}

static void teardown(void) {
    char line[600];
    snprintf(line, sizeof line, "rm -rf '%s'", dir);
    ck_assert_int_eq(system(line), 0);
}

static const char *write_yaml(const char *text) {
    static char path[300];
    snprintf(path, sizeof path, "%s/agent.yaml", dir);
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    return path;
}

/* An enrolled state below dir, as enroll writes it. */
static void make_state(bool ssh) {
    struct config c = {.statefd = -1, .host = "web-1", .system = "portal"};
    struct key_slots slots = {.n = 1};
    c.transport = ssh ? TRANSPORT_LIBSSH2 : TRANSPORT_DIR;
    snprintf(c.state, sizeof c.state, "%s/state", dir);
    memset(c.ids.host_id, 1, SEAL_ID), memset(c.ids.system_id, 2, SEAL_ID), memset(c.vault_id, 3, SEAL_ID);
    memset(c.vault_pub, 4, SEAL_SIGN_PUB), memset(c.ssh_host_pub, 5, SEAL_SIGN_PUB);
    strcpy(slots.slot[0].label, "kit");
    ck_assert_int_eq(state_open(&c, true, &e), 0);
    ck_assert_int_eq(state_secret(&c, "host.key", true, &c.host_key, &e), 0);
    ck_assert_int_eq(state_secret(&c, "ssh.seed", true, &c.ssh_seed, &e), 0);
    ck_assert_int_eq(state_pin(&c, &e), 0);
    ck_assert_int_eq(recipients_save(&c, &slots, &e), 0);
    ck_assert(!state_enrolled(&c));
    ck_assert_int_eq(state_enrol(&c, &e), 0);
    ck_assert_int_eq(state_enrol(&c, &e), 1);
    config_free(&c);
}

START_TEST(what_enrolment_wrote_is_read_again) {
    struct config c;
    make_state(true);
    ck_assert_int_eq(config_load(write_yaml("vault: ssh://backup@vault.example:2222\nhost: web-1\n"), &c, &e), 0);
    ck_assert_str_eq(c.host, "web-1");
    ck_assert_str_eq(c.system, "portal");
    ck_assert_str_eq(c.ssh_user, "backup");
    ck_assert_str_eq(c.ssh_host, "vault.example");
    ck_assert_uint_eq(c.ssh_port, 2222);
    ck_assert_int_eq(c.transport, TRANSPORT_LIBSSH2);
    ck_assert_int_eq(c.ids.host_id[15], 1);
    ck_assert_int_eq(c.vault_pub[31], 4);
    ck_assert_int_eq(c.ssh_host_pub[0], 5);
    ck_assert_ptr_nonnull(c.host_key);
    ck_assert_ptr_nonnull(c.ssh_seed);
    config_free(&c);
}
END_TEST

START_TEST(a_dir_vault_needs_no_ssh_key) {
    struct config c;
    make_state(false);
    ck_assert_int_eq(config_load(write_yaml("vault: dir:///srv/vault\n"), &c, &e), 0);
    ck_assert_str_eq(c.dir, "/srv/vault");
    ck_assert_int_eq(c.transport, TRANSPORT_DIR);
    ck_assert_ptr_null(c.ssh_seed);
    config_free(&c);
}
END_TEST

static const struct {
    const char *yaml, *says;
} wrong[] = {
    {"vault: ftp://x\n", "vault: expected ssh://user@host:port or dir:///path, found \"ftp://x\""},
    {"vault: dir:///v\ntransport: openssh\n", "transport: a dir:// vault has no transport to choose"},
    {"vault: ssh://a@b\ntransport: ftp\n", "transport: expected libssh2 or openssh, found \"ftp\""},
    {"vault: ssh://a@b\nhost: Web_1\n", "host: expected a host name ([a-z0-9-]), found \"Web_1\""},
    {"vualt: dir:///v\n", "vualt: unknown key; did you mean \"vault\"?"},
    {"vault: dir:///v\nlimits: {cpu: 50}\n", "limits.cpu: expected a share of one processor such as 50 %, found \"50\""},
    {"vault: dir:///v\nlimits: {disk: idle}\n", "limits.disk: unknown key"},
    {"vault: dir:///v\nrestore_roots: [srv]\n", "expected an absolute path, found \"srv\""},
};

START_TEST(what_is_wrong_is_named_with_its_place) {
    struct config c;
    make_state(true);
    ck_assert_int_lt(config_load(write_yaml(wrong[_i].yaml), &c, &e), 0);
    ck_assert_int_eq(e.id, ZE_CONFIG);
    ck_assert_msg(strstr(e.msg, wrong[_i].says) != NULL, "%s", e.msg);
    ck_assert_msg(strstr(e.object, "agent.yaml:") != NULL, "%s", e.object);
}
END_TEST

START_TEST(another_host_name_than_the_enrolled_one_is_refused) {
    struct config c;
    make_state(true);
    ck_assert_int_lt(config_load(write_yaml("vault: ssh://a@b\nhost: web-2\n"), &c, &e), 0);
    ck_assert_int_eq(e.id, ZE_CONFIG);
}
END_TEST

START_TEST(a_host_that_is_not_enrolled_is_told_so) {
    struct config c;
    char path[300];
    snprintf(path, sizeof path, "%s/none.yaml", dir);
    ck_assert_int_lt(config_load(path, &c, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOTFOUND);
    make_state(true);
    snprintf(path, sizeof path, "%s/state/ids", dir);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_lt(config_load(write_yaml("vault: ssh://a@b\n"), &c, &e), 0);
    ck_assert_int_eq(e.id, ZE_NOTFOUND);
}
END_TEST

START_TEST(a_state_that_others_can_read_is_refused) {
    struct config c;
    char path[300];
    make_state(true);
    snprintf(path, sizeof path, "%s/state", dir);
    ck_assert_int_eq(chmod(path, 0750), 0);
    ck_assert_int_lt(config_load(write_yaml("vault: ssh://a@b\n"), &c, &e), 0);
    ck_assert_int_eq(e.id, ZE_CONFIG);
}
END_TEST

START_TEST(a_cut_or_longer_key_file_is_damage) {
    struct config c;
    char path[300];
    make_state(true);
    snprintf(path, sizeof path, "%s/state/host.key", dir);
    ck_assert_int_eq(truncate(path, _i ? 33 : 31), 0);
    ck_assert_int_lt(config_load(write_yaml("vault: ssh://a@b\n"), &c, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
}
END_TEST

START_TEST(a_second_start_keeps_the_keys_of_the_first) {
    struct config c = {.statefd = -1};
    uint8_t *first = NULL, *second = NULL;
    snprintf(c.state, sizeof c.state, "%s/state", dir);
    ck_assert_int_eq(state_open(&c, true, &e), 0);
    ck_assert_int_eq(state_secret(&c, "host.key", true, &first, &e), 0);
    ck_assert_int_eq(state_secret(&c, "host.key", true, &second, &e), 0);
    ck_assert(seal_equal(first, second, SEAL_KEY));
    secret_free(first);
    secret_free(second);
    close(c.statefd);
}
END_TEST

static const struct {
    const char *text;
    bool good;
} addresses[] = {
    {"ssh://u@h", true}, {"ssh://u@h:22", true}, {"ssh://u@h:22/", true}, {"ssh://u@[::1]:22", true},
    {"ssh://zai.bei_1@vault-1.example.cn:65535", true}, {"dir:///a", true}, {"dir:///", false}, {"ssh://h", false},
    {"ssh://u@", false}, {"ssh://@h", false}, {"ssh://u@h:0", false}, {"ssh://u@h:65536", false}, {"ssh://u@h:", false},
    {"ssh://u@h:22x", false}, {"ssh://u@h/x", false}, {"ssh://-oProxyCommand=x@h", false}, {"ssh://u@-oProxyCommand=x", false},
    {"ssh://u@%h", false}, {"ssh://u@a b", false}, {"ssh://u@$HOME", false}, {"ssh://u@[::1", false}, {"ssh://u@[fe80::1%x]", false},
    {"dir://a", false}, {"dir:", false}, {"", false}, {"http://u@h", false},
};

START_TEST(addresses_are_what_they_seem_or_refused) {
    struct config c = {0};
    ck_assert_msg((address_parse(&c, addresses[_i].text) == 0) == addresses[_i].good, "%s", addresses[_i].text);
}
END_TEST

START_TEST(recipients_are_pinned_and_read_again) {
    struct config c;
    struct key_slots slots;
    char text[KIT_TEXT];
    uint8_t key[SEAL_KEY], again[SEAL_KEY];
    make_state(false);
    ck_assert_int_eq(config_load(write_yaml("vault: dir:///v\n"), &c, &e), 0);
    ck_assert_int_eq(recipients_load(&c, &slots, &e), 0);
    ck_assert_uint_eq(slots.n, 1);
    ck_assert_str_eq(slots.slot[0].label, "kit");
    config_free(&c);
    seal_random(key, sizeof key);
    recipient_text(text, key);
    ck_assert(recipient_get(again, text) && seal_equal(key, again, SEAL_KEY));
    ck_assert(!recipient_get(again, text + 1));
    text[strlen(text) - 2] = 0;
    ck_assert(!recipient_get(again, text));
}
END_TEST

START_TEST(options_stand_anywhere_and_operands_keep_their_order) {
    char *argv[] = {(char[]){"x"}, (char[]){"a"}, (char[]){"--to"}, (char[]){"t"}, (char[]){"b"}, (char[]){"--full"},
        (char[]){"--n=7"}, (char[]){"--to=u"}, (char[]){"--"}, (char[]){"--c"}, NULL};
    const char *to = NULL;
    bool full = false;
    uint64_t n = 0;
    const struct command_option o[] = {{"--to", OPT_TEXT, &to}, {"--full", OPT_FLAG, &full}, {"--n", OPT_NUMBER, &n}, {0}};
    ck_assert_int_eq(command_parse(10, argv, o, &e), 3);
    ck_assert_str_eq(argv[1], "a");
    ck_assert_str_eq(argv[2], "b");
    ck_assert_str_eq(argv[3], "--c");
    ck_assert_ptr_null(argv[4]);
    ck_assert_str_eq(to, "u");
    ck_assert(full && n == 7);
}
END_TEST

START_TEST(wrong_options_are_usage_errors) {
    static const char *const wrong_args[] = {"--x", "--to", "--n=", "--n=1x", "--full=1", "-q"};
    char arg[16], *argv[] = {(char[]){"x"}, arg, NULL};
    const char *to;
    bool full;
    uint64_t n;
    const struct command_option o[] = {{"--to", OPT_TEXT, &to}, {"--full", OPT_FLAG, &full}, {"--n", OPT_NUMBER, &n}, {0}};
    strcpy(arg, wrong_args[_i]);
    ck_assert_int_lt(command_parse(2, argv, o, &e), 0);
    ck_assert_int_eq(e.id, ZE_USAGE);
}
END_TEST

START_TEST(a_job_is_understood_whole_or_not_at_all) {
    static const struct {
        const char *json;
        bool good;
    } jobs[] = {
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\",\"/srv\"],\"ticket\":\"t\"}", true},
        {"{\"job\":\"7\",\"kind\":\"incremental\",\"paths\":[\"/etc\"]}", true},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"excludes\":[\"*.o\"]}", true},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"excludes\":[0]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"limits\":{\"cpu\":50},\"until_s\":60}", true},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"limits\":{\"cpu\":50,\"disk\":1}}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"limits\":7}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"until_s\":-1}", false},
        {"{\"job\":\"7\",\"kind\":\"ful\",\"paths\":[\"/etc\"]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"etc\"]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[7]}", false},
        {"{\"kind\":\"full\",\"paths\":[\"/etc\"]}", false},
        {"{\"job\":\"--config=/x\",\"kind\":\"full\",\"paths\":[\"/etc\"]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"plan\":\"oa\"}", true},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"plan\":\"--config=/x\"}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[],\"dumps\":[{\"name\":\"db\",\"timeout\":\"2h\",\"least\":\"1 MiB\"}]}", true},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"pre\":[{\"name\":\"freeze\"}],\"post\":[]}", true},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"pre\":[{\"command\":[\"/bin/sh\"]}]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"pre\":[\"freeze\"]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"post\":[{\"name\":\"thaw\",\"timeout\":\"-1s\"}]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[],\"dumps\":[{\"name\":\"db\",\"least\":\"much\"}]}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"options\":{\"cross\":true,\"patience_s\":30}}", true},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"options\":{\"follow\":true}}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"options\":{\"patience_s\":3601}}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"options\":7}", false},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"system_point\":\"12\"}", true},
        {"{\"job\":\"7\",\"kind\":\"full\",\"paths\":[\"/etc\"],\"system_point\":12}", false},
        {"[]", false},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        struct js *j = js_parse(jobs[i].json, strlen(jobs[i].json), "job", &e);
        struct run_job out;
        ck_assert_ptr_nonnull(j);
        ck_assert_msg(run_job_parse(j, &out) == jobs[i].good, "%s", jobs[i].json);
        js_free(j);
    }
}
END_TEST

START_TEST(waiting_grows_and_ends_at_five_minutes) {
    ck_assert_uint_eq(run_backoff(1), 5);
    ck_assert_uint_eq(run_backoff(2), 10);
    ck_assert_uint_eq(run_backoff(7), 300);
    ck_assert_uint_eq(run_backoff(1000000), 300);
}
END_TEST

int main(void) {
    Suite *s = suite_create("agent_config");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_enrolment_wrote_is_read_again);
    tcase_add_test(t, a_dir_vault_needs_no_ssh_key);
    tcase_add_loop_test(t, what_is_wrong_is_named_with_its_place, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(t, another_host_name_than_the_enrolled_one_is_refused);
    tcase_add_test(t, a_host_that_is_not_enrolled_is_told_so);
    tcase_add_test(t, a_state_that_others_can_read_is_refused);
    tcase_add_loop_test(t, a_cut_or_longer_key_file_is_damage, 0, 2);
    tcase_add_test(t, a_second_start_keeps_the_keys_of_the_first);
    tcase_add_loop_test(t, addresses_are_what_they_seem_or_refused, 0, sizeof addresses / sizeof *addresses);
    tcase_add_test(t, recipients_are_pinned_and_read_again);
    tcase_add_test(t, options_stand_anywhere_and_operands_keep_their_order);
    tcase_add_loop_test(t, wrong_options_are_usage_errors, 0, 6);
    tcase_add_test(t, a_job_is_understood_whole_or_not_at_all);
    tcase_add_test(t, waiting_grows_and_ends_at_five_minutes);
    suite_add_tcase(s, t);
    return suite_run(s);
}
