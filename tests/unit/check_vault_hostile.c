/* A client that means harm, against the real serve and keeper: every message at every place of a session, every length,
 * every version, replays. Each is answered or refused and the session ended; serve ends by itself and not of a signal; no
 * point comes to be that was not committed, and a right session afterwards succeeds. */
#include "vault_box.h"
#include "suite.h"

enum { STEPS = 7 };

/* Sessions of hostile clients: the connection, and whether it was ever refused. */
struct play {
    struct client c;
    int refused; /* the number of the error, or 0 */
    bool over;
    uint8_t last; /* the message that is on trial */
};

static void on_answer(struct play *p, uint8_t type, struct rd *r) {
    struct err e = ERR_INIT;
    if (type != F_ERROR) return;
    frames_take_error(r, &p->c.err);
    p->refused = (int)p->c.err.id;
    /* The session is over: serve throws away what still comes, for two seconds or until BYE. */
    bool goes_on = p->last == F_LIST || p->last == F_INDEX || p->last == F_GET || p->last == F_CALL;
    if (!goes_on || p->refused == ZE_PROTO) (void)!frames_put(&p->c.f, F_BYE, NULL, 0, NULL, 0, &e);
}

/* What the vault says until it has answered a PING, or has ended the session. */
static void settle(struct play *p) {
    struct err e = ERR_INIT;
    struct rd r;
    uint8_t type = 0;
    if (!p->over && frames_put(&p->c.f, F_PING, NULL, 0, NULL, 0, &e) < 0) p->over = true;
    while (!p->over) {
        int rc = frames_get(&p->c.f, &type, &r, &e);
        if (rc < 0 && e.id == ZE_TIMEOUT) ck_abort_msg("no answer and no end");
        if (rc <= 0) p->over = true;
        else on_answer(p, type, &r);
        if (rc > 0 && type == F_PONG) return;
    }
}

static void play_open(struct play *p, enum bind_mode mode) {
    *p = (struct play){.refused = 0};
    session(&p->c, mode, "web", true);
}

/* The end of the session is the end of its process, and that is no crash. */
static void play_close(struct play *p) {
    int status;
    struct err e = ERR_INIT;
    if (!p->over) (void)!frames_put(&p->c.f, F_BYE, NULL, 0, NULL, 0, &e), (void)!frames_flush(&p->c.f, &e);
    shutdown(p->c.fd, SHUT_RDWR);
    ck_assert_int_eq(waitpid(last_serve, &status, 0), last_serve);
    ck_assert_msg(WIFEXITED(status), "serve died of signal %d", WTERMSIG(status));
    client_close(&p->c);
}

static void send_raw(struct play *p, uint8_t type, const void *bytes, size_t n) {
    struct err e = ERR_INIT;
    p->last = type;
    if (!p->over && frames_put(&p->c.f, type, bytes, n, NULL, 0, &e) < 0) p->over = true;
}

/* The payload of each message as the right one would be at this moment. */
static void payload(struct play *p, uint8_t type, struct buf *b) {
    static uint8_t map[] = {7};
    uint8_t *maps[256] = {map}, seg[100] = {5}, hash[SEAL_HASH];
    size_t lens[256] = {1};
    switch (type) {
    case F_HELLO: buf_u16(b, 1), buf_str(b, "test"), buf_u8(b, 0); break;
    case F_BEGIN: buf_u8(b, KIND_FULL), buf_put(b, "0123456789abcdef", SEAL_ID), buf_str(b, ""); break;
    case F_PACK_OPEN: buf_u32(b, p->c.first_pack), buf_u8(b, PACK_META); break;
    case F_SEG:
        seal_hash(hash, seg, sizeof seg);
        buf_u32(b, p->c.first_pack), buf_u32(b, 0), buf_put(b, hash, SEAL_HASH), buf_put(b, hash, SEAL_HASH);
        buf_put(b, seg, sizeof seg);
        break;
    case F_PACK_CLOSE: buf_u32(b, p->c.first_pack); break;
    case F_USED: buf_u32(b, 0), used_page_put(b, p->c.generation, 0, maps, lens); break;
    case F_COMMIT:
        buf_put(b, "0123456789abcdef", SEAL_ID), buf_u8(b, STATE_COMPLETE);
        for (int i = 0; i < 5; i++) buf_u64(b, 1);
        buf_blob(b, "root", 4), buf_vu(b, 1), buf_u32(b, 0), buf_put(b, p->c.generation, SEAL_ID);
        buf_put(b, p->c.generation, SEAL_ID); /* a hash of no page */
        break;
    case F_ABANDON: buf_put(b, "0123456789abcdef", SEAL_ID), buf_str(b, "why"); break;
    case F_INDEX: buf_put(b, p->c.generation, SEAL_ID), buf_u32(b, 0); break;
    case F_GET: buf_put(b, p->c.generation, SEAL_ID), buf_vu(b, 1), buf_vu(b, 0), buf_vu(b, 0); break;
    case F_CALL: buf_put(b, "{}", 2); break;
    case F_ENROL: buf_str(b, "web"), buf_put(b, p->c.generation, SEAL_ID); break;
    default: break;
    }
}

