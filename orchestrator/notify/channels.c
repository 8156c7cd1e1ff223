/* Reading the channels. Addresses and URLs are checked here, so that nothing in them can become a second header or a second
 * command on its way. */
#include "notify/channels.h"

#include <string.h>

#include "base/i18n.h"
#include "base/text.h"

enum { TEXT_MAX = 500, ADDRESS_MAX = 254 };

/* Printable ASCII without spaces and what quotes or separates in a header. */
static bool plain(const char *s) {
    size_t n = strlen(s);
    for (const char *p = s; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || strchr("<>\"\\,;()", *p)) return false;
    return n && n <= TEXT_MAX;
}

bool channel_address_ok(const char *s) {
    const char *sign = strrchr(s, '@');
    return sign && sign != s && sign[1] && plain(s) && strlen(s) <= ADDRESS_MAX;
}

static int address(const struct yaml_node *at, const char *s, struct err *e) {
    return channel_address_ok(s) ? 0 : yaml_fail(at, e, _("expected a mail address, found \"%.80s\""), s);
}

static int url(
    const struct yaml_node *map, const char *key, const char *a, const char *b, const char **out, struct err *e) {
    if (yaml_str_or(map, key, NULL, out, e) < 0) return -1;
    if (!*out || (plain(*out) && (!strncmp(*out, a, strlen(a)) || !strncmp(*out, b, strlen(b))))) return 0;
    return yaml_fail(yaml_get(map, key), e, _("expected %s… or %s…, found \"%.80s\""), a, b, *out);
}

static int read_mail(const struct yaml_node *map, struct channel *ch, struct err *e) {
    int language;
    if (yaml_keys(map, "mail server from tls ca_file user password_file language", e) < 0 ||
        url(map, "server", "smtp://", "smtps://", &ch->server, e) < 0 || yaml_str(map, "from", &ch->from, e) < 0 ||
        yaml_choice(map, "tls", "required opportunistic none", 0, &ch->tls, e) < 0 ||
        yaml_choice(map, "language", "both zh en", 0, &language, e) < 0 ||
        yaml_str_or(map, "user", NULL, &ch->user, e) < 0 ||
        yaml_str_or(map, "password_file", NULL, &ch->password_file, e) < 0)
        return -1;
    ch->language = (enum language)language;
    if (!ch->server) return yaml_fail(map, e, _("the key \"%s\" is missing"), "server");
    for (const struct yaml_node *it = yaml_first(ch->mail); it; it = yaml_next(ch->mail, it))
        if (address(it, it->text, e) < 0) return -1;
    return address(yaml_get(map, "from"), ch->from, e);
}

static int read_channel(const struct yaml_node *map, struct channel *ch, struct err *e) {
    *ch = (struct channel){.name = map->key};
    if (map->kind != YAML_MAP) return yaml_fail(map, e, _("expected a map"));
    if (!text_name_ok(map->key))
        return yaml_fail(map, e, _("expected a name of a-z, 0-9 and -, found \"%.80s\""), map->key);
    if (yaml_list(map, "mail", &ch->mail, e) < 0 || yaml_str_or(map, "ca_file", NULL, &ch->ca_file, e) < 0) return -1;
    if (yaml_first(ch->mail)) return read_mail(map, ch, e);
    ch->mail = NULL;
    if (yaml_keys(map, "webhook secret_file ca_file", e) < 0 ||
        url(map, "webhook", "https://", "http://", &ch->webhook, e) < 0 ||
        yaml_str_or(map, "secret_file", NULL, &ch->secret_file, e) < 0)
        return -1;
    return ch->webhook ? 0 : yaml_fail(map, e, _("expected mail or webhook"));
}

