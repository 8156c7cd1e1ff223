/* What a plan says of a recovery is believed on the worst day, so it is judged when it is written: everything it names
 * exists, the order has no circle, and no expectation is one that nothing would meet too.
 *
 * Expectations are compiled by the C library, whose automata grow with the product of the repetitions and for which
 * back-references are slow without bound: both are limited before it sees them. */
#include "plan/recovery.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "plan/form.h"
#include "wrap/json.h"
#include "wrap/yaml.h"

enum { REPEATS_MAX = 1000, NIC_MAX = 15, USER_MAX = 32 };

/* "10.20.0.10/24" as bytes that are the same for the same address. */
static bool address_of(const char *s, uint8_t out[17]) {
    char text[64];
    const char *slash = strchr(s, '/');
    uint64_t bits;
    if (!slash || (size_t)(slash - s) >= sizeof text) return false;
    snprintf(text, sizeof text, "%.*s", (int)(slash - s), s);
    memset(out, 0, 17);
    bool v6 = strchr(text, ':');
    out[16] = v6;
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, out) == 1 && text_u64(slash + 1, v6 ? 128 : 32, &bits) && bits;
}

static bool nic_ok(const char *s) {
    size_t n = strlen(s);
    for (const char *c = s; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) return false;
    return n && n <= NIC_MAX && isalnum((unsigned char)*s);
}

/* Six bytes, of one card. */
static bool mac_ok(const char *s) {
    for (unsigned i = 0; i < 17; i++)
        if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i])) return false;
    return !s[17] && strchr("02468aceACE", s[1]);
}

static bool user_ok(const char *s) {
    for (const char *c = s; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) return false;
    return *s && *s != '-' && strlen(s) <= USER_MAX;
}

/* http://HOST[:PORT]/PATH; nothing but http can be fetched where there is no way out. */
static bool http_ok(const char *s) {
    if (strncmp(s, "http://", 7) != 0 || !s[7] || strchr("/:@", s[7])) return false;
    for (const char *c = s + 7; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7F || *c == '@') return false;
    return true;
}

/* The product of all greatest numbers of repetition is bounded, and nothing refers back. */
static bool cheap(const char *s) {
    uint64_t product = 1;
    for (; *s; s++) {
        if (*s == '\\' && isdigit((unsigned char)s[1])) return false;
        if (*s == '\\' && s[1]) s++;
        else if (*s == '{') {
            uint64_t most = 1;
            for (; s[1] && s[1] != '}'; s++) {
                uint64_t n = 0;
                for (; isdigit((unsigned char)s[1]) && n <= REPEATS_MAX; s++) n = n * 10 + (uint64_t)(s[1] - '0');
                if (n > most) most = n;
                if (!s[1] || s[1] == '}') break;
            }
            product *= most;
            if (product > REPEATS_MAX) return false;
        }
    }
    return true;
}

bool recovery_expect_ok(const char *s, const char **why) {
    regex_t re;
    if (strlen(s) > RECOVERY_EXPECT_MAX || !cheap(s))
        return *why = _("an expression that takes too long: fewer repetitions, and no back-references"), false;
    if (regcomp(&re, s, REG_EXTENDED | REG_NOSUB) != 0)
        return *why = _("not a POSIX extended regular expression"), false;
    bool empty = regexec(&re, "", 0, NULL, 0) == 0;
    regfree(&re);
    *why = empty ? _("it matches the empty text, so it would prove nothing") : NULL;
    return !empty;
}

/* ---- hosts ---- */

struct checking {
    const struct yaml_node *top, *hosts; /* hosts: recovery.hosts */
    bool done[RECOVERY_HOSTS_MAX];       /* by index: no circle is reached from here */
};

static const struct yaml_node *entry_of(const struct checking *c, const char *host) {
    for (const struct yaml_node *it = c->hosts ? c->hosts->child : NULL; it; it = it->next)
        if (!strcmp(yaml_get(it, "host")->text, host)) return it;
    return NULL;
}

static bool plan_names(const struct checking *c, const char *host) {
    const struct yaml_node *list = yaml_get(c->top, "hosts");
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it))
        if (!strcmp(it->text, host)) return true;
    return false;
}

/* The host at ${n} must have an entry of its own. */
static int check_known(const struct checking *c, const struct yaml_node *n, struct err *e) {
    char known[1200] = "", near[65];
    if (entry_of(c, n->text)) return 0;
    for (const struct yaml_node *it = c->hosts ? c->hosts->child : NULL; it; it = it->next)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s ", yaml_get(it, "host")->text);
    if (text_nearest(n->text, known, near))
        return yaml_fail(n, e, _("recovery.hosts has no entry for \"%s\"; did you mean \"%s\"?"), n->text, near);
    return yaml_fail(n, e, _("recovery.hosts has no entry for \"%s\""), n->text);
}

/* The text under ${key}, where it is given, by ${ok}. */
static int check_text(
    const struct yaml_node *map, const char *key, bool (*ok)(const char *), const char *expected, struct err *e) {
    const struct yaml_node *n = yaml_get(map, key);
    char found[100];
    if (!n || ok(n->text)) return 0;
    text_escape(found, sizeof found, n->text, strnlen(n->text, 60));
    return yaml_fail(n, e, _("expected %s, found \"%s\""), expected, found);
}

static bool absolute(const char *s) { return *s == '/' && s[1] && s[1] != ' '; }

