/* Restoring from a vault directory that this test writes itself, by FORMAT.md: what comes back is what went in, damage
 * is an error that names path and segment, nothing outside the target is touched, and a wrong kit is told as such. */
#include "base/text.h"
#include "restore_run.h"
#include "suite.h"

START_TEST(everything_comes_back_as_it_was) {
    whole_vault();
    ck_assert_msg(restore(EXISTING_REFUSE, NULL, 0, 0) == 0, "%s: %s", e.object, e.msg);
    ck_assert_str_eq(told, "");
    check_all();
    ck_assert_uint_eq(stat_of("d").st_mode, S_IFDIR | 0750);
    ck_assert(stat_of("d").st_mtim.tv_sec == 500 && stat_of("d").st_mtim.tv_nsec == 1);
    ck_assert(stat_of("d/small").st_mtim.tv_sec == 1000 && stat_of("d/small").st_mtim.tv_nsec == 123456789);
    ck_assert_uint_eq(stat_of("d/small").st_mode, S_IFREG | 0640);
    ck_assert_uint_eq(stat_of("pipe").st_mode, S_IFIFO | 0604);
    ck_assert_int_eq(stat_of("ln").st_mtim.tv_sec, 77);
    ck_assert_uint_eq(stat_of("sub").st_mode, S_IFDIR | 0700); /* no entry: made for what is in it */
    ck_assert(res.files == 8 && res.dirs == 1 && res.others == 2 && res.missed == 0 && res.attributes == 0);
    no_leftovers();
}
END_TEST

START_TEST(a_target_with_something_in_it_is_refused) {
    whole_vault();
    put_target("x", "x");
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_TARGET);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_USAGE);
    ck_assert(!exists("d"));
}
END_TEST

START_TEST(never_leaves_what_is_there) {
    whole_vault();
    put_target("large", "mine");
    ck_assert_int_eq(restore(EXISTING_NEVER, NULL, 0, 0), 0);
    is_content("large", (const uint8_t *)"mine", 4);
    is_content("d/small", small + 100, 4500);
    ck_assert_uint_eq(res.skipped, 1);
}
END_TEST

START_TEST(always_and_if_different_replace_what_differs) {
    whole_vault();
    for (int existing = EXISTING_IF_DIFFERENT; existing <= EXISTING_ALWAYS; existing++) {
        put_target("large", "mine");
        put_target("d", "a file where a directory belongs");
        ck_assert_msg(restore((enum restore_existing)existing, NULL, 0, 0) == 0, "%s: %s", e.object, e.msg);
        ck_assert_str_eq(told, "");
        check_all();
        ck_assert_int_eq(restore((enum restore_existing)existing, NULL, 0, 0), 0);
        check_all();
        if (existing == EXISTING_IF_DIFFERENT) ck_assert_uint_ge(res.already, 6);
        char command[256];
        snprintf(command, sizeof command, "rm -r %s", target);
        ck_assert_int_eq(system(command), 0);
    }
    no_leftovers();
}
END_TEST

START_TEST(chosen_paths_come_with_the_directories_above_them_and_no_others) {
    char *paths[] = {(char *)(uintptr_t) "/d/small", (char *)(uintptr_t) "sub/"};
    whole_vault();
    ck_assert_msg(restore(EXISTING_REFUSE, paths, 2, 0) == 0, "%s: %s", e.object, e.msg);
    is_content("d/small", small + 100, 4500);
    is_content("sub/dir/deep", small + 1, 1);
    ck_assert_uint_eq(stat_of("d").st_mode, S_IFDIR | 0750);
    ck_assert(!exists("d/sparse") && !exists("large") && !exists("hard1"));
}
END_TEST

START_TEST(a_path_that_is_not_there_is_told_before_anything_is_made) {
    char *paths[] = {(char *)(uintptr_t) "/d/small", (char *)(uintptr_t) "/d/nothing"};
    whole_vault();
    ck_assert_int_lt(restore(EXISTING_REFUSE, paths, 2, 0), 0);
    ck_assert_int_eq(e.id, ZE_NOPATH);
    ck_assert(!exists("d"));
}
END_TEST