static void say(struct play *p, uint8_t type) {
    struct buf b;
    buf_init(&b, 4096);
    payload(p, type, &b);
    if (type == F_BEGIN && !p->over && !p->refused) {
        struct rd r;
        size_t n;
        int rc = client_ask(&p->c, F_BEGIN, b.p, b.len, F_BEGUN, &r);
        p->refused = rc > 0 ? rc : 0, p->over = rc < 0;
        if (rc > 0) send_raw(p, F_BYE, NULL, 0);
        const uint8_t *raw = rc == 0 ? rd_blob(&r, &n, FRAME_MAX) : NULL;
        struct record begin;
        if (raw && record_decode(&begin, raw, n, p->c.vault.id, p->c.vault.pub, &p->c.err) == 0) {
            memcpy(p->c.generation, begin.begin.generation, SEAL_ID);
            p->c.first_pack = begin.begin.first_pack;
            record_free(&begin);
        }
    } else {
        send_raw(p, type, b.p, b.len);
    }
    buf_free(&b);
}

static const uint8_t right[STEPS] = {F_HELLO, F_BEGIN, F_PACK_OPEN, F_SEG, F_PACK_CLOSE, F_USED, F_COMMIT};

/* The first ${n} messages of a right session; HELLO by the client, which reads the vault's key. */
static void begin_right(struct play *p, int n) {
    for (int i = 0; i < n; i++)
        if (right[i] == F_HELLO) ck_assert_int_eq(client_hello(&p->c), 0);
        else say(p, right[i]);
}

static unsigned points(void) {
    struct client c;
    unsigned n;
    local(&c);
    ck_assert_int_eq(client_list(&c, &n), 0);
    client_close(&c);
    return n;
}

static void right_session_succeeds(void) {
    struct client c;
    struct record r;
    int rc = ZE_BUSY;
    for (int i = 0; i < 50 && rc == ZE_BUSY; i++) {
        local(&c);
        rc = client_begin(&c, KIND_FULL, 77, "");
        if (rc == ZE_BUSY) client_close(&c), usleep(20000);
    }
    ck_assert_int_eq(rc, 0);
    backup(&c, KIND_FULL, 78, &r);
    record_free(&r);
    client_close(&c);
}

/* faults: C6 C7 C8 */
START_TEST(every_message_at_every_place_is_answered_or_ends_the_session) {
    static const uint8_t all[] = {F_HELLO, F_LIST, F_BEGIN, F_PACK_OPEN, F_SEG, F_PACK_CLOSE, F_USED, F_COMMIT,
        F_ABANDON, F_INDEX, F_GET, F_CALL, F_PING, F_BYE, F_ENROL, F_KEYS, F_SOURCE, 0x00, 0x03, 0x13, 0x20, 0x21, 0x24,
        F_WELCOME, F_COMMITTED, F_ERROR, 0xff};
    enrolled();
    for (int n = 0; n <= STEPS - 1; n++) {
        for (size_t i = 0; i < sizeof all; i++) {
            struct play p;
            play_open(&p, BIND_HOST);
            begin_right(&p, n);
            say(&p, all[i]);
            settle(&p);
            bool in_order = n < STEPS && all[i] == right[n];
            bool harmless = all[i] == F_PING || all[i] == F_BYE;
            bool anytime = n > 0 &&
                (all[i] == F_LIST || all[i] == F_GET || all[i] == F_INDEX || all[i] == F_CALL || all[i] == F_BEGIN ||
                    (all[i] == F_ABANDON && n > 1));
            bool while_open = (n == 3 || n == 4) && all[i] == F_USED;
            bool twice = n == 4 && all[i] == F_SEG; /* a slot twice is found when the pack is placed */
            bool after = n >= 2 && all[i] == F_USED;
            if (all[i] == F_COMMIT ||
                !(in_order || (harmless && n) || all[i] == F_BYE || anytime || while_open || twice || after))
                ck_assert_msg(p.refused || all[i] == F_PING, "%02x after %d messages was not refused", all[i], n);
            play_close(&p);
        }
    }
    ck_assert_uint_eq(points(), 0);
    right_session_succeeds();
    ck_assert_uint_eq(points(), 1);
}
END_TEST

