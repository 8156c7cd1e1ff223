/* The vault as an agent sees it: serve and keeper in real processes, a small client in this one. */
#include "vault_box.h"
#include "suite.h"

static void pack_path(char out[256], const struct client *c, uint32_t pack) {
    char gen[HEX_ID];
    text_hex(gen, c->generation, SEAL_ID);
    snprintf(out, 256, "%s/store/hosts/web/packs/%s/%08x.00", dir, gen, pack);
}

static void spoil(const char *path, off_t at) {
    char b;
    ck_assert_int_eq(chmod(path, 0600), 0);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(pread(fd, &b, 1, at), 1);
    b ^= 1;
    ck_assert_int_eq(pwrite(fd, &b, 1, at), 1);
    close(fd);
}

/* faults: A8 C6 */
START_TEST(a_backup_is_listed_and_read_and_its_commit_is_idempotent) {
    struct client c;
    struct record r, again;
    unsigned points;
    enrolled();
    local(&c);
    ck_assert_uint_eq(c.rights, 7);
    backup(&c, KIND_INCREMENTAL, 1, &r);
    ck_assert_uint_eq(r.commit.kind, KIND_FULL); /* no parent: a full */
    ck_assert_uint_eq(r.commit.point, 1);
    ck_assert_uint_eq(r.commit.bytes_stored, 8 * 5000 + 8 * PACK_ROW + 2 * (PACK_HEADER + PACK_TRAILER));
    ck_assert_str_eq(r.commit.labels.label[0], "manual");
    ck_assert_int_eq(client_list(&c, &points), 0);
    ck_assert_uint_eq(points, 1);
    for (uint32_t s = 0; s < 5; s++) ck_assert_int_eq(client_get(&c, c.generation, 1, s), 0);
    ck_assert_int_eq(client_get(&c, c.generation, 1, 5), ZE_MISSING);
    ck_assert_int_eq(client_get(&c, c.generation, 9, 0), ZE_MISSING);
    ck_assert_int_eq(client_get(&c, c.generation, 0, 2), 0);
    client_close(&c);
    session(&c, BIND_HOST, "web", true);
    ck_assert_int_eq(client_hello_receipt(&c, r.n, r.hash), 0);
    ck_assert_uint_eq(c.receipt, 1);
    ck_assert_int_eq(client_commit(&c, 1, 0, NULL, 0, &again), 0);
    ck_assert_mem_eq(again.hash, r.hash, SEAL_HASH);
    record_free(&again);
    backup(&c, KIND_INCREMENTAL, 2, &again);
    ck_assert_uint_eq(again.commit.parent, 1);
    ck_assert_uint_eq(again.commit.point, 2);
    ck_assert_mem_eq(again.commit.generation, r.commit.generation, SEAL_ID);
    client_close(&c);
    session(&c, BIND_HOST, "web", true);
    r.hash[0] ^= 1;
    ck_assert_int_eq(client_hello_receipt(&c, r.n, r.hash), 0);
    ck_assert_uint_eq(c.receipt, 2);
    client_close(&c);
    record_free(&r);
    record_free(&again);
}
END_TEST

START_TEST(a_commit_that_uses_what_is_not_there_is_refused_and_makes_no_point) {
    static const uint32_t too_many[] = {4}, absent[] = {3, 1};
    struct client c;
    struct record r;
    unsigned points;
    enrolled();
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    ck_assert_int_eq(client_pack(&c, 0, PACK_META, 3, false), 0);
    ck_assert_int_eq(client_commit(&c, 1, 0, too_many, 1, &r), ZE_MISSING);
    ck_assert_ptr_nonnull(strstr(c.err.object, "00000000.00"));
    client_close(&c);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    ck_assert_uint_eq(c.first_pack, 1); /* goes on in its generation */
    ck_assert_int_eq(client_commit(&c, 1, 0, absent, 2, &r), ZE_MISSING);
    client_close(&c);
    local(&c);
    ck_assert_int_eq(client_list(&c, &points), 0);
    ck_assert_uint_eq(points, 0);
    client_close(&c);
}
END_TEST