static int read_rule(const struct notify_config *c, const struct yaml_node *map, struct rule *r, struct err *e) {
    int severity, to;
    if (yaml_keys(map, "severity kinds departments channels to", e) < 0 ||
        yaml_choice(map, "to", "channel contacts", 0, &to, e) < 0 ||
        yaml_choice(map, "severity", "info warning alarm", SEV_WARNING, &severity, e) < 0 ||
        yaml_list(map, "kinds", &r->kinds, e) < 0 || yaml_list(map, "departments", &r->departments, e) < 0 ||
        yaml_list(map, "channels", &r->channels, e) < 0)
        return -1;
    r->severity = (enum severity)severity;
    r->contacts = to;
    for (const struct yaml_node *it = yaml_first(r->kinds); it; it = yaml_next(r->kinds, it)) {
        bool known = false;
        for (size_t i = 0; notice_kinds(i); i++) known = known || notice_matches(notice_kinds(i)->name, it->text);
        if (!known) return yaml_fail(it, e, _("no kind of notice has this name: \"%.80s\""), it->text);
    }
    for (const struct yaml_node *it = yaml_first(r->channels); it; it = yaml_next(r->channels, it))
        if (!channel_of(c, it->text)) return yaml_fail(it, e, _("there is no such channel: \"%.80s\""), it->text);
    return 0;
}

int channels_read(const struct yaml_node *node, int64_t call_in_s, struct notify_config *c, struct err *e) {
    *c = (struct notify_config){.place = "zaibeid", .silent_after_s = 3 * call_in_s};
    if (!node) return 0;
    const struct yaml_node *list = yaml_get(node, "channels"), *rules = yaml_get(node, "rules");
    if (yaml_keys(node, "place heartbeat silent_after_s channels rules", e) < 0 ||
        yaml_str_or(node, "place", "zaibeid", &c->place, e) < 0 ||
        url(node, "heartbeat", "https://", "http://", &c->heartbeat, e) < 0 ||
        yaml_int(node, "silent_after_s", 1, 30 * 86400, 3 * call_in_s, &c->silent_after_s, e) < 0)
        return -1;
    if (list && list->kind != YAML_MAP) return yaml_fail(list, e, _("expected a map"));
    for (const struct yaml_node *it = list ? list->child : NULL; it; it = it->next) {
        if (c->channels_n == CHANNELS_MAX) return yaml_fail(it, e, _("more than %d channels"), CHANNELS_MAX);
        if (read_channel(it, &c->channel[c->channels_n++], e) < 0) return -1;
    }
    if (rules && rules->kind != YAML_LIST) return yaml_fail(rules, e, _("expected a list"));
    for (const struct yaml_node *it = rules ? rules->child : NULL; it; it = it->next) {
        if (c->rules_n == RULES_MAX) return yaml_fail(it, e, _("more than %d rules"), RULES_MAX);
        if (read_rule(c, it, &c->rule[c->rules_n++], e) < 0) return -1;
    }
    return 0;
}

const struct channel *channel_of(const struct notify_config *c, const char *name) {
    for (size_t i = 0; i < c->channels_n; i++)
        if (!strcmp(c->channel[i].name, name)) return &c->channel[i];
    return NULL;
}

/* An absent list stands for everything. */
static bool any(const struct yaml_node *list, const char *what, bool kinds) {
    if (!yaml_first(list)) return true;
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it))
        if (kinds ? notice_matches(what, it->text) : !strcmp(what, it->text)) return true;
    return false;
}

static bool chosen(
    const struct notify_config *c, const struct channel *ch, const struct notice *n, bool contacts) {
    for (size_t i = 0; i < c->rules_n; i++) {
        const struct rule *r = &c->rule[i];
        if (r->contacts == contacts && n->kind->severity >= r->severity && any(r->kinds, n->kind->name, true) &&
            any(r->departments, n->department, false) && any(r->channels, ch->name, false))
            return true;
    }
    return false;
}

bool channel_wants(const struct notify_config *c, const struct channel *ch, const struct notice *n) {
    return c->rules_n ? chosen(c, ch, n, false) : n->kind->severity >= SEV_WARNING;
}

bool channel_contacts(const struct notify_config *c, const struct channel *ch, const struct notice *n) {
    return ch->mail && chosen(c, ch, n, true);
}
