/* Log records, vault header and system object: what was encoded comes back, and nothing else is believed. */
#include <stdlib.h>
#include <string.h>

#include "wire/record.h"
#include "suite.h"

static uint8_t vault_id[SEAL_ID], pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC];
static struct buf out;

static void setup(void) {
    struct err e = ERR_INIT;
    uint8_t seed[SEAL_SIGN_SEED] = {7};
    ck_assert_int_eq(seal_init(&e), 0);
    memset(vault_id, 0x11, sizeof vault_id);
    sign_from_seed(pub, sec, seed);
    buf_init(&out, ZB_RECORD_MAX + 1024);
}

static void teardown(void) { buf_free(&out); }

static void keys_fill(struct key_slots *k) {
    k->n = 2;
    for (unsigned i = 0; i < 2; i++) {
        memset(k->slot[i].recipient, 0x20 + (int)i, SEAL_KEY);
        memset(k->slot[i].sealed, 0x30 + (int)i, sizeof k->slot[i].sealed);
        strcpy(k->slot[i].label, i ? "escrow" : "kit");
    }
    memset(k->check, 0x44, sizeof k->check);
}

static struct record commit_make(struct used_ref *used, uint8_t *root) {
    struct record r = {.type = REC_COMMIT, .flags = 1, .n = 0x1234, .time = -5};
    struct rec_commit *c = &r.commit;
    memset(r.prev, 0x55, sizeof r.prev);
    c->begin_n = 9, c->point = 3, c->parent = 2, c->kind = KIND_INCREMENTAL, c->state = STATE_PARTIAL;
    c->epoch = UINT64_MAX, c->walk_start = INT64_MIN, c->retain_until = INT64_MAX;
    memset(c->generation, 0x66, SEAL_ID);
    strcpy(c->ticket, "job-7");
    c->labels.n = 2;
    strcpy(c->labels.label[0], "daily");
    strcpy(c->labels.label[1], "monthly");
    c->files = 1, c->bytes = 2, c->bytes_read = 3, c->bytes_sent = 4, c->bytes_stored = 5;
    c->root = root, c->root_len = 100, c->used = used, c->used_n = 2;
    keys_fill(&c->keys);
    return r;
}

START_TEST(a_commit_record_comes_back_as_it_was) {
    struct err e = ERR_INIT;
    struct used_ref used[2] = {{.page = 0, .hash = {1}}, {.page = 7, .hash = {2}}};
    uint8_t root[100] = {9};
    struct record r = commit_make(used, root), d;
    ck_assert_int_eq(record_encode(&r, vault_id, sec, &out, &e), 0);
    ck_assert_int_eq(record_decode(&d, out.p, out.len, vault_id, pub, &e), 0);
    ck_assert_mem_eq(d.hash, r.hash, SEAL_HASH);
    ck_assert_uint_eq(d.n, 0x1234);
    ck_assert_int_eq(d.time, -5);
    ck_assert_uint_eq(d.flags, 1);
    ck_assert_mem_eq(d.prev, r.prev, SEAL_HASH);
    ck_assert_int_eq(d.commit.walk_start, INT64_MIN);
    ck_assert_int_eq(d.commit.retain_until, INT64_MAX);
    ck_assert_uint_eq(d.commit.epoch, UINT64_MAX);
    ck_assert_str_eq(d.commit.labels.label[1], "monthly");
    ck_assert_uint_eq(d.commit.bytes_stored, 5);
    ck_assert_uint_eq(d.commit.used_n, 2);
    ck_assert_uint_eq(d.commit.used[1].page, 7);
    ck_assert_uint_eq(d.commit.root_len, 100);
    ck_assert_mem_eq(d.commit.root, root, 100);
    ck_assert_mem_eq(&d.commit.keys, &r.commit.keys, sizeof r.commit.keys);
    record_free(&d);
}
END_TEST

START_TEST(every_type_survives_the_round_trip_byte_for_byte) {
    for (uint8_t type = REC_HOST; type <= REC_REVOKE; type++) {
        struct err e = ERR_INIT;
        struct slot_ref damaged[1] = {{4, 5}};
        struct record r = {.type = type, .n = type}, d;
        if (type == REC_HOST) strcpy(r.host.host, "web-1"), keys_fill(&r.host.keys);
        if (type == REC_BEGIN) r.begin.kind = KIND_FULL, r.begin.damaged = damaged, r.begin.damaged_n = 1;
        if (type == REC_COMMIT) r.commit.kind = KIND_FULL, r.commit.state = STATE_COMPLETE;
        if (type == REC_ABANDON) strcpy(r.abandon.reason, "window over");
        if (type == REC_PIN) strcpy(r.pin.who, "office"), r.pin.until = 77;
        if (type == REC_TIME) strcpy(r.time_mark.why, "jump");
        struct buf again;
        buf_init(&again, ZB_RECORD_MAX);
        ck_assert_int_eq(record_encode(&r, vault_id, sec, &out, &e), 0);
        ck_assert_int_eq(record_decode(&d, out.p, out.len, vault_id, pub, &e), 0);
        ck_assert_int_eq(record_encode(&d, vault_id, sec, &again, &e), 0);
        ck_assert_uint_eq(again.len, out.len);
        ck_assert_mem_eq(again.p, out.p, out.len);
        record_free(&d);
        buf_free(&again);
    }
}
END_TEST

