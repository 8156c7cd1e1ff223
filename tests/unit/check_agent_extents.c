/* The extents of a file, through the real upload to a vault that is only a thread: what comes out of the pages, opened again,
 * is what was put in, joined where it continues and cut where the format says. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "extents.h"
#include "ids.h"
#include "suite.h"

static const uint64_t RANGE = 1ull << XPAGE_SHIFT;
static uint8_t generation[SEAL_ID] = {1}, host_key[SEAL_KEY] = {2}, none[SEAL_HASH];

/* ---- a vault that keeps what it is sent ---- */

enum { KEPT_MAX = 64 };
static struct kept {
    struct seg_addr addr;
    size_t len;
    uint8_t *sealed;
} kept[KEPT_MAX];
static size_t kept_n;

static void *vault(void *arg) {
    struct frames f;
    struct err e = ERR_INIT;
    struct rd r;
    uint8_t type;
    frames_init(&f, *(int *)arg, *(int *)arg, 10000, "agent");
    while (frames_get(&f, &type, &r, &e) == 1 && type != F_BYE) {
        uint32_t pack = rd_u32(&r);
        if (type == F_SEG && kept_n < KEPT_MAX) {
            struct kept *k = &kept[kept_n++];
            k->addr = (struct seg_addr){pack, rd_u32(&r)};
            rd_take(&r, 2 * SEAL_HASH);
            k->len = r.left;
            k->sealed = malloc(r.left);
            memcpy(k->sealed, r.p, r.left);
        }
        uint8_t done[12] = {(uint8_t)pack};
        if (type == F_PACK_CLOSE && frames_put(&f, F_PACK_DONE, done, sizeof done, NULL, 0, &e) < 0) break;
    }
    frames_free(&f);
    return NULL;
}

/* ---- the agent's side ---- */

static char dir[64];
static int fds[2], dirfd_;
static pthread_t thread;
static struct config cfg;
static struct session session;
static struct gen_keys *keys;
static struct ids *ids;
static struct pool *pool;
static struct upload *up;
static struct used *used;
static struct extents x;
static struct err e;

