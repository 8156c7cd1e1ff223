/* Plans that were written to hurt: each is refused with a place, in bounded time and memory. Processor time is what this
 * process used, so a busy machine changes nothing; memory is the highest that it ever held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "plan/plan.h"
#include "suite.h"

/* What a document may cost. Sanitizers make everything several times as dear. */
#if defined(__SANITIZE_ADDRESS__)
enum { CPU_MS_MAX = 8000, GROWTH_KIB_MAX = 512 << 10 };
#else
enum { CPU_MS_MAX = 1500, GROWTH_KIB_MAX = 64 << 10 };
#endif
enum { MIB = 1 << 20 };

static char doc[20 * MIB + 1];
static size_t len;

static void begin(const char *s) { strcpy(doc, s), len = strlen(s); }

/* Append ${piece} until ${total} bytes are reached; %u in it counts. */
static void fill(const char *piece, size_t total) {
    for (unsigned i = 0; *piece && len + strlen(piece) + 12 < total; i++) len += (size_t)sprintf(doc + len, piece, i);
}

static long cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long peak_kib(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static void refused(const char *name, const char *msg) {
    struct plan p;
    struct err e = ERR_INIT;
    memset(&p, 0, sizeof p);
    long before = cpu_ms(), held = peak_kib();
    ck_assert_msg(plan_parse("hostile", doc, len, "UTC", &p, &e) < 0, "%s accepted", name);
    long ms = cpu_ms() - before, grown = peak_kib() - held;
    ck_assert_msg(e.id == ZE_CONFIG && !strncmp(e.object, "hostile:", 8), "%s: %s %s", name, e.object, e.msg);
    ck_assert_msg(strstr(e.msg, msg), "%s: %s %s", name, e.object, e.msg);
    ck_assert_msg(ms <= CPU_MS_MAX, "%s: %ld ms", name, ms);
    ck_assert_msg(grown <= GROWTH_KIB_MAX, "%s: %ld KiB", name, grown);
    if (getenv("ZAIBEI_KEEP")) printf("%s: %ld ms, %ld KiB: %s\n", name, ms, grown, e.msg);
}

#define LINES10 "\n\n\n\n\n\n\n\n\n\n"
#define LINES50 LINES10 LINES10 LINES10 LINES10 LINES10

/* Each is built from a head, a piece again and again up to a size, and a tail. */
static const struct {
    const char *name, *head, *piece;
    size_t size;
    const char *tail, *msg;
} large[] = {
    {"empty", "", "", 0, "", "the file is empty"},
    {"20 MB", "reason: ", "xxxxxxxx", 20 * MIB, "", "larger than 1 MiB"},
    {"deep lists", "a: ", "[", MIB, "", "too many values"},
    {"deep lists at the top", "", "[", 19000, "", "expected a list of \"key: value\" lines"},
    {"deep maps", "a: ", "{a: ", 60000, "", "nested too deeply"},
    {"deep dashes", "", "- ", MIB, "", "expected a list of \"key: value\" lines"},
    {"deep dashes in a map", "a:\n", " - ", MIB, "", "nested too deeply"},
    {"keys that are maps", "", "? ", MIB, "", "a key must be a word"},
    {"a long list as a key", "[", "a,", MIB, "]: x\n", "too many values"},
    {"a map as a key", "{", "a: b,", 90000, "}: x\n", ""},
    {"many keys", "", "k%u:\n", MIB, "", "too many keys"},
    {"many values", "hosts:\n", "- h%u\n", MIB, "", "too many values"},
    {"many values on a line", "hosts: [", "h%u,", MIB, "]\n", "too many values"},
    {"many hosts", "name: oa\nsystem: oa\nhosts: [", "h%u,", 40000, "]\n", "more than 1000 of them"},
    {"many hooks", "name: oa\nsystem: oa\nhosts: [a]\nhooks:\n  pre:\n", "  - {name: n%u}\n", 100000, "",
        "more than 64 of them"},
    {"long text", "name: oa\nsystem: oa\nhosts: [a]\nreason: ", "xxxxxxxx", MIB, "", "longer than 4000 bytes"},
    {"one word", "", "xxxxxxxx", MIB, "", "expected a list of"},
    {"text without end", "a: \"", "\\\\", MIB, "", "not YAML"},
    {"blank lines in a block", "a: |\n", "\n", MIB, " x\n", "too many blank lines"},
    {"blank lines in a text", "a: x", "\r", MIB, " x\n", "too many blank lines"},
    {"blank lines, as many as may be", "a: |", LINES50 LINES50 " x", MIB, "", "a: unknown key"},
    {"comments", "", "#", MIB, "", "the file is empty"},
    {"documents", "", "--- {}\n", 60000, "", "a second document"},
    {"directives", "", "%%TAG !e%u! tag:e,2000:\n", MIB, "", "directives (%) are not allowed"},
};

/* faults: H1 */
START_TEST(documents_that_are_too_much_are_refused_in_bounded_time_and_memory) { /* each in its own process */
    begin(large[_i].head), fill(large[_i].piece, large[_i].size);
    len += (size_t)sprintf(doc + len, "%s", large[_i].tail);
    refused(large[_i].name, large[_i].msg);
}
END_TEST

/* faults: H1 */
START_TEST(aliases_never_grow) {
    begin("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (unsigned i = 1; i < 20; i++) {
        len += (size_t)sprintf(doc + len, "a%u: &a%u [", i, i);
        for (unsigned k = 0; k < 9; k++) len += (size_t)sprintf(doc + len, "%s*a%u", k ? "," : "", i - 1);
        len += (size_t)sprintf(doc + len, "]\n");
    }
    refused("alias bomb", "anchors (&), aliases (*) and tags (!) are not allowed");
    begin("a: &a [*a]\n");
    refused("cycle", "anchors (&)");
    begin("<<: *a\n");
    refused("merge key", "anchors (&)");
    begin("a: !!python/object:x {}\n");
    refused("tag", "tags (!)");
    begin("%TAG ! tag:x,2000:\n---\na: !b c\n");
    refused("tag of its own", "directives (%)");
}
END_TEST

/* faults: H1 */
START_TEST(text_that_is_none_and_words_that_are_almost_right_are_refused) {
    static const struct {
        const char *text, *msg;
    } bad[] = {
        {"name: \xff\n", "not UTF-8"},
        {"name: \xc0\xaf\n", "not UTF-8"},
        {"name: \xed\xa0\x80\n", "not UTF-8"},
        {"name: \"\\x07\"\n", "control character"},
        {"name: \"\\e[2J\"\n", "control character"},
        {"\"na\\x1bme\": a\n", "control character"},
        {"name: \"\\uD800\"\n", ""},
        {"name: \"a\\0b\"\n", "NUL"},
        {"name: \"\\u202Egpj\"\n", "control character"},
        {"\tname: a\n", ""},
        {"name:\n\t- a\n", ""},
        {"name: a\nname: b\n", "stands here twice"},
        {"\"name\": a\n'name': b\n", "stands here twice"},
        {"name: a\nsystem: a\nhosts: [a]\nbackup: no\n", "expected false or true"},
        {"name: a\nsystem: a\nhosts: [a]\nbackup: False\n", "did you mean \"false\"?"},
        {"name: a\nsystem: a\nhosts: [a]\nretention_days: 0x10\n", "expected a number from 1 to 36500"},
        {"name: a\nsystem: a\nhosts: [a]\nretention_days: 1e3\n", "expected a number from 1 to 36500"},
        {"name: a\nsystem: a\nhosts: [a]\nretention_days: 99999999999999999999\n", "expected a number from 1 to 36500"},
        {"name: a\nsystem: a\nhosts: [a]\nretention_days: \"9\"\n", "expected a number from 1 to 36500"},
        {"name: a\nsystem: a\nhosts: [a]\nmethod: offlin\n",
            "expected offline or online, found \"offlin\"; did you mean \"offline\"?"},
        {"name: a\nsystem: a\nhosts: [a]\nresources: {kind: [x]}\n",
            "resources.kind: unknown key; did you mean \"kinds\"?"},
        {"name: a\nsystem: a\nhosts: [a]\nresources: {kinds: [databse]}\n", "did you mean \"database\"?"},
        {"name: a\nsystem: a\nhosts: [a]\nresources: [x]\n", "expected \"key: value\" lines"},
        {"name: a\nsystem: a\nhosts: [a]\nhooks: {pre: freeze}\n",
            "hooks.pre: expected a list of \"key: value\" lines"},
        {"name: a\nsystem: a\nhosts: [a]\nhooks: {pre: [freeze]}\n", "hooks.pre[0]: expected \"key: value\" lines"},
        {"name: a\nsystem: a\nhosts: [a]\nhooks: {pre: [{timeout: 5m}]}\n", "the key \"name\" is missing"},
        {"name: a\nsystem: a\nhosts: [a]\nhooks: {pre: [{name: f, command: rm}]}\n",
            "hooks.pre[0].command: unknown key"},
        {"name: a\nsystem: a\nhosts: [a]\nhooks: {pre: [{name: \"../x\"}]}\n", "expected a name of a-z, 0-9 and -"},
        {"name: a\nsystem: a\nhosts: [a]\nhooks: {post: [{name: f}, {name: f}]}\n", "\"f\" stands here twice"},
        {"name: a\nsystem: a\nhosts: [a]\ncontent: {commands: [{name: db, least: 5}]}\n",
            "expected a size such as 500 GiB"},
        {"name: a\nsystem: a\nhosts: [a]\nchange: {cpu: 2}\n",
            "change.cpu: expected more or less, such as +2 or -2, found \"2\""},
        {"name: a\nsystem: a\nhosts: [a]\nchange: {memory: +2}\n", "expected more or less, such as +8 GB or -8 GB"},
        {"name: a\nsystem: a\nhosts: [a]\noffline_place: user\nbackup: false\n", "expected method: offline beside it"},
        {"name: a\nsystem: a\nhosts: [a]\npriority: 10\n", "expected a number from 1 to 9"},
        {"name: a\nsystem: a\nhosts: [a]\nreview: {opinion: fine}\n", "review: unknown key"},
        {"name: a\nsystem: a\nhosts: [a]\nstamp: {office: x}\n", "stamp: unknown key"},
        {"name: a\nsystem: a\nhosts: [a]\ncancel: {keep_backups: maybe}\n", "expected false or true"},
        {"name: a\nsystem: a\nhosts: [a]\ncontent: {paths: [/a, /a]}\n", "\"/a\" stands here twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) begin(bad[i].text), refused(bad[i].text, bad[i].msg);
}
END_TEST

int main(void) {
    Suite *s = suite_create("hostile");
    TCase *t = tcase_create("hostile");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(
        t, documents_that_are_too_much_are_refused_in_bounded_time_and_memory, 0, sizeof large / sizeof *large);
    tcase_add_test(t, aliases_never_grow);
    tcase_add_test(t, text_that_is_none_and_words_that_are_almost_right_are_refused);
    suite_add_tcase(s, t);
    return suite_run(s);
}
