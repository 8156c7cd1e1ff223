/* The pin on the vault's key: it follows what the pinned key has signed, over several links; it never goes where only approvers
 * lead, unless a person typed that very key; it does not come back. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pinned.h"
#include "state.h"
#include "suite.h"

static char dir[64];
static struct config c;
static struct welcome w;
static struct err e;

static void setup(void) {
    e = (struct err)ERR_INIT;
    strcpy(dir, "/tmp/zbp.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    c = (struct config){.vault = "vault", .state = "state"};
    c.statefd = open(dir, O_RDONLY | O_DIRECTORY);
    c.vault_pub[0] = 1;
    w.keys.n = 4;
    for (unsigned i = 0; i < 4; i++) w.keys.pub[i][0] = (uint8_t)i, w.vouched[i] = true;
}

static void teardown(void) {
    char command[96];
    close(c.statefd);
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(it_follows_what_the_pinned_key_leads_to) {
    struct keychain keys;
    ck_assert_int_eq(pinned_load(&c, &keys, &e), 0);
    ck_assert_uint_eq(keys.n, 1);
    ck_assert_int_eq(pinned_follow(&c, &w, &keys, &e), 2);
    ck_assert_uint_eq(keychain_last(&keys)[0], 3);
    ck_assert_int_eq(pinned_save(&c, &keys, &e), 0);
    c.vault_pub[0] = 3; /* as it is loaded the next time */
    ck_assert_int_eq(pinned_load(&c, &keys, &e), 0);
    ck_assert_uint_eq(keys.n, 3);
    ck_assert_uint_eq(keys.pub[0][0], 1);
    ck_assert_int_eq(pinned_follow(&c, &w, &keys, &e), 0);
}
END_TEST

START_TEST(a_key_that_only_approvers_put_there_needs_a_person) {
    struct keychain keys;
    w.vouched[2] = false; /* the last one is signed by it: that helps nothing */
    ck_assert_int_eq(pinned_load(&c, &keys, &e), 0);
    ck_assert_int_lt(pinned_follow(&c, &w, &keys, &e), 0);
    ck_assert_int_eq(e.id, ZE_KEYREPLACED);
    c.typed_pub = w.keys.pub[2];
    ck_assert_int_lt(pinned_follow(&c, &w, &keys, &e), 0); /* not the one that signs now */
    c.typed_pub = w.keys.pub[3];
    ck_assert_int_eq(pinned_load(&c, &keys, &e), 0);
    ck_assert_int_eq(pinned_follow(&c, &w, &keys, &e), 2);
}
END_TEST

START_TEST(another_vault_and_a_key_that_comes_back_are_refused) {
    struct keychain keys;
    c.vault_pub[0] = 9;
    c.typed_pub = w.keys.pub[3]; /* typing helps where the chain has the pinned key only */
    ck_assert_int_eq(pinned_load(&c, &keys, &e), 0);
    ck_assert_int_lt(pinned_follow(&c, &w, &keys, &e), 0);
    ck_assert_int_eq(e.id, ZE_VAULTKEY);
    c.vault_pub[0] = 1, c.typed_pub = NULL;
    ck_assert_int_eq(pinned_load(&c, &keys, &e), 0);
    ck_assert_int_eq(pinned_follow(&c, &w, &keys, &e), 2);
    ck_assert_int_eq(pinned_save(&c, &keys, &e), 0);
    c.vault_pub[0] = 3;
    w.keys.n = 5, w.keys.pub[4][0] = 1, w.vouched[4] = true;
    ck_assert_int_eq(pinned_load(&c, &keys, &e), 0);
    w.keys.pub[1][0] = 8; /* whoever answers has forgotten that it was a key before */
    ck_assert_int_lt(pinned_follow(&c, &w, &keys, &e), 0);
    ck_assert_int_eq(e.id, ZE_KEYCHAIN);
}
END_TEST

int main(void) {
    Suite *s = suite_create("agent_pinned");
    TCase *t = tcase_create("pin");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, it_follows_what_the_pinned_key_leads_to);
    tcase_add_test(t, a_key_that_only_approvers_put_there_needs_a_person);
    tcase_add_test(t, another_vault_and_a_key_that_comes_back_are_refused);
    suite_add_tcase(s, t);
    return suite_run(s);
}
