/* A clock may be moved by whoever owns the machine's NTP, and time is what lets protection end. Within one boot the
 * realtime clock and the uptime must advance alike, counted from the boot's first reading, so that small steps add up. Across boots only two things can be told: that it went back, and that it
 * went forward further than a vault is ever left alone. The jump's record comes before the note that forgets it: if
 * interrupted between, the next look finds the same jump again and logs it twice, which one confirm answers. */
#include "clockwatch.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "reserve.h"
#include "sys/file.h"

enum { SLACK_S = 300, ABSENT_DAYS = 30, NOTE_S = 60, TRIES = 16 };
#define NOTE "keeper/clock"

struct clock_reading clock_read(struct clock *c) {
    struct clock_reading r = {.real = c->now_ns(c), .boot = clock_boot_ns(c)};
    r.offset = r.real - r.boot;
    snprintf(r.boot_id, sizeof r.boot_id, "%s", clock_boot_id(c));
    return r;
}

const char *clock_jumped(const struct clock_reading *was, const struct clock_reading *is) {
    if (!was->real) return N_("what the clock said last is not known");
    int64_t slack = SLACK_S * NS_PER_S, moved = is->real - was->real;
    if (strcmp(was->boot_id, is->boot_id) == 0) {
        int64_t off = is->offset - was->offset;
        if (off > slack) return N_("the clock was put forward");
        return off < -slack ? N_("the clock was put back") : NULL;
    }
    if (moved < -slack) return N_("the clock is behind where it was before the machine started");
    return moved > ABSENT_DAYS * NS_PER_DAY ? N_("more than 30 days have passed while the vault was not running")
                                            : NULL;
}

/* 1 when there is one, 0 when not, and one that is not understood says nothing at all: zeros. */
static int note_load(struct vault *v, struct clock_reading *r, struct err *e) {
    struct buf b;
    long long real, boot, offset;
    *r = (struct clock_reading){.boot_id = "?"};
    buf_init(&b, 512);
    int rc = file_load(v->fd, NOTE, 256, &b, e);
    buf_u8(&b, 0);
    if (rc == 0 && buf_ok(&b) &&
        sscanf((const char *)b.p, "real %lld\nboot %lld\noffset %lld\nboot_id %63s", &real, &boot, &offset,
            r->boot_id) >= 3)
        r->real = real, r->boot = boot, r->offset = offset;
    buf_free(&b);
    if (rc == 0) return 1;
    return e->id == ZE_NOTFOUND ? 0 : -1;
}

static int note_save(struct vault *v, const struct clock_reading *r, struct err *e) {
    char text[256];
    int n = snprintf(text, sizeof text, "real %lld\nboot %lld\noffset %lld\nboot_id %s\n", (long long)r->real,
        (long long)r->boot, (long long)r->offset, r->boot_id);
    int rc = file_replace(v->fd, NOTE, text, (size_t)n, 0640, e);
    /* A full disk must not keep anybody from removing. */
    while (rc < 0 && e->id == ZE_NOSPACE && reserve_release(v, RESERVE_FOR_RECORD))
        rc = file_replace(v->fd, NOTE, text, (size_t)n, 0640, e);
    return rc;
}

static int jump_log(struct vault *v, const char *why, const struct clock_reading *is, struct err *e) {
    struct record r = {.type = REC_TIME, .time_mark = {.clock = is->real}};
    snprintf(r.time_mark.why, sizeof r.time_mark.why, "%s", why);
    int rc = vaultlog_refresh(v, e) < 0 ? -1 : 1;
    for (unsigned i = 0; rc == 1 && i < TRIES; i++) rc = vaultlog_append(v, &r, e);
    return rc == 1 ? err_set(e, ZE_BUSY, "log", _("others write to the vault's log all the time")) : rc;
}

int clockwatch(struct vault *v, struct clock_reading *last, struct err *e) {
    struct clock_reading is = clock_read(v->clock), was = *last;
    int known = was.real ? 1 : note_load(v, &was, e);
    if (known < 0) return -1;
    const char *why = known ? clock_jumped(&was, &is) : NULL;
    if (why && jump_log(v, why, &is, e) < 0) return -1;
    if (known && !why && strcmp(was.boot_id, is.boot_id) == 0) is.offset = was.offset;
    /* If interrupted here, the note still has the time before the jump. */
    if (last->real && !why && is.boot - was.boot < NOTE_S * NS_PER_S) return 0;
    *last = is;
    return note_save(v, &is, e);
}