/* No two have one address; the gateway has its own too. */
static int check_address(const struct checking *c, const struct yaml_node *n, struct err *e) {
    uint8_t mine[17], other[17];
    const struct yaml_node *gateway = yaml_get(yaml_get(c->top, "recovery"), "gateway");
    if (!address_of(n->text, mine))
        return yaml_fail(n, e, _("expected %s, found \"%s\""), _("an address such as 10.20.0.10/24"), n->text);
    if (gateway && gateway != n && address_of(gateway->text, other) && !memcmp(mine, other, sizeof mine))
        return yaml_fail(n, e, _("the gateway has this address"));
    for (const struct yaml_node *it = c->hosts ? c->hosts->child : NULL; it && n != gateway; it = it->next) {
        const struct yaml_node *o = yaml_get(it, "address");
        if (o == n) break;
        if (o && address_of(o->text, other) && !memcmp(mine, other, sizeof mine))
            return yaml_fail(n, e, _("\"%s\" has this address"), yaml_get(it, "host")->text);
    }
    return 0;
}

static int check_host(const struct checking *c, const struct yaml_node *map, struct err *e) {
    const struct yaml_node *host = yaml_get(map, "host"), *after = yaml_get(map, "after"),
                           *services = yaml_get(map, "services");
    if (!plan_names(c, host->text)) return yaml_fail(host, e, _("the plan names no host \"%s\""), host->text);
    if (check_address(c, yaml_get(map, "address"), e) < 0) return -1;
    if (check_text(map, "nic", nic_ok, _("the name of a network card such as ens192"), e) < 0) return -1;
    if (check_text(map, "mac", mac_ok, _("the address of one network card such as 52:54:00:20:00:10"), e) < 0)
        return -1;
    for (const struct yaml_node *it = yaml_first(after); it; it = yaml_next(after, it))
        if (check_known(c, it, e) < 0) return -1;
    for (const struct yaml_node *it = services ? services->child : NULL; it; it = it->next)
        if (check_text(it, "user", user_ok, _("the name of a user"), e) < 0 ||
            check_text(it, "start", absolute, _("a command that begins with an absolute path"), e) < 0)
            return -1;
    return 0;
}

/* Follow ${map}; each host is left behind once, so this ends soon. ${way}: the hosts that led here. */
static int follow(
    struct checking *c, const struct yaml_node *map, const struct yaml_node **way, size_t n, struct err *e) {
    const struct yaml_node *after = yaml_get(map, "after");
    if (c->done[map->index]) return 0;
    way[n++] = map;
    for (const struct yaml_node *it = yaml_first(after); it; it = yaml_next(after, it)) {
        const struct yaml_node *next = entry_of(c, it->text);
        char circle[900] = "";
        size_t from = 0;
        while (from < n && way[from] != next) from++;
        if (from == n && follow(c, next, way, n, e) < 0) return -1;
        if (from == n) continue;
        for (; from < n; from++)
            snprintf(
                circle + strlen(circle), sizeof circle - strlen(circle), "%s → ", yaml_get(way[from], "host")->text);
        return yaml_fail(it, e, _("a circle: %s%s"), circle, it->text);
    }
    c->done[map->index] = true;
    return 0;
}

/* ---- checks ---- */

static int check_check(const struct checking *c, const struct yaml_node *map, struct err *e) {
    const struct yaml_node *run = yaml_get(map, "run"), *http = yaml_get(map, "http"),
                           *expect = yaml_get(map, "expect");
    const struct yaml_node *status = yaml_get(map, "status"), *within = yaml_get(map, "within");
    const char *why;
    int64_t s;
    if (check_known(c, yaml_get(map, "host"), e) < 0) return -1;
    if (!run == !http) return yaml_fail(http ? http : map, e, _("expected either run or http"));
    if (status && !http) return yaml_fail(status, e, _("expected http beside it"));
    if (check_text(map, "http", http_ok, _("a page such as http://10.20.0.20/api/"), e) < 0) return -1;
    if (within && form_span(within->text, &s) && s > RECOVERY_WITHIN_MAX_S)
        return yaml_fail(within, e, _("at most %s"), "1h");
    return recovery_expect_ok(expect->text, &why) ? 0 : yaml_fail(expect, e, "%s", why);
}

int recovery_check(const struct yaml_node *top, bool backup, struct err *e) {
    const struct yaml_node *r = yaml_get(top, "recovery"), *every = yaml_get(r, "drill_every");
    const struct yaml_node *gateway = yaml_get(r, "gateway"), *checks = yaml_get(r, "checks"), *way[RECOVERY_HOSTS_MAX];
    struct checking c = {.top = top, .hosts = yaml_get(r, "hosts")};
    int64_t s;
    if (!r) return 0;
    if (!backup) return yaml_fail(r, e, _("expected backup: true beside it"));
    if (!c.hosts || !c.hosts->child) return yaml_fail(r, e, _("the key \"%s\" is missing"), "hosts");
    if (every && form_span(every->text, &s) && s > RECOVERY_DRILL_EVERY_MAX_S)
        return yaml_fail(every, e, _("at most %s"), "366d");
    if (gateway && check_address(&c, gateway, e) < 0) return -1;
    for (const struct yaml_node *it = c.hosts->child; it; it = it->next)
        if (check_host(&c, it, e) < 0) return -1;
    for (const struct yaml_node *it = c.hosts->child; it; it = it->next)
        if (follow(&c, it, way, 0, e) < 0) return -1;
    for (const struct yaml_node *it = checks ? checks->child : NULL; it; it = it->next)
        if (check_check(&c, it, e) < 0) return -1;
    return 0;
}