static void setup(void) {
    uint32_t known;
    strcpy(dir, "/tmp/zbextXXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, vault, &fds[1]), 0);
    session = (struct session){.cfg = &cfg};
    frames_init(&session.f, fds[0], fds[0], 10000, "vault");
    keys = gen_keys_new(host_key, &cfg.ids, generation);
    used = used_new();
    ck_assert_int_eq(ids_open(dirfd_, generation, host_key, none, 0, &ids, &known, &e), 0);
    ck_assert_ptr_nonnull(pool = pool_new(2, &e));
    struct upload_setup us = {.session = &session, .pool = pool, .keys = keys, .ids = ids, .cachefd = -1, .epoch = 1};
    ck_assert_ptr_nonnull(up = upload_new(&us, &e));
    extents_init(&x, up, used);
    kept_n = 0;
}

static void teardown(void) {
    char cmd[96];
    extents_free(&x);
    upload_free(up);
    pool_free(pool);
    used_free(used);
    ids_close(ids);
    gen_keys_free(keys);
    frames_free(&session.f);
    close(fds[0]);
    pthread_join(thread, NULL);
    close(fds[1]);
    close(dirfd_);
    for (size_t i = 0; i < kept_n; i++) free(kept[i].sealed);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    ck_assert_int_eq(system(cmd), 0);
}

static void data(uint32_t slot, uint32_t offset, uint64_t len) {
    ck_assert_int_eq(extents_data(&x, (struct seg_addr){3, slot}, offset, len, &e), 0);
}

static void hole(uint64_t len) { ck_assert_int_eq(extents_hole(&x, len, &e), 0); }

static struct entry end(void) {
    struct entry en = {.flags = EF_XPAGES};
    ck_assert_int_eq(extents_end(&x, &en, &e), 0);
    en.size = x.at;
    return en;
}

/* The extents of page ${i}, opened from what the vault was sent, into ${out}; their number. */
static size_t page(const struct entry *en, size_t i, struct extent **out) {
    struct sealer *s = sealer_new();
    uint8_t *plain = malloc(ZB_SEGMENT_MAX);
    size_t cap = 0, n = 0;
    uint64_t len = en->size - i * RANGE < RANGE ? en->size - i * RANGE : RANGE;
    *out = NULL;
    for (size_t k = 0; k < kept_n && !*out; k++) {
        if (kept[k].addr.pack != en->xpages[i].pack || kept[k].addr.slot != en->xpages[i].slot) continue;
        int got = segment_open(s, keys, SEG_EXTENTS, kept[k].addr, kept[k].sealed, kept[k].len, plain, &e);
        ck_assert_msg(got > 0, "%s", e.msg);
        ck_assert_int_eq(xpage_get(plain, (size_t)got, len, out, &cap, &n, NULL, "page", &e), 0);
    }
    ck_assert_msg(*out != NULL, "page %zu was not sent", i);
    free(plain);
    sealer_free(s);
    return n;
}

static bool used_has(uint32_t pack, uint32_t slot) {
    struct buf b;
    buf_init(&b, 1 << 20);
    ck_assert(used_page(used, generation, 0, &b));
    struct rd r = rd_of(b.p, b.len);
    rd_take(&r, 8 + SEAL_ID + 4);
    bool has = false;
    for (uint64_t n = rd_vu(&r); n; n--) {
        uint64_t p = rd_vu(&r);
        size_t len;
        const uint8_t *map = rd_blob(&r, &len, ZB_PACK_SLOTS_MAX / 8);
        if (p == pack && slot / 8 < len) has = map[slot / 8] >> (slot & 7) & 1;
    }
    buf_free(&b);
    return has;
}

START_TEST(neighbours_that_continue_each_other_are_one_extent) {
    extents_begin(&x);
    data(1, 0, 1000), data(1, 1000, 24), data(1, 1025, 5), data(2, 1030, 5);
    hole(7), hole(0), hole(1);
    data(2, 1035, 5);
    struct entry en = end();
    ck_assert_uint_eq(en.flags & EF_XPAGES, 0);
    ck_assert_uint_eq(en.extents_n, 5);
    ck_assert_uint_eq(en.extents[0].len, 1024);
    ck_assert_uint_eq(en.extents[1].offset, 1025);
    ck_assert(en.extents[3].hole);
    ck_assert_uint_eq(en.extents[3].len, 8);
    ck_assert(used_has(3, 1) && used_has(3, 2) && !used_has(3, 3));
}
END_TEST

START_TEST(sixty_four_extents_stay_with_the_entry_and_one_more_makes_a_page) {
    for (uint32_t n = 64; n <= 65; n++) {
        extents_begin(&x);
        for (uint32_t i = 0; i < n; i++) data(i, 5, 100 + i);
        struct entry en = end();
        ck_assert_uint_eq(!!(en.flags & EF_XPAGES), n == 65);
        ck_assert_uint_eq(en.extents_n, n == 64 ? 64 : 0);
        ck_assert_uint_eq(en.xpages_n, n == 65 ? 1 : 0);
        if (n == 64) continue;
        ck_assert_uint_eq(en.xpage_shift, XPAGE_SHIFT);
        ck_assert_int_eq(upload_finish(up, &e), 0);
        struct extent *got;
        ck_assert_uint_eq(page(&en, 0, &got), 65);
        for (uint32_t i = 0; i < 65; i++)
            ck_assert(!got[i].hole && got[i].addr.slot == i && got[i].offset == 5 && got[i].len == 100 + i);
        ck_assert(used_has(en.xpages[0].pack, en.xpages[0].slot));
        free(got);
    }
}
END_TEST

START_TEST(pages_are_cut_at_fixed_offsets_of_the_file_also_within_an_extent) {
    extents_begin(&x);
    for (uint32_t i = 0; i < 70; i++) data(i, 0, 512 << 10), hole(512 << 10); /* 70 MiB; the cut is at 64 */
    hole(3 * RANGE);                                                          /* over three cuts, one page all hole */
    data(99, 7, 1);
    uint64_t size = x.at;
    struct entry en = end();
    ck_assert_uint_eq(size, (70ull << 20) + 3 * RANGE + 1);
    ck_assert_uint_eq(en.xpages_n, 5);
    ck_assert_int_eq(upload_finish(up, &e), 0);
    static const size_t expect[] = {128, 12, 1, 1, 2};
    uint64_t at = 0;
    for (size_t i = 0; i < 5; i++) {
        struct extent *got;
        ck_assert_uint_eq(page(&en, i, &got), expect[i]);
        for (size_t k = 0; k < expect[i]; k++) at += got[k].len;
        if (i == 4) ck_assert(got[0].hole && !got[1].hole && got[1].addr.slot == 99 && got[1].offset == 7);
        free(got);
    }
    ck_assert_uint_eq(at, size);
    ck_assert(en.xpages[2].pack == en.xpages[3].pack &&
        en.xpages[2].slot == en.xpages[3].slot); /* equal pages: stored once */
}
END_TEST

START_TEST(data_that_crosses_a_cut_goes_on_at_the_right_offset_of_its_segment) {
    extents_begin(&x);
    for (uint32_t i = 0; i < 66; i++) data(i, 1, 1);
    hole(RANGE - 66 - 1000);
    data(200, 40, 3000);
    struct entry en = end();
    ck_assert_int_eq(upload_finish(up, &e), 0);
    struct extent *got;
    size_t n = page(&en, 0, &got);
    ck_assert(got[n - 1].addr.slot == 200 && got[n - 1].offset == 40 && got[n - 1].len == 1000);
    free(got);
    ck_assert_uint_eq(page(&en, 1, &got), 1);
    ck_assert(got[0].addr.slot == 200 && got[0].offset == 1040 && got[0].len == 2000);
    free(got);
}
END_TEST

START_TEST(a_file_that_ends_at_a_cut_has_no_empty_page_and_the_next_file_begins_anew) {
    extents_begin(&x);
    for (uint32_t i = 0; i < 128; i++) data(i, 0, RANGE / 128);
    struct entry en = end();
    ck_assert_uint_eq(en.size, RANGE);
    ck_assert_uint_eq(en.xpages_n, 1);
    extents_begin(&x);
    data(7, 0, 10);
    en = end();
    ck_assert_uint_eq(en.flags & EF_XPAGES, 0);
    ck_assert_uint_eq(en.extents_n, 1);
    ck_assert_uint_eq(en.xpages_n, 0);
}
END_TEST

int main(void) {
    struct err err = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    if (seal_init(&err) < 0) return 1;
    Suite *s = suite_create("extents");
    TCase *t = tcase_create("extents");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, neighbours_that_continue_each_other_are_one_extent);
    tcase_add_test(t, sixty_four_extents_stay_with_the_entry_and_one_more_makes_a_page);
    tcase_add_test(t, pages_are_cut_at_fixed_offsets_of_the_file_also_within_an_extent);
    tcase_add_test(t, data_that_crosses_a_cut_goes_on_at_the_right_offset_of_its_segment);
    tcase_add_test(t, a_file_that_ends_at_a_cut_has_no_empty_page_and_the_next_file_begins_anew);
    suite_add_tcase(s, t);
    return suite_run(s);
}