START_TEST(strip_leaves_out_leading_components) {
    char *paths[] = {(char *)(uintptr_t) "/sub"};
    whole_vault();
    ck_assert_int_eq(restore(EXISTING_REFUSE, paths, 1, 2), 0);
    is_content("deep", small + 1, 1);
    ck_assert(!exists("sub"));
}
END_TEST

START_TEST(a_flipped_bit_costs_the_files_it_is_in_and_names_them) {
    whole_vault();
    spoil(2, 2000); /* in the first segment of the data pack: the small files */
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DAMAGE);
    ck_assert_str_eq(e.object, "d/small");
    ck_assert_ptr_nonnull(strstr(e.msg, "00000002"));
    ck_assert_ptr_nonnull(strstr(told, "d/small: "));
    ck_assert_ptr_nonnull(strstr(told, "hard2: "));
    ck_assert(!exists("d/small") && !exists("hard1") && !exists("hard2"));
    is_content("large", large, sizeof large); /* everything else is there */
    ck_assert(exists("ln") && exists("d/hole"));
    ck_assert_uint_eq(stat_of("d").st_mode, S_IFDIR | 0750);
    no_leftovers();
}
END_TEST

START_TEST(a_spoiled_or_missing_pack_is_an_error_that_names_it) {
    char path[256], gen[33];
    whole_vault();
    spoil(2, -60); /* its index */
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert_ptr_nonnull(strstr(e.msg, "00000002.00"));
    text_hex(gen, generation, SEAL_ID);
    snprintf(path, sizeof path, "%s/store/hosts/web/packs/%s/00000002.00", dir, gen);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_lt(restore(EXISTING_ALWAYS, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_MISSING);
    ck_assert_ptr_nonnull(strstr(e.msg, "pack 00000002"));
    no_leftovers();
}
END_TEST

/* faults: B10 G3 */
START_TEST(a_damaged_extent_page_costs_that_file_only) {
    whole_vault();
    spoil_segment(1, 1); /* the second of its three, which come first in the meta pack */
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DAMAGE);
    ck_assert_str_eq(e.object, "large");
    ck_assert_ptr_nonnull(strstr(told, "large: "));
    ck_assert_ptr_nonnull(strstr(told, "00000001"));
    ck_assert_uint_eq(res.missed, 1);
    is_content("d/small", small + 100, 4500);
    is_content("sub/dir/deep", small + 1, 1);
    ck_assert(!exists("large"));
    no_leftovers();
}
END_TEST

START_TEST(content_that_does_not_match_its_digest_never_gets_its_name) {
    struct extent x = {.len = 10};
    struct entry en = {.type = ENT_FILE, .size = 10, .block_shift = 12, .extents = &x, .extents_n = 1};
    vault_begin();
    x.addr = put_segment(SEG_PACKED, "0123456789", 10);
    digest(&en, (const uint8_t *)"012345678X", &x, 1);
    add(&en, "f");
    vault_end();
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert(!exists("f"));
    no_leftovers();
}
END_TEST

START_TEST(an_extent_past_the_end_of_its_segment_is_damage) {
    struct extent x = {.len = 11};
    struct entry en = {.type = ENT_FILE, .size = 11, .block_shift = 12, .extents = &x, .extents_n = 1};
    vault_begin();
    x.addr = put_segment(SEG_PACKED, "0123456789", 10);
    digest(&en, (const uint8_t *)"0123456789\0", &x, 1);
    add(&en, "f");
    vault_end();
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    ck_assert(!exists("f"));
}
END_TEST

START_TEST(a_link_in_the_place_of_a_directory_leads_nowhere) {
    struct entry ln = {.type = ENT_LINK, .mode = 0777, .target = (const uint8_t *)"..", .target_len = 2};
    char outside[128];
    vault_begin();
    content(small, sizeof small, 1);
    data_at = put_segment(SEG_PACKED, small, sizeof small);
    add(&ln, "a");
    add_small("a/evil", 0, 0, 10);
    add_small("z", 0, 0, 10);
    vault_end();
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_uint_eq(res.missed, 1);
    ck_assert_ptr_nonnull(strstr(told, "a/evil: "));
    snprintf(outside, sizeof outside, "%s/evil", dir);
    ck_assert_int_ne(access(outside, F_OK), 0);
    is_content("z", small, 10);
    no_leftovers();
}
END_TEST