/* faults: C6 */
START_TEST(a_slot_that_comes_twice_spoils_its_pack_and_a_replayed_commit_makes_no_second_point) {
    struct play p;
    struct client c;
    struct record first, again;
    enrolled();
    play_open(&p, BIND_HOST);
    begin_right(&p, 4);
    say(&p, F_SEG);
    say(&p, F_PACK_CLOSE);
    ck_assert_int_eq(frames_flush(&p.c.f, &p.c.err), 0);
    ck_assert_int_eq(heard(&p.c), ZE_DAMAGED);
    play_close(&p);
    right_session_succeeds();
    local(&c);
    backup(&c, KIND_FULL, 5, &first);
    ck_assert_int_eq(client_commit(&c, 5, 0, NULL, 0, &again), 0); /* in the same session */
    ck_assert_mem_eq(again.hash, first.hash, SEAL_HASH);
    record_free(&again);
    client_close(&c);
    local(&c); /* in a later one, without BEGIN */
    ck_assert_int_eq(client_commit(&c, 5, 0, NULL, 0, &again), 0);
    ck_assert_mem_eq(again.hash, first.hash, SEAL_HASH);
    record_free(&again);
    record_free(&first);
    client_close(&c);
    ck_assert_uint_eq(points(), 2);
}
END_TEST

/* faults: C9 */
START_TEST(no_length_from_hell_is_believed) {
    static const uint32_t lengths[] = {0, FRAME_MAX + 1, 1u << 31, UINT32_MAX};
    uint8_t head[5] = {0, 0, 0, 0, F_PING};
    enrolled();
    for (int n = 0; n < 4; n++) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            struct play p;
            play_open(&p, BIND_HOST);
            begin_right(&p, n);
            ck_assert_int_eq(frames_flush(&p.c.f, &p.c.err), 0);
            memcpy(head, &lengths[i], 4); /* this test runs where numbers are little-endian, as in the protocol */
            ck_assert_int_eq(write(p.c.fd, head, sizeof head), sizeof head);
            ck_assert_int_eq(heard(&p.c), ZE_PROTO);
            p.over = true;
            play_close(&p);
        }
    }
    struct play p;
    play_open(&p, BIND_HOST); /* the longest that may be: read whole, and refused for what it is */
    begin_right(&p, 1);
    uint8_t *big = calloc(1, FRAME_MAX);
    send_raw(&p, F_PING, big, FRAME_MAX - 1);
    free(big);
    settle(&p);
    ck_assert_int_eq(p.refused, ZE_PROTO);
    play_close(&p);
}
END_TEST

/* faults: C9 */
START_TEST(no_count_inside_a_message_is_believed) {
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    static const struct {
        uint8_t type;
        size_t zeros; /* before the number */
        int after;    /* messages of a right session */
    } where[] = {{F_GET, SEAL_ID, 1}, {F_COMMIT, SEAL_ID + 1 + 40, 2}, {F_COMMIT, SEAL_ID + 1 + 40 + 1, 2},
        {F_KEYS, 0, 1}, {F_BEGIN, 1 + SEAL_ID, 1}, {F_ABANDON, SEAL_ID, 2}, {F_USED, 4 + 8 + SEAL_ID + 4, 2},
        {F_HELLO, 2, 0}};
    enrolled();
    for (size_t i = 0; i < sizeof where / sizeof where[0]; i++) {
        for (size_t len = 1; len <= sizeof huge; len++) { /* 2^7 … 2^64 - 1, and cut within the number */
            struct play p;
            struct buf b;
            buf_init(&b, 4096);
            for (size_t z = 0; z < where[i].zeros; z++) buf_u8(&b, z == 0 && where[i].type == F_HELLO);
            if (where[i].type == F_COMMIT) b.p[SEAL_ID] = STATE_COMPLETE;
            if (where[i].type == F_COMMIT && where[i].zeros > SEAL_ID + 41) b.p[SEAL_ID + 41] = 0;
            if (where[i].type == F_BEGIN) b.p[0] = KIND_FULL;
            buf_put(&b, huge, len);
            if (len < sizeof huge) b.p[b.len - 1] &= 0x7f;
            play_open(&p, BIND_HOST);
            begin_right(&p, where[i].after);
            send_raw(&p, where[i].type, b.p, b.len);
            settle(&p);
            ck_assert_msg(p.refused, "case %zu, %zu bytes", i, len);
            play_close(&p);
            buf_free(&b);
        }
    }
    ck_assert_uint_eq(points(), 0);
}
END_TEST

