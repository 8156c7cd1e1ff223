/* Each byte of a small vault flipped, each of its files cut at every length, and restored from: right bytes or an
 * error, never wrong ones. A sample in make check, every byte with ZAIBEI_SOAK=1. */
#include <ftw.h>

#include "restore_run.h"
#include "suite.h"

enum { FILES = 16, SMALL = 16384 };

static struct {
    char path[256];
    uint8_t bytes[SMALL];
    size_t n;
} files[FILES];
static size_t files_n, total;

static int file_add(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    if (flag != FTW_F) return 0;
    ck_assert(files_n < FILES && st->st_size <= SMALL);
    struct buf b;
    buf_init(&b, SMALL);
    ck_assert_int_eq(file_load(AT_FDCWD, path, SMALL, &b, &e), 0);
    snprintf(files[files_n].path, sizeof files[0].path, "%s", path);
    memcpy(files[files_n].bytes, b.p, files[files_n].n = b.len);
    total += files[files_n++].n;
    buf_free(&b);
    return 0;
}

static void put(const char *path, const void *p, size_t n) {
    int fd = open(path, O_WRONLY | O_TRUNC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(file_write_all(fd, p, n), 0);
    close(fd);
}

static void small_vault(void) {
    char path[256];
    struct entry d = {.type = ENT_DIR, .mode = 0750};
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    add(&d, "d");
    add_small("d/one", 0, 0, 4100);
    add_small("d/two", 0, 100, 4500);
    add_small("three", 0, 4999, 1);
    vault_end();
    files_n = total = 0;
    snprintf(path, sizeof path, "%s/store", dir);
    ck_assert_int_eq(nftw(path, file_add, 8, FTW_PHYS), 0);
    ck_assert(files_n >= 4 && total <= SMALL);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { return remove(path); }

static void restored_is_right(const char *what, size_t at) {
    static const struct {
        const char *name;
        size_t from, n;
    } want[] = {{"d/one", 0, 4100}, {"d/two", 100, 4500}, {"three", 4999, 1}};
    int rc = restore(EXISTING_REFUSE, NULL, 0, 0);
    for (size_t i = 0; i < 3; i++) {
        if (exists(want[i].name)) is_content(want[i].name, small + want[i].from, want[i].n);
        else
            ck_assert_msg(rc < 0 || res.missed > 0, "%s is not there after %s at %zu, and nothing was said",
                want[i].name, what, at);
    }
    nftw(target, remove_one, 8, FTW_PHYS | FTW_DEPTH);
}

static size_t step(void) { return getenv("ZAIBEI_SOAK") ? 1 : 23; }

/* faults: B10 */
START_TEST(every_flipped_byte_gives_right_bytes_or_an_error) {
    small_vault();
    restored_is_right("nothing", 0);
    size_t tried = 0;
    for (size_t i = 0, n = 0; i < files_n; i++)
        for (size_t at = 0; at < files[i].n; at++, n++) {
            uint8_t bad[SMALL];
            if (n % step()) continue;
            memcpy(bad, files[i].bytes, files[i].n);
            bad[at] ^= (uint8_t)(1 << (n & 7));
            put(files[i].path, bad, files[i].n);
            restored_is_right(files[i].path, at);
            put(files[i].path, files[i].bytes, files[i].n);
            tried++;
        }
    printf("figure: a small vault, each byte flipped in turn, and restored from: %zu\n", tried);
    restored_is_right("nothing", 0);
    ck_assert(res.missed == 0 && res.files == 3);
}
END_TEST

/* faults: B11 */
START_TEST(every_truncation_gives_right_bytes_or_an_error) {
    small_vault();
    size_t tried = 0;
    for (size_t i = 0, n = 0; i < files_n; i++)
        for (size_t at = 0; at < files[i].n; at++, n++) {
            if (n % step()) continue;
            put(files[i].path, files[i].bytes, at);
            restored_is_right(files[i].path, at);
            put(files[i].path, files[i].bytes, files[i].n);
            tried++;
        }
    printf("figure: a small vault, each length of each file in turn, and restored from: %zu\n", tried);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("agent_flips");
    TCase *t = tcase_create("flips");
    tcase_set_timeout(t, 3000);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_flipped_byte_gives_right_bytes_or_an_error);
    tcase_add_test(t, every_truncation_gives_right_bytes_or_an_error);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