/* faults: B10 */
START_TEST(any_flipped_bit_of_a_record_is_refused) {
    struct err e = ERR_INIT;
    struct used_ref used[2] = {{.page = 0, .hash = {1}}, {.page = 7, .hash = {2}}};
    uint8_t root[100] = {9};
    struct record r = commit_make(used, root), d;
    ck_assert_int_eq(record_encode(&r, vault_id, sec, &out, &e), 0);
    for (size_t bit = 0; bit < out.len * 8; bit += 5) {
        out.p[bit / 8] ^= (uint8_t)(1 << (bit & 7));
        ck_assert_int_lt(record_decode(&d, out.p, out.len, vault_id, pub, &e), 0);
        out.p[bit / 8] ^= (uint8_t)(1 << (bit & 7));
    }
    ck_assert_int_lt(record_decode(&d, out.p, out.len - 1, vault_id, pub, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
}
END_TEST

/* faults: B12 */
START_TEST(a_record_of_another_vault_or_key_is_refused) {
    struct err e = ERR_INIT;
    struct record r = {.type = REC_TIME}, d;
    uint8_t other[SEAL_SIGN_PUB] = {1};
    ck_assert_int_eq(record_encode(&r, vault_id, sec, &out, &e), 0);
    ck_assert_int_lt(record_decode(&d, out.p, out.len, other, pub, &e), 0);
    ck_assert_int_eq(e.id, ZE_VAULTKEY);
    other[0]++;
    ck_assert_int_lt(record_decode(&d, out.p, out.len, vault_id, other, &e), 0);
    ck_assert_int_eq(e.id, ZE_VAULTKEY);
}
END_TEST

/* faults: C8 */
START_TEST(a_newer_version_is_refused_by_name) {
    struct err e = ERR_INIT;
    struct record r = {.type = REC_TIME}, d;
    ck_assert_int_eq(record_encode(&r, vault_id, sec, &out, &e), 0);
    out.p[4] = 2;
    ck_assert_int_lt(record_decode(&d, out.p, out.len, vault_id, pub, &e), 0);
    ck_assert_int_eq(e.id, ZE_NEWER);
    ck_assert_ptr_nonnull(strstr(e.msg, "2"));
}
END_TEST

START_TEST(vault_header_and_system_object_come_back_and_refuse_a_flip) {
    struct err e = ERR_INIT;
    struct vault_header v = {.suite = "sodium", .created = 42}, w;
    memcpy(v.id, vault_id, SEAL_ID);
    memcpy(v.pub, pub, sizeof pub);
    ck_assert_int_eq(vault_header_encode(&v, sec, &out, &e), 0);
    ck_assert_int_eq(vault_header_decode(&w, out.p, out.len, &e), 0);
    ck_assert_mem_eq(&v, &w, sizeof v);
    out.p[10] ^= 1;
    ck_assert_int_lt(vault_header_decode(&w, out.p, out.len, &e), 0);
    struct system_object s = {.id = {5}, .name = "oa", .suite = "sodium"}, t;
    ck_assert_int_eq(system_object_encode(&s, vault_id, sec, &out, &e), 0);
    ck_assert_int_eq(system_object_decode(&t, out.p, out.len, vault_id, pub, &e), 0);
    ck_assert_mem_eq(&s, &t, sizeof s);
    out.p[out.len - 1] ^= 1;
    ck_assert_int_lt(system_object_decode(&t, out.p, out.len, vault_id, pub, &e), 0);
    ck_assert_int_eq(e.id, ZE_VAULTKEY);
}
END_TEST

int main(void) {
    Suite *s = suite_create("record");
    TCase *t = tcase_create("record");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_commit_record_comes_back_as_it_was);
    tcase_add_test(t, every_type_survives_the_round_trip_byte_for_byte);
    tcase_add_test(t, any_flipped_bit_of_a_record_is_refused);
    tcase_add_test(t, a_record_of_another_vault_or_key_is_refused);
    tcase_add_test(t, a_newer_version_is_refused_by_name);
    tcase_add_test(t, vault_header_and_system_object_come_back_and_refuse_a_flip);
    suite_add_tcase(s, t);
    return suite_run(s);
}