/* faults: B14 */
START_TEST(a_pack_with_a_wrong_hash_is_never_placed) {
    struct client c;
    struct stat st;
    char path[256];
    enrolled();
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    ck_assert_int_eq(client_pack(&c, 0, PACK_DATA, 2, true), ZE_DAMAGED);
    pack_path(path, &c, 0);
    ck_assert_int_lt(stat(path, &st), 0);
    snprintf(path, sizeof path, "%s/spool", dir);
    ck_assert_int_eq(rmdir(path), 0); /* nothing in the spool has a name */
    client_close(&c);
}
END_TEST

/* faults: E4 */
START_TEST(only_one_session_of_a_host_holds_the_lease) {
    struct client a, b;
    enrolled();
    local(&a);
    ck_assert_int_eq(client_begin(&a, KIND_FULL, 1, ""), 0);
    local(&b);
    ck_assert_int_eq(client_begin(&b, KIND_FULL, 2, ""), ZE_BUSY);
    client_close(&b);
    client_close(&a);
    for (int i = 0; i < 50; i++) { /* the other process needs a moment to see the end of its input */
        local(&b);
        int rc = client_begin(&b, KIND_FULL, 2, "");
        client_close(&b);
        if (rc == 0) return;
        ck_assert_int_eq(rc, ZE_BUSY);
        usleep(20000);
    }
    ck_abort_msg("the lease outlived its session");
}
END_TEST

/* faults: E3 */
START_TEST(a_superseded_writer_cannot_commit) {
    static const uint32_t slots[] = {3};
    struct client c;
    struct record r;
    enrolled();
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    uint64_t epoch = c.begin.begin.epoch;
    ck_assert_int_eq(client_pack(&c, 0, PACK_META, 3, false), 0);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 2, ""), 0);
    ck_assert_uint_eq(c.begin.begin.epoch, epoch + 1);
    ck_assert_int_eq(client_commit(&c, 1, 0, slots, 1, &r), ZE_STALE);
    client_close(&c);
}
END_TEST

/* faults: B10 */
START_TEST(damage_in_the_vault_is_named_and_the_next_backup_heals_it) {
    struct client c;
    struct record r;
    char path[256];
    enrolled();
    local(&c);
    backup(&c, KIND_FULL, 1, &r);
    record_free(&r);
    pack_path(path, &c, 1);
    spoil(path, PACK_HEADER + 5000 + 10); /* slot 1 */
    ck_assert_int_eq(client_get(&c, c.generation, 1, 0), 0);
    ck_assert_int_eq(client_get(&c, c.generation, 1, 1), ZE_DAMAGED);
    client_close(&c);
    ck_assert_int_eq(truncate(path, PACK_HEADER + 9000), 0);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 2, ""), 0);
    ck_assert(c.has_parent);
    ck_assert_uint_eq(c.begin.begin.damaged_n, 5); /* every slot of it that the parent uses */
    static const uint32_t as_the_parent[] = {3, 5};
    int rc = client_commit(&c, 2, 0, as_the_parent, 2, &r);
    ck_assert_msg(rc == ZE_TRUNCATED || rc == ZE_DAMAGED, "%d", rc);
    client_close(&c);
    pack_path(path, &c, 0);
    ck_assert_int_eq(unlink(path), 0);
    usleep(100000);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 3, ""), 0);
    ck_assert(!c.has_parent); /* its metadata may be gone: a full in a new generation */
    ck_assert_uint_eq(c.begin.begin.kind, KIND_FULL);
    ck_assert_uint_eq(c.first_pack, 0);
    client_close(&c);
}
END_TEST

/* faults: B10 */
START_TEST(the_number_of_a_pack_that_was_lost_is_not_given_again) {
    static const uint32_t as_the_first[] = {3, 5};
    struct client c;
    struct record r;
    char path[256];
    enrolled();
    local(&c);
    for (uint8_t upload = 1; upload < 3; upload++) {
        backup(&c, upload == 1 ? KIND_FULL : KIND_INCREMENTAL, upload, &r);
        record_free(&r);
    }
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 3, ""), 0);
    ck_assert_uint_eq(c.first_pack, 4);
    ck_assert_int_eq(client_commit(&c, 3, 0, as_the_first, 2, &r), 0); /* as it was at first */
    record_free(&r);
    for (uint32_t lost = 2; lost < 4; lost++) { /* of the second point only */
        pack_path(path, &c, lost);
        ck_assert_int_eq(unlink(path), 0);
    }
    client_close(&c);
    local(&c);
    ck_assert_int_eq(client_begin(&c, KIND_INCREMENTAL, 4, ""), 0);
    ck_assert(c.has_parent);
    ck_assert_uint_eq(c.first_pack, 4);
    client_close(&c);
}
END_TEST

