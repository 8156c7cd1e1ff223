/**
 * Whom to tell, and how: the part `notify` of zaibeid.yaml. Secrets are in files beside it, never in it.
 *
 *   notify:
 *     place: kaifeng-dr                    which zaibeid speaks; by default the host's name
 *     heartbeat: https://watch.example/x   fetched every minute while the scheduler works: its silence is the alarm
 *     silent_after_s: 180                  a host that has not called in for so long is silent (three times call_in_s)
 *     channels:
 *       duty:
 *         mail: [duty@example, boss@example]
 *         server: smtp://mail.example:25   or smtps://
 *         from: zaibei@example
 *         tls: required                    required (default), opportunistic, none
 *         ca_file: /etc/zaibei/ca.pem      by default the system's
 *         user: zaibei
 *         password_file: /etc/zaibei/smtp.password
 *         language: both                   both, zh, en
 *       hook:
 *         webhook: https://ops.example/zaibei
 *         secret_file: /etc/zaibei/hook.secret    signs what is sent
 *     rules:                               who is told what; without any, every channel is told warnings and alarms
 *       - {severity: alarm, kinds: [job, host], departments: [市财政局], channels: [duty]}
 *       - {kinds: [job, host], to: contacts}    by mail, to the contacts of the plan that it is about
 */
#ifndef NOTIFY_CHANNELS_H
#define NOTIFY_CHANNELS_H

#include "notify/notice.h"
#include "wrap/yaml.h"

enum { CHANNELS_MAX = 32, RULES_MAX = 64 };

struct channel {
    const char *name;
    const struct yaml_node *mail; /* list of addresses; NULL: a webhook */
    const char *server, *from, *user, *password_file, *ca_file;
    int tls; /* 0 required, 1 opportunistic, 2 none */
    enum language language;
    const char *webhook, *secret_file;
};

struct rule {
    enum severity severity; /* this and above */
    const struct yaml_node *kinds, *departments, *channels;
    bool contacts; /* to the plan's, not the channel's */
};

struct notify_config {
    const char *place, *heartbeat;
    int64_t silent_after_s;
    size_t channels_n, rules_n;
    struct channel channel[CHANNELS_MAX];
    struct rule rule[RULES_MAX];
};

/** channels_read(node, call_in_s, c, e): ${node} may be NULL: nobody is told. Strings live with the document. ZE_CONFIG with
 * file:line:column. */
int channels_read(const struct yaml_node *node, int64_t call_in_s, struct notify_config *c, struct err *e) MUST_CHECK;

/** channel_wants(c, channel, notice): whether the rules send it there. channel_contacts: whether they send it by this mail channel to the
 * plan's contacts. channel_of: by name, NULL. */
bool channel_wants(const struct notify_config *c, const struct channel *ch, const struct notice *n);
bool channel_contacts(const struct notify_config *c, const struct channel *ch, const struct notice *n);
const struct channel *channel_of(const struct notify_config *c, const char *name);

/** channel_address_ok: a mail address in which nothing can become a second one, a header or a command. */
bool channel_address_ok(const char *s);

#endif