/* faults: C8 C10 */
START_TEST(another_version_or_another_protocol_is_refused_by_name) {
    static const uint16_t versions[] = {0, 2, 255, 65535};
    static const char *const greetings[] = {"ZAIBEI2\n", "SSH-2.0-x\r\n", "\n\n\n\n\n\n\n\n", "ZAIBEI1\r"};
    enrolled();
    for (size_t i = 0; i < 4; i++) {
        struct play p;
        struct buf b;
        buf_init(&b, 64);
        buf_u16(&b, versions[i]);
        buf_str(&b, "test");
        buf_u8(&b, 0);
        play_open(&p, BIND_HOST);
        send_raw(&p, F_HELLO, b.p, b.len);
        settle(&p);
        ck_assert_int_eq(p.refused, ZE_PROTO);
        ck_assert_ptr_nonnull(strstr(p.c.err.msg, "1")); /* it says which one it speaks */
        play_close(&p);
        buf_free(&b);
        play_open(&p, BIND_HOST);
        ck_assert_int_gt(write(p.c.fd, greetings[i], strlen(greetings[i])), 0);
        ck_assert_int_eq(heard(&p.c), ZE_NOTZAIBEI);
        p.over = true;
        play_close(&p);
    }
}
END_TEST

START_TEST(one_host_whose_log_is_damaged_does_not_stop_the_others) {
    struct client c;
    struct record r;
    char path[160];
    enrolled_as("db");
    enrolled();
    keeper_start();
    session(&c, BIND_HOST, "db", false);
    ck_assert_int_eq(client_hello(&c), 0);
    backup(&c, KIND_FULL, 1, &r);
    record_free(&r);
    client_close(&c);
    snprintf(path, sizeof path, "%s/store/hosts/db/log/0000000000000001", dir);
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(truncate(path, 80), 0);
    session(&c, BIND_HOST, "db", false);
    ck_assert_int_eq(client_hello(&c), ZE_DAMAGED);
    client_close(&c);
    session(&c, BIND_HOST, "web", false);
    ck_assert_int_eq(client_hello(&c), 0);
    backup(&c, KIND_FULL, 1, &r);
    record_free(&r);
    client_close(&c);
    struct js *j = control("{\"op\":\"hosts\"}"), *hosts = js_get(j, "hosts");
    ck_assert_uint_eq(js_count(hosts), 2);
    ck_assert_str_eq(js_str(js_at(hosts, 0), "state", ""), "damaged");
    ck_assert_str_eq(js_str(js_at(hosts, 1), "state", ""), "enrolled");
    ck_assert_int_eq(js_int(js_at(hosts, 1), "points", 0), 1);
    js_free(j);
    j = control("{\"op\":\"stat\"}");
    ck_assert_int_eq(js_int(j, "damaged", 0), 1);
    ck_assert_int_eq(js_int(j, "points", 0), 1);
    js_free(j);
    control_ok("{\"op\":\"revoke\",\"host\":\"web\",\"reason\":\"test\"}"); /* writes authorized_keys of all */
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_hostile");
    TCase *t = tcase_create("vault_hostile");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_message_at_every_place_is_answered_or_ends_the_session);
    tcase_add_test(t, a_slot_that_comes_twice_spoils_its_pack_and_a_replayed_commit_makes_no_second_point);
    tcase_add_test(t, no_length_from_hell_is_believed);
    tcase_add_test(t, no_count_inside_a_message_is_believed);
    tcase_add_test(t, another_version_or_another_protocol_is_refused_by_name);
    tcase_add_test(t, one_host_whose_log_is_damaged_does_not_stop_the_others);
    suite_add_tcase(s, t);
    return suite_run(s);
}