START_TEST(a_wrong_kit_is_told_as_such) {
    char text[128] = "zbk-sec-";
    uint8_t other[SEAL_KEY];
    whole_vault();
    seal_random(other, sizeof other);
    b64_encode(text + 8, sizeof text - 8, other, sizeof other);
    write_file("kit", text, strlen(text));
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_WRONGKEY);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DENIED);
    write_file("kit", "nothing\n", 8);
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(e.id, ZE_CONFIG);
    ck_assert(!exists("d"));
}
END_TEST

START_TEST(records_that_cannot_be_read_cost_only_themselves) {
    whole_vault();
    write_file("store/hosts/web/log/0000000000000003", "rubbish", 7);
    ck_assert_int_eq(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    check_all();
}
END_TEST

/* ---- walking a tree of pages ---- */

enum { TREE_ENTRIES = 3000, PER_PAGE = 9, LEVELS = 4 };

static char tree_path[TREE_ENTRIES][16];
static struct page_writer tree_page[LEVELS];
static uint32_t page_slots[TREE_ENTRIES], pages; /* of the leaf pages */

static void tree_name(char out[16], unsigned i) { snprintf(out, 16, "d%02u/%02u/f%u", i / 250, i / 10 % 25, i % 10); }

/* Store the page of this level and note it in the one above. */
static void page_close(unsigned level, bool last) {
    struct page_writer *w = &tree_page[level];
    struct buf b;
    buf_init(&b, ZB_SEGMENT_MAX);
    if (w->count == 0) return;
    ck_assert_int_eq(page_finish(w, &b, &e), 0);
    struct seg_addr a = put_segment(SEG_PAGE, b.p, (uint32_t)b.len);
    if (level == 0) page_slots[pages++] = a.slot;
    buf_free(&b);
    if (last && level == LEVELS - 1) {
        root.top = a, root.level = LEVELS - 1;
        return;
    }
    ck_assert_int_eq(page_add_ref(&tree_page[level + 1], w->first.p, w->first.len, a, w->entries, &e), 0);
    page_writer_reset(w);
    if (!last && tree_page[level + 1].count == PER_PAGE && level + 1 < LEVELS - 1) page_close(level + 1, false);
}

static void tree_vault(void) {
    pages = 0;
    vault_begin();
    for (unsigned level = 0; level < LEVELS; level++) page_writer_init(&tree_page[level], (uint8_t)level);
    for (unsigned i = 0; i < TREE_ENTRIES; i++) {
        tree_name(tree_path[i], i);
        struct entry en = {.path = (const uint8_t *)tree_path[i], .path_len = strlen(tree_path[i]), .type = ENT_FIFO};
        ck_assert_int_eq(page_add_entry(&tree_page[0], &en, &e), 0);
        if (tree_page[0].count == PER_PAGE) page_close(0, false);
    }
    for (unsigned level = 0; level < LEVELS; level++) page_close(level, true);
    for (unsigned level = 0; level < LEVELS; level++) page_writer_free(&tree_page[level]);
}

/* Walk from ${first} (NULL: the beginning): exactly the entries from number ${from} on must come. */
static void walk_from(struct source *s, const struct opened *o, const char *first, unsigned from) {
    struct manifest_walk *w = manifest_walk_new(s->fetch, o->keys, &o->root, first, first ? strlen(first) : 0);
    struct entry en;
    for (unsigned i = from; i < TREE_ENTRIES; i++) {
        ck_assert_msg(manifest_walk_next(w, &en, &e) == 1, "%u: %s", i, e.msg);
        ck_assert_msg(en.path_len == strlen(tree_path[i]) && memcmp(en.path, tree_path[i], en.path_len) == 0, "%u", i);
    }
    ck_assert_int_eq(manifest_walk_next(w, &en, &e), 0);
    manifest_walk_free(w);
}

START_TEST(a_walk_gives_every_entry_in_order_from_any_place) {
    struct source_options from = {.dir = dir, .host = "web", .kit = kit};
    static struct source s;
    struct opened o;
    char name[32];
    tree_vault();
    vault_end();
    ck_assert_int_eq(source_open(&s, &from, &e), 0);
    ck_assert_int_eq(point_open(&s, "1", &o, &e), 0);
    walk_from(&s, &o, NULL, 0);
    walk_from(&s, &o, "", 0);
    walk_from(&s, &o, "z", TREE_ENTRIES);
    for (unsigned i = 0; i < TREE_ENTRIES; i += 97) {
        walk_from(&s, &o, tree_path[i], i);
        strcat(strcpy(name, tree_path[i]), "!"); /* between this one and the next */
        walk_from(&s, &o, name, i + 1);
    }
    point_close(&o);
    source_close(&s);
}
END_TEST

static uint32_t leaf_slot(unsigned i) { return page_slots[i / PER_PAGE]; }

/* faults: B10 B13 */
START_TEST(a_damaged_page_of_the_manifest_costs_what_it_lists) {
    char first[128];
    tree_vault();
    vault_end();
    spoil_segment(1, leaf_slot(1500));
    ck_assert_int_lt(restore(EXISTING_REFUSE, NULL, 0, 0), 0);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DAMAGE);
    ck_assert_uint_eq(res.missed, PER_PAGE);
    ck_assert_uint_eq(res.others, TREE_ENTRIES - PER_PAGE);
    snprintf(first, sizeof first, "%s: %d entries", tree_path[1500 / PER_PAGE * PER_PAGE], PER_PAGE);
    ck_assert_msg(strncmp(told, first, strlen(first)) == 0, "%s instead of %s", told, first);
    for (unsigned i = 0; i < TREE_ENTRIES; i++)
        ck_assert_msg(exists(tree_path[i]) == (i / PER_PAGE != 1500 / PER_PAGE), "%s", tree_path[i]);
    ck_assert(!exists(".zaibei-restore"));
}
END_TEST