/* faults: A3 A4 A5 A6 A8 A22 */
START_TEST(a_keeper_killed_at_any_step_loses_nothing_that_was_acknowledged) {
    static const uint32_t slots[] = {3, 5};
    struct client c;
    struct record r;
    struct rd rd;
    enrolled();
    for (int step = 0; step < 3; step++) {
        uint8_t upload = (uint8_t)(10 + step);
        keeper_start();
        session(&c, BIND_HOST, "web", false);
        ck_assert_int_eq(client_hello(&c), 0);
        ck_assert_int_eq(client_begin(&c, KIND_FULL, upload, ""), 0);
        uint32_t first = c.first_pack;
        if (step > 0) ck_assert_int_eq(client_pack(&c, first, PACK_META, 3, false), 0);
        if (step > 1) client_pack_send(&c, first + 1, PACK_DATA, 5, false);
        keeper_stop(SIGKILL);
        usleep(50000);
        int rc = client_commit(&c, upload, first, slots, 1, &r);
        ck_assert_msg(rc == ZE_CUT || rc == -1, "%d", rc);
        client_close(&c);
        keeper_start();
        session(&c, BIND_HOST, "web", false);
        ck_assert_int_eq(client_hello(&c), 0);
        ck_assert_int_eq(client_begin(&c, KIND_FULL, upload, ""), 0);
        ck_assert_uint_eq(c.first_pack, first + (step > 0));
        if (step > 0) {
            uint8_t ask[SEAL_ID + 4] = {0};
            memcpy(ask, c.generation, SEAL_ID);
            ask[SEAL_ID] = (uint8_t)first;
            ck_assert_int_eq(client_ask(&c, F_INDEX, ask, sizeof ask, F_INDEX_DATA, &rd), 0);
            ck_assert_uint_eq(rd_u32(&rd), first);
            ck_assert_uint_eq(rd_u8(&rd), PACK_META);
        }
        ck_assert_int_eq(client_pack(&c, c.first_pack, PACK_META, 3, false), 0);
        ck_assert_int_eq(client_commit(&c, upload, c.first_pack, slots, 1, &r), 0);
        record_free(&r);
        keeper_stop(SIGKILL);
        client_close(&c);
    }
    keeper_start();
    unsigned points;
    session(&c, BIND_HOST, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_int_eq(client_list(&c, &points), 0);
    ck_assert_uint_eq(points, 3);
    client_close(&c);
}
END_TEST

/* faults: C7 C8 C9 */
START_TEST(what_is_out_of_order_or_malformed_ends_the_session) {
    static const struct {
        uint8_t type;
        size_t n;
    } bad[] = {
        {F_SEG, 3}, {F_PACK_OPEN, 5}, {F_BEGIN, 2}, {F_COMMIT, 40}, {F_ENROL, 0}, {0x7e, 0}, {F_HELLO, 0}, {F_GET, 17}};
    uint8_t junk[64];
    memset(junk, 0xff, sizeof junk);
    enrolled();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct client c;
        struct rd r;
        local(&c);
        int rc = client_ask(&c, bad[i].type, junk, bad[i].n, F_PONG, &r);
        ck_assert_msg(rc == ZE_PROTO, "case %zu: %d", i, rc);
        client_close(&c);
    }
}
END_TEST

/* ---- through the daemon: the platform's side ---- */

static void authorized(char out[4096]) {
    char path[128];
    snprintf(path, sizeof path, "%s/ssh/authorized_keys", dir);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, out, 4095);
    ck_assert_int_ge(n, 0);
    out[n] = 0;
    close(fd);
}

