/**
 * Telling people: a thread of its own, so that a slow server holds up nothing but other messages. Each second it turns new
 * notices into deliveries and sends what is due; each minute it looks at what lasts (silent hosts, missed objectives, the vault's
 * state) and fetches the heartbeat, if the scheduler has worked since.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "daemon.h"
#include "outbox.h"

struct notifier;

/** notify_start(d, e): run it; notify_stop waits for the message under way (at most 30 s). */
struct notifier *notify_start(struct daemon *d, struct err *e) MUST_CHECK;
void notify_stop(struct notifier *n); /* NULL is fine */

/** notify_step(d, e): one second's work without the thread: everything that is due. notify_watch: one minute's look, of which
 * ${vault} asks the vault and may block. */
int notify_step(struct daemon *d, struct err *e) MUST_CHECK;
int notify_watch(struct daemon *d, bool vault, struct err *e) MUST_CHECK;

/** notify_try(d, channel, delivery, to, n, e): give one notice to one channel now; ${to}: mail addresses separated by commas instead of
 * the channel's, or NULL. The signature of a webhook is in the header
 *
 *     Zaibei-Signature: t=SECONDS,id=DELIVERY,v1=HEX      HMAC-SHA256 with the secret file's bytes over "SECONDS.DELIVERY." and the body
 */
int notify_try(struct daemon *d, const struct channel *ch, int64_t delivery, const char *to, const struct notice *n,
    struct err *e) MUST_CHECK;

#endif