START_TEST(damage_elsewhere_does_not_touch_a_path_that_is_asked_for) {
    char *one[] = {tree_path[10 * PER_PAGE]}, *lost[] = {tree_path[1500]};
    tree_vault();
    vault_end();
    spoil_segment(1, leaf_slot(1500));
    spoil_segment(1, leaf_slot(11 * PER_PAGE)); /* the next one */
    ck_assert_int_eq(restore(EXISTING_REFUSE, one, 1, 0), 0);
    ck_assert(exists(one[0]) && *told == 0);
    ck_assert_int_lt(restore(EXISTING_ALWAYS, lost, 1, 0), 0);
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_DAMAGE);
}
END_TEST

/* faults: G12 */
START_TEST(one_path_of_many_costs_a_page_of_each_level) {
    char *one[] = {tree_path[1234]};
    tree_vault();
    vault_end();
    ck_assert_int_eq(restore(EXISTING_REFUSE, one, 1, 0), 0);
    ck_assert(exists(one[0]));
    ck_assert_uint_eq(res.others, 1);
    ck_assert_uint_le(fetched.segments, 2 * LEVELS); /* and neighbours, where directories above have no entry */
}
END_TEST

START_TEST(a_page_that_stands_twice_in_a_tree_is_damage) {
    struct source_options from = {.dir = dir, .host = "web", .kit = kit};
    static struct source s;
    struct opened o;
    struct entry en;
    struct page_writer top;
    struct buf b;
    vault_begin();
    add(&(struct entry){.type = ENT_FIFO}, "a");
    buf_init(&b, ZB_SEGMENT_MAX);
    page_writer_init(&top, 1);
    ck_assert_int_eq(page_finish(&page, &b, &e), 0);
    struct seg_addr leaf = put_segment(SEG_PAGE, b.p, (uint32_t)b.len);
    ck_assert_int_eq(page_add_ref(&top, (const uint8_t *)"a", 1, leaf, 1, &e), 0);
    ck_assert_int_eq(page_add_ref(&top, (const uint8_t *)"b", 1, leaf, 1, &e), 0);
    ck_assert_int_eq(page_finish(&top, &b, &e), 0);
    root.top = put_segment(SEG_PAGE, b.p, (uint32_t)b.len), root.level = 1;
    page_writer_free(&top);
    buf_free(&b);
    vault_end();
    ck_assert_int_eq(source_open(&s, &from, &e), 0);
    ck_assert_int_eq(point_open(&s, "1", &o, &e), 0);
    struct manifest_walk *w = manifest_walk_new(s.fetch, o.keys, &o.root, NULL, 0);
    ck_assert_int_eq(manifest_walk_next(w, &en, &e), 1);
    ck_assert_int_lt(manifest_walk_next(w, &en, &e), 0);
    ck_assert_int_eq(e.id, ZE_DAMAGED);
    manifest_walk_free(w);
    point_close(&o);
    source_close(&s);
}
END_TEST