static void token_enrol(void) {
    struct client c;
    keeper_start();
    control_ok("{\"op\":\"token\",\"host\":\"web\",\"system\":\"oa\",\"expires_s\":600}");
    session(&c, BIND_TOKEN, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_uint_eq(c.rights, 0);
    ck_assert_int_eq(client_enrol(&c, "web", 9), 0);
    client_close(&c);
}

START_TEST(a_token_enrols_one_host_once) {
    struct client c;
    char keys[4096];
    token_enrol();
    authorized(keys);
    ck_assert_ptr_nonnull(strstr(keys, "--enrol web\" ssh-ed25519 "));
    ck_assert_ptr_nonnull(strstr(keys, "restrict,expiry-time=\"2"));
    ck_assert_ptr_nonnull(strstr(keys, "--host web\" ssh-ed25519 "));
    session(&c, BIND_TOKEN, "web", false); /* the answer was lost: the same host asks again */
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_int_eq(client_enrol(&c, "", 9), 0);
    client_close(&c);
    session(&c, BIND_TOKEN, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_int_eq(client_enrol(&c, "", 8), ZE_TOKEN);
    client_close(&c);
    session(&c, BIND_HOST, "web", false); /* with its own key: the token is gone */
    ck_assert_int_eq(client_hello(&c), 0);
    client_close(&c);
    authorized(keys);
    ck_assert_ptr_null(strstr(keys, "--enrol"));
    session(&c, BIND_TOKEN, "web", false);
    ck_assert_int_eq(client_hello(&c), ZE_TOKEN);
    client_close(&c);
    struct js *j = control("{\"op\":\"token\",\"host\":\"web\",\"system\":\"oa\",\"expires_s\":600}");
    ck_assert(!js_bool(j, "ok", true));
    ck_assert_int_eq(js_int(js_get(j, "error"), "id", 0), ZE_EXISTS);
    js_free(j);
}
END_TEST

START_TEST(without_a_grant_only_metadata_of_the_last_point_is_read) {
    struct client c;
    struct record r;
    char path[128];
    token_enrol();
    session(&c, BIND_HOST, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_uint_eq(c.rights, 3);
    backup(&c, KIND_FULL, 1, &r);
    record_free(&r);
    uint8_t old[SEAL_ID];
    memcpy(old, c.generation, SEAL_ID);
    ck_assert_int_eq(client_get(&c, old, 0, 0), 0);
    ck_assert_int_eq(client_get(&c, old, 1, 0), ZE_NOGRANT);
    backup(&c, KIND_FULL, 2, &r);
    record_free(&r);
    client_close(&c);
    session(&c, BIND_HOST, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_int_eq(client_get(&c, old, 0, 0), ZE_NOGRANT);
    snprintf(path, sizeof path, "%s/rights/web", dir);
    FILE *f = fopen(path, "w");
    fputs("read all\n", f);
    fclose(f);
    ck_assert_int_eq(client_get(&c, old, 0, 0), 0); /* a grant holds at once */
    ck_assert_int_eq(client_get(&c, old, 1, 4), 0);
    client_close(&c);
}
END_TEST

static int source(struct client *c, const char *host) {
    struct buf b;
    struct rd r;
    buf_init(&b, 100);
    buf_str(&b, host);
    int rc = client_ask(c, F_SOURCE, b.p, b.len, F_OKAY, &r);
    buf_free(&b);
    return rc;
}

/* ${until_s} from now; the number of the error */
static int64_t grant(const char *reader, const char *from, int until_s) {
    char line[300], until[32];
    struct clock *clock = clock_real();
    text_time(until, clock->now_ns(clock) + until_s * 1000000000ll);
    snprintf(line, sizeof line, "{\"op\":\"grant\",\"reader\":\"%s\",\"source\":\"%s\",\"until\":\"%s\",\"reason\":\"test\"}",
        reader, from, until);
    struct js *j = control(line);
    int64_t id = js_int(js_get(j, "error"), "id", 0);
    ck_assert_int_eq(js_bool(j, "ok", false), id == 0);
    js_free(j);
    return id;
}

static size_t grants(void) {
    struct js *j = control("{\"op\":\"grants\"}");
    size_t n = js_count(js_get(j, "grants"));
    ck_assert(js_bool(j, "ok", false));
    js_free(j);
    return n;
}

/* Two hosts; web has a point, whose generation is in ${generation}. */
static void two_hosts(uint8_t generation[SEAL_ID]) {
    struct client c;
    struct record r;
    char path[128];
    enrolled();
    enrolled_as("spare");
    snprintf(path, sizeof path, "%s/rights/spare", dir);
    FILE *f = fopen(path, "w");
    fputs("read meta\n", f);
    fclose(f);
    local(&c);
    backup(&c, KIND_FULL, 1, &r);
    memcpy(generation, c.generation, SEAL_ID);
    client_close(&c);
    record_free(&r);
    keeper_start();
}

START_TEST(a_grant_lets_one_host_read_another_and_ends) {
    struct client c;
    uint8_t generation[SEAL_ID];
    unsigned points = 0;
    two_hosts(generation);
    session(&c, BIND_HOST, "spare", false);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_int_eq(source(&c, "web"), ZE_NOGRANT);
    ck_assert_int_eq(source(&c, "nobody"), ZE_NOGRANT);
    ck_assert_int_eq(source(&c, "spare"), ZE_NOGRANT);
    ck_assert_int_ne(client_get(&c, generation, 0, 0), 0);
    ck_assert_int_eq(grant("web", "spare", 600), 0); /* the other way round */
    ck_assert_int_eq(source(&c, "web"), ZE_NOGRANT);
    ck_assert_int_eq(grant("spare", "web", 600), 0);
    ck_assert_uint_eq(grants(), 2);
    ck_assert_int_ne(client_get(&c, generation, 0, 0), 0); /* not before it is asked for */
    ck_assert_int_eq(source(&c, "web"), 0);
    ck_assert_int_eq(client_list(&c, &points), 0);
    ck_assert_uint_eq(points, 1);
    ck_assert_int_eq(client_get(&c, generation, 0, 0), 0);
    ck_assert_int_eq(client_get(&c, generation, 1, 4), 0);
    ck_assert_int_eq(grant("spare", "web", -1), 0); /* ended early: at once, for a session that is open too */
    ck_assert_uint_eq(grants(), 1);
    ck_assert_int_eq(client_list(&c, &points), ZE_NOGRANT);
    ck_assert_int_eq(grant("spare", "spare", 600), 0);
    ck_assert_int_eq(source(&c, "spare"), 0); /* back to its own */
    ck_assert_int_eq(client_list(&c, &points), 0);
    ck_assert_uint_eq(points, 0);
    ck_assert_int_ne(client_begin(&c, KIND_FULL, 2, ""), 0); /* a session that has read another writes no more */
    client_close(&c);
}
END_TEST

START_TEST(a_grant_is_for_known_hosts_and_at_most_a_week) {
    uint8_t generation[SEAL_ID];
    struct client c;
    char path[128];
    two_hosts(generation);
    ck_assert_int_eq(grant("nobody", "web", 600), ZE_NOTFOUND);
    ck_assert_int_eq(grant("spare", "nobody", 600), ZE_NOTFOUND);
    ck_assert_int_ne(grant("spare", "../web", 600), 0);
    ck_assert_int_eq(grant("spare", "web", 7 * 86400 + 60), ZE_TOOMUCH);
    ck_assert_uint_eq(grants(), 0);
    /* A note that says more, as after a clock was set back, does not hold; one that has passed neither. */
    ck_assert_int_eq(grant("spare", "web", 600), 0);
    session(&c, BIND_HOST, "spare", false);
    ck_assert_int_eq(client_hello(&c), 0);
    const int64_t now = clock_real()->now_ns(clock_real()), ends[] = {now + 8 * 86400 * 1000000000ll, now - 1};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/grants/spare/web", dir);
        FILE *f = fopen(path, "w");
        fprintf(f, "until %lld\nwho x\nreason y\n", (long long)ends[i]);
        fclose(f);
        ck_assert_int_eq(source(&c, "web"), ZE_NOGRANT);
        ck_assert_uint_eq(grants(), 0);
    }
    struct js *j = control("{\"op\":\"slots\",\"host\":\"web\"}");
    ck_assert(js_bool(j, "ok", false));
    ck_assert_uint_eq(strlen(js_str(j, "host_id", "")), 32);
    ck_assert_uint_gt(strlen(js_str(j, "slots", "")), 20);
    js_free(j);
    client_close(&c);
}
END_TEST

/* faults: C14 */
START_TEST(a_revoked_host_is_out_within_a_second) {
    struct client c;
    char keys[4096];
    token_enrol();
    session(&c, BIND_HOST, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, ""), 0);
    int64_t began = clock_real()->mono_ns(clock_real());
    control_ok("{\"op\":\"revoke\",\"host\":\"web\",\"reason\":\"test\"}");
    ck_assert_int_eq(heard(&c), ZE_AUTH); /* without a word of ours */
    ck_assert_int_lt(clock_real()->mono_ns(clock_real()) - began, NS_PER_S);
    client_close(&c);
    authorized(keys);
    ck_assert_str_eq(keys, "");
    session(&c, BIND_HOST, "web", false);
    ck_assert_int_eq(client_hello(&c), ZE_AUTH);
    client_close(&c);
    struct js *j = control("{\"op\":\"hosts\"}");
    ck_assert_str_eq(js_str(js_at(js_get(j, "hosts"), 0), "state", ""), "revoked");
    js_free(j);
}
END_TEST

START_TEST(a_ticket_gives_labels_plan_and_retention_to_its_point_once) {
    struct client c;
    struct record r;
    uint8_t plan[SEAL_HASH];
    memset(plan, 0xab, sizeof plan);
    token_enrol();
    control_ok(
        "{\"op\":\"ticket\",\"host\":\"web\",\"ticket\":\"job-1\",\"labels\":[\"daily\",\"weekly\"],\"plan_hash\":"
        "\"abababababababababababababababababababababababababababababababab\","
        "\"retain_until\":\"2027-02-03T04:05:06Z\"}");
    session(&c, BIND_HOST, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    static const uint32_t slots[] = {3};
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 1, "job-1"), 0);
    ck_assert_int_eq(client_pack(&c, 0, PACK_META, 3, false), 0);
    ck_assert_int_eq(client_commit(&c, 1, 0, slots, 1, &r), 0);
    ck_assert_uint_eq(r.commit.labels.n, 2);
    ck_assert_str_eq(r.commit.labels.label[1], "weekly");
    ck_assert_mem_eq(r.commit.plan_hash, plan, sizeof plan);
    ck_assert_int_eq(r.commit.retain_until, 1801627506LL * NS_PER_S);
    record_free(&r);
    ck_assert_int_eq(client_begin(&c, KIND_FULL, 2, "job-1"), 0);
    ck_assert_str_eq(c.begin.begin.labels.label[0], "manual");
    ck_assert_str_eq(c.begin.begin.ticket, "");
    client_close(&c);
    struct js *j = control("{\"op\":\"points\",\"host\":\"web\"}");
    struct js *p = js_at(js_get(j, "points"), 0);
    ck_assert_str_eq(js_str(p, "ticket", ""), "job-1");
    ck_assert_str_eq(js_str(p, "retain_until", ""), "2027-02-03T04:05:06Z");
    js_free(j);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_session");
    TCase *t = tcase_create("vault_session");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_backup_is_listed_and_read_and_its_commit_is_idempotent);
    tcase_add_test(t, a_commit_that_uses_what_is_not_there_is_refused_and_makes_no_point);
    tcase_add_test(t, a_pack_with_a_wrong_hash_is_never_placed);
    tcase_add_test(t, only_one_session_of_a_host_holds_the_lease);
    tcase_add_test(t, a_superseded_writer_cannot_commit);
    tcase_add_test(t, damage_in_the_vault_is_named_and_the_next_backup_heals_it);
    tcase_add_test(t, the_number_of_a_pack_that_was_lost_is_not_given_again);
    tcase_add_test(t, a_keeper_killed_at_any_step_loses_nothing_that_was_acknowledged);
    tcase_add_test(t, what_is_out_of_order_or_malformed_ends_the_session);
    tcase_add_test(t, a_token_enrols_one_host_once);
    tcase_add_test(t, without_a_grant_only_metadata_of_the_last_point_is_read);
    tcase_add_test(t, a_grant_lets_one_host_read_another_and_ends);
    tcase_add_test(t, a_grant_is_for_known_hosts_and_at_most_a_week);
    tcase_add_test(t, a_revoked_host_is_out_within_a_second);
    tcase_add_test(t, a_ticket_gives_labels_plan_and_retention_to_its_point_once);
    suite_add_tcase(s, t);
    return suite_run(s);
}
