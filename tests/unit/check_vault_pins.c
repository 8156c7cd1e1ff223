/* Pins of one point without end: they do not fill its log, and whoever means well can still pin as long as is allowed. */
#include "base/civil.h"
#include "base/text.h"
#include "mini_vault.h"
#include "suite.h"
#include "unit_place.h"

enum { TEN_YEARS = 120 };
static struct mini_clock now;
static struct vault v;
static struct err e;

static void setup(void) {
    char dir[96];
    const struct mini_shape shape = {1, 1};
    struct mini_point done;
    e = (struct err)ERR_INIT;
    place_make();
    snprintf(dir, sizeof dir, "%s/vault", place);
    mini_clock_init(&now, 1700000000 * NS_PER_S);
    ck_assert_int_eq(vault_init(dir, &now.clock, &v, &e), 0);
    ck_assert_int_eq(mini_enrol(&v, "web", &e), 0);
    ck_assert_int_eq(mini_backup(&v, "web", KIND_FULL, 1, &shape, &done, &e), 0);
}

static void teardown(void) {
    vault_close(&v);
    place_remove();
}

static int pin(unsigned days) {
    char until[32];
    struct mini_point done;
    e = (struct err)ERR_INIT;
    text_time(until, now.now + (int64_t)days * NS_PER_DAY);
    return mini_pin(&v, "web", 1, until, &done, &e);
}

static int pin_ten_years(void) {
    char until[32];
    struct mini_point done;
    e = (struct err)ERR_INIT;
    text_time(until, civil_pin_end(now.now, TEN_YEARS));
    return mini_pin(&v, "web", 1, until, &done, &e);
}

START_TEST(a_flood_of_pins_ends_soon_and_ten_years_can_be_had_all_the_same) {
    unsigned made = 0;
    for (unsigned day = 1; day < 3000; day++) made += pin(day) == 0;
    ck_assert_uint_ge(made, 16);
    ck_assert_uint_lt(made, 60);
    ck_assert_int_lt(pin(3000), 0);
    ck_assert_int_eq(e.id, ZE_TOOMUCH);
    ck_assert_msg(pin_ten_years() == 0, "%s", e.msg);
    now.now += NS_PER_DAY; /* a day more than before is no reason for a record */
    ck_assert_int_lt(pin_ten_years(), 0);
    ck_assert_int_eq(e.id, ZE_TOOMUCH);
    now.now += 40 * NS_PER_DAY;
    ck_assert_msg(pin_ten_years() == 0, "%s", e.msg);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vault_pins");
    TCase *t = tcase_create("pins");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_flood_of_pins_ends_soon_and_ten_years_can_be_had_all_the_same);
    suite_add_tcase(s, t);
    return suite_run(s);
}