START_TEST(points_are_chosen_by_number_age_and_time) {
    struct point p[3] = {{.number = 4, .time = 1700000000000000000}, {.number = 5, .time = 1700000100000000000},
        {.number = 9, .time = 1800000000000000000}}; /* 2023-11-14T22:13:20Z, T22:15:00Z, 2027-01-15T08:00:00Z */
    struct points all = {.p = p, .n = 3};
    ck_assert_ptr_eq(points_select(&all, "latest", &e), &p[2]);
    ck_assert_ptr_eq(points_select(&all, "latest~2", &e), &p[0]);
    ck_assert_ptr_eq(points_select(&all, "5", &e), &p[1]);
    ck_assert_ptr_eq(points_select(&all, "2027", &e), &p[2]);
    ck_assert_ptr_eq(points_select(&all, "2023-11-14T22:13", &e), &p[0]);
    ck_assert_ptr_null(points_select(&all, "2023-11-14", &e));
    ck_assert_int_eq(e.id, ZE_USAGE);
    ck_assert_ptr_null(points_select(&all, "latest~3", &e));
    ck_assert_int_eq(e.id, ZE_NOPOINT);
    ck_assert_ptr_null(points_select(&all, "6", &e));
    ck_assert_int_eq(err_exit(&e), ZB_EXIT_NOTFOUND);
    ck_assert_ptr_null(points_select(&all, "", &e));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("restore");
    TCase *t = tcase_create("restore");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, everything_comes_back_as_it_was);
    tcase_add_test(t, a_target_with_something_in_it_is_refused);
    tcase_add_test(t, never_leaves_what_is_there);
    tcase_add_test(t, always_and_if_different_replace_what_differs);
    tcase_add_test(t, chosen_paths_come_with_the_directories_above_them_and_no_others);
    tcase_add_test(t, a_path_that_is_not_there_is_told_before_anything_is_made);
    tcase_add_test(t, strip_leaves_out_leading_components);
    tcase_add_test(t, a_flipped_bit_costs_the_files_it_is_in_and_names_them);
    tcase_add_test(t, a_spoiled_or_missing_pack_is_an_error_that_names_it);
    tcase_add_test(t, content_that_does_not_match_its_digest_never_gets_its_name);
    tcase_add_test(t, an_extent_past_the_end_of_its_segment_is_damage);
    tcase_add_test(t, a_link_in_the_place_of_a_directory_leads_nowhere);
    tcase_add_test(t, a_wrong_kit_is_told_as_such);
    tcase_add_test(t, records_that_cannot_be_read_cost_only_themselves);
    tcase_add_test(t, a_walk_gives_every_entry_in_order_from_any_place);
    tcase_add_test(t, a_page_that_stands_twice_in_a_tree_is_damage);
    tcase_add_test(t, a_damaged_extent_page_costs_that_file_only);
    tcase_add_test(t, a_damaged_page_of_the_manifest_costs_what_it_lists);
    tcase_add_test(t, damage_elsewhere_does_not_touch_a_path_that_is_asked_for);
    tcase_add_test(t, one_path_of_many_costs_a_page_of_each_level);
    tcase_add_test(t, points_are_chosen_by_number_age_and_time);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
