/* The order of a level 4: image, start, checks, host by host, then what the machines say about themselves.
 *
 * The checks are asked from the drill's own network, with the lost gateway's address: as a client of the system
 * would. While a check is waited for, every machine's output is taken in, so that none stands still and one that dies
 * is seen at once. What a machine reports is never proof that it is well; only a check can be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/i18n.h"
#include "base/text.h"
#include "machine.h"
#include "worker_levels.h"

#define MACHINES "/work/machines"
enum { STEP_MS = 250, START_S = 300, REPORT_S = 240, GRACE_S = 20, CONSOLE_LINES = 40 };

struct machines {
    struct worker *w;
    struct stage *st;
    struct machine *m[WORKER_HOSTS_MAX]; /* as the order's hosts; NULL: not tried */
    bool running[WORKER_HOSTS_MAX];
    struct phase start[WORKER_HOSTS_MAX];
    const char *egress[MACHINE_EGRESS_MAX];
    size_t egress_n;
    uint64_t memory, disk; /* taken so far */
};

static int64_t now_ms(const struct machines *s) { return s->w->clock->mono_ns(s->w->clock) / 1000000; }

static void console_tell(const struct machines *s, size_t i) {
    struct buf text;
    buf_init(&text, 32 << 10);
    machine_console(s->m[i], CONSOLE_LINES, &text);
    if (text.len && buf_ok(&text)) journal_console(s->w, s->w->q->host[i].host, (const char *)text.p, text.len);
    buf_free(&text);
}

/* Take in what all of them print; one that has ended is red, and is not waited for any more. */
static void watch(struct stage *st) {
    struct machines *s = st->arg;
    for (size_t i = 0; i < s->w->q->hosts; i++) {
        if (!s->running[i] || machine_alive(s->m[i])) continue;
        s->running[i] = false;
        const char *why = machine_look(s->m[i])->fail;
        stage_red(st, i, &s->start[i], *why ? _("the machine gave up: %s") : _("the machine ended by itself%s"), why);
        console_tell(s, i);
    }
}

/* What was changed on the way, each thing once. The machine's words are looked up, not passed on. */
static void adapted_tell(struct machines *s, size_t i) {
    static const struct {
        const char *word, *text;
    } known[] = {
        {"nic ", N_("the interface has its old name again: %s")},
        {"fstab ", N_("/etc/fstab emptied, its disks are gone; entries: %s")},
        {"crypttab ", N_("/etc/crypttab emptied; entries: %s")},
        {"nodes ", N_("device nodes made inside the machine: %s")},
        {"address ", N_("it asked for an address and got the old one: %s")},
    };
    const struct machine_report *r = machine_look(s->m[i]);
    const char *host = s->w->q->host[i].host;
    journal_adapted(s->w, host,
        _("one new disk; the tree's kernel %s is started without its boot loader and initramfs"),
        s->m[i]->version);
    for (size_t k = 0; k < r->adapted_n; k++)
        for (size_t n = 0; n < sizeof known / sizeof *known; n++)
            if (!strncmp(r->adapted[k], known[n].word, strlen(known[n].word)))
                journal_adapted(s->w, host, _(known[n].text), r->adapted[k] + strlen(known[n].word));
}

/* ---- one host ---- */

static int room_check(struct machines *s, const struct worker_host *h, struct err *e) {
    uint64_t most = s->w->q->memory;
    char need[24], have[24];
    s->memory += h->memory;
    if (!most || s->memory <= most) return 0;
    text_bytes(need, s->memory), text_bytes(have, most);
    return err_set(e, ZE_MACHINEROOM, h->host,
        _("the machines up to this one need %s of memory, the drill may take %s"), need, have);
}

static int image_make(struct machines *s, size_t i, struct err *e) {
    const struct worker_request *q = s->w->q;
    const struct worker_host *h = &q->host[i];
    char gateway[64];
    struct stat st;
    snprintf(
        gateway, sizeof gateway, "%.*s", q->gateway ? (int)strcspn(q->gateway, "/") : 0, q->gateway ? q->gateway : "");
    struct machine_request r = {.number = (unsigned)i,
        .host = h->host,
        .tree = h->tree,
        .dir = MACHINES,
        .address = h->address,
        .gateway = *gateway ? gateway : NULL,
        .nic = h->nic,
        .mac = h->mac,
        .memory = h->memory,
        .disk = q->disk,
        .accel = q->accel,
        .egress = s->egress,
        .egress_n = s->egress_n};
    if (!h->address) return err_set(e, ZE_USAGE, h->host, _("the plan gives it no address"));
    if (room_check(s, h, e) < 0) return -1;
    if (q->disk && s->disk >= q->disk)
        return err_set(e, ZE_MACHINEROOM, h->host, _("the other machines' disks took all of it"));
    if (q->disk) r.disk = q->disk - s->disk;
    s->m[i] = calloc(1, sizeof *s->m[i]);
    if (!s->m[i]) return err_set(e, ZE_NOMEM, h->host, "calloc");
    if (machine_prepare(s->m[i], &r, e) < 0) return -1;
    s->disk += stat(s->m[i]->image, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
    return 0;
}

static bool image_phase(struct machines *s, size_t i) {
    struct err e = ERR_INIT;
    struct stat st;
    struct phase p = phase_begin(s->w, s->w->q->host[i].host, "image", "");
    if (image_make(s, i, &e) < 0) {
        stage_red(s->st, i, &p, "%s: %s: %s", err_text(e.id), e.object, e.msg);
        return false;
    }
    struct js *more = js_object();
    js_set_int(more, "bytes", stat(s->m[i]->image, &st) == 0 ? (int64_t)st.st_blocks * 512 : 0);
    phase_ok(&p, more);
    return true;
}

/* Until its init has begun: from then on its checks can wait for it. */
static bool start_phase(struct machines *s, size_t i) {
    struct err e = ERR_INIT;
    int64_t end = now_ms(s) + START_S * 1000;
    s->start[i] = phase_begin(s->w, s->w->q->host[i].host, "start", "");
    s->running[i] = machine_start(s->m[i], &e) == 0;
    if (!s->running[i]) stage_red(s->st, i, &s->start[i], "%s: %s", err_text(e.id), e.msg);
    while (s->running[i] && machine_look(s->m[i])->stage < MACHINE_INIT && now_ms(s) < end)
        stage_step(s->st, NULL, STEP_MS);
    if (!s->running[i]) return false;
    bool good = machine_look(s->m[i])->stage >= MACHINE_INIT;
    if (good) phase_ok(&s->start[i], NULL);
    else stage_red(s->st, i, &s->start[i], _("its init did not begin within %d s"), START_S), console_tell(s, i);
    return good;
}

/* Commands of checks run in its restored tree, but here, in the drill's own network. */
static bool tree_open(struct machines *s, size_t i) {
    struct err e = ERR_INIT;
    if (host_open(s->w, &s->w->q->host[i], (unsigned)i, false, &s->st->space[i], &e) == 0) return true;
    struct phase p = phase_begin(s->w, s->w->q->host[i].host, "check", "");
    stage_red(s->st, i, &p, "%s", e.msg);
    return false;
}

/* Whether it can be tried at all. */
static bool ready(struct machines *s, size_t i) {
    const struct worker_request *q = s->w->q;
    const char *before = NULL;
    for (size_t k = 0; k < q->hosts; k++)
        if ((q->host[i].after >> k & 1) && q->host[k].red) before = q->host[k].host;
    if (q->host[i].restored && !before) return true;
    struct phase p = phase_begin(s->w, q->host[i].host, "start", "");
    stage_red(s->st, i, &p, before ? _("%s, which must be up before it, is not") : _("it was not restored"), before);
    return false;
}

static void host_run(struct machines *s, size_t i) {
    if (!ready(s, i) || !image_phase(s, i) || !start_phase(s, i) || !tree_open(s, i)) return;
    stage_checks(s->st, i);
    if (s->w->q->host[i].red && s->running[i]) console_tell(s, i);
}

/* ---- what they could reach ---- */

static int egress_judge(const struct machines *s, size_t i, struct err *e) {
    const struct machine_report *r = machine_look(s->m[i]);
    for (size_t k = 0; k < s->egress_n; k++)
        if (r->reached >> k & 1) return err_set(e, ZE_MACHINE, NULL, _("the machine reached %s"), s->egress[k]);
    for (size_t k = 0; k < s->egress_n; k++)
        if (!(r->denied >> k & 1))
            return err_set(e, ZE_MACHINE, NULL, _("the machine did not say whether it reached %s"), s->egress[k]);
    if (s->w->q->gateway && !r->wire)
        return err_set(e, ZE_MACHINE, NULL,
            _("the machine never reached its gateway, so that it reached nothing else shows nothing"));
    return 0;
}

static bool answered(const struct machines *s, size_t i) {
    const struct machine_report *r = machine_look(s->m[i]);
    return r->reached || (r->denied == (1u << s->egress_n) - 1 && (r->wire || !s->w->q->gateway));
}

static void egress_phase(struct machines *s, size_t i) {
    struct err e = ERR_INIT;
    const struct worker_host *h = &s->w->q->host[i];
    const struct machine_report *r = machine_look(s->m[i]);
    int64_t end = now_ms(s) + REPORT_S * 1000;
    struct phase p = phase_begin(s->w, h->host, "egress", "");
    while (s->running[i] && !answered(s, i) && now_ms(s) < end) stage_step(s->st, NULL, STEP_MS);
    /* What its init thinks of itself is for the record only. */
    end = now_ms(s) + GRACE_S * 1000;
    while (s->running[i] && r->stage < MACHINE_DONE && now_ms(s) < end) stage_step(s->st, NULL, STEP_MS);
    if (egress_judge(s, i, &e) < 0) phase_red(&p, NULL, "%s", e.msg);
    else phase_ok(&p, NULL);
    adapted_tell(s, i);
    for (size_t k = 0; k < r->failed_n; k++) journal_console(s->w, h->host, r->failed[k], strlen(r->failed[k]));
}

/* The machines know the older kind of addresses only. */
static void targets_set(struct machines *s) {
    for (size_t i = 0; i < s->w->q->egress_n && s->egress_n < MACHINE_EGRESS_MAX; i++)
        if (s->w->q->egress[i][0] != '[') s->egress[s->egress_n++] = s->w->q->egress[i];
}

static void machines_stop(struct machines *s) {
    for (size_t i = 0; i < s->w->q->hosts; i++)
        if (s->m[i]) machine_stop(s->m[i]), free(s->m[i]);
}

int worker_machines(struct worker *w, struct err *e) {
    size_t order[WORKER_HOSTS_MAX];
    struct stage st = {.w = w, .level = 4, .watch = watch};
    struct machines s = {.w = w, .st = &st};
    st.arg = &s;
    if (worker_order(w->q, order, e) < 0) return -1;
    if (mkdir(MACHINES, 0700) < 0) return err_sys(e, MACHINES, "mkdir");
    targets_set(&s);
    for (size_t i = 0; i < w->q->hosts; i++) host_run(&s, order[i]);
    stage_orphans(&st);
    for (size_t i = 0; i < w->q->hosts; i++)
        if (s.m[i] && s.m[i]->qemu.name[0]) egress_phase(&s, i);
    levels_egress(&st);
    machines_stop(&s);
    stage_free(&st);
    return 0;
}
