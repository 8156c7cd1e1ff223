/* The barrier of a system point. Nobody freezes before everybody is ready, so that no host stays frozen while another
 * one is still called for; then the hosts freeze one rank after the other, the last to start first; and nobody walks
 * before everybody is frozen. So the walks of all hosts begin after the last freeze, and what they find is one cut
 * through the whole system.
 *
 * The vault's keeper and this daemon may be gone while hosts are frozen: nothing here thaws them, their own guards do.
 * A stage is written down before it is answered; an answer that is lost is asked for again. */
#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "systems.h"

/* Where the other hosts stand. */
struct standing {
    int64_t waiting, unfrozen, before; /* not ready yet; not frozen; not frozen although they come before this one */
    char gone[64];                     /* one whose job has ended, while not all are frozen */
};

static void look(struct db *d, const struct job *j, struct standing *s) {
    struct db_rows *r = db_query(d,
        "SELECT h.host, h.stage, h.rank > (SELECT rank FROM system_point_hosts WHERE job=?2), q.state "
        "FROM system_point_hosts h JOIN jobs q ON q.id=h.job WHERE h.system_point=?1",
        "ii", j->system_point, j->id);
    *s = (struct standing){.waiting = 0};
    while (db_next(r)) {
        int64_t stage = db_int(r, 1);
        const char *state = db_text(r, 3);
        s->waiting += stage < BARRIER_READY;
        s->unfrozen += stage < BARRIER_FROZEN;
        s->before += stage < BARRIER_FROZEN && db_int(r, 2);
        if (strcmp(state, "queued") != 0 && strcmp(state, "running") != 0)
            snprintf(s->gone, sizeof s->gone, "%s", db_text(r, 0));
    }
    db_done(r);
}

int barrier_pause_s(struct db *d, const struct job *j) {
    struct db_rows *r = db_query(
        d, "SELECT count(*), sum(stage=0) FROM system_point_hosts WHERE system_point=?", "i", j->system_point);
    int64_t hosts = db_next(r) ? db_int(r, 0) : 0, waiting = hosts ? db_int(r, 1) : 0;
    db_done(r);
    return waiting && hosts > BARRIER_HOSTS_A_SECOND ? (int)(hosts / BARRIER_HOSTS_A_SECOND) : 1;
}

int barrier_ask(struct daemon *d, const struct job *j, enum barrier_stage stage, struct err *e) {
    struct standing s;
    int64_t now = daemon_now(d);
    if (j->cancel) return err_set(e, ZE_CANCELLED, j->host, _("the job was cancelled"));
    db_exec(d->db, "UPDATE system_point_hosts SET stage=max(stage,?) WHERE job=?", "ii", (int64_t)stage, j->id);
    struct db_rows *r =
        db_query(d->db, "SELECT frozen_ns,until_ns FROM system_points WHERE id=?", "i", j->system_point);
    bool known = db_next(r), frozen = known && db_int(r, 0), late = known && db_int(r, 1) <= now;
    db_done(r);
    if (!known) return err_set(e, ZE_NOTFOUND, j->host, _("no such system point"));
    if (frozen) return 1;
    look(d->db, j, &s);
    if (*s.gone) return err_set(e, ZE_BARRIER, s.gone, _("its job has ended before all were frozen"));
    if (late) return err_set(e, ZE_BARRIER, j->host, _("the others were not there in time"));
    if (stage == BARRIER_READY) return !s.waiting && !s.before;
    if (s.unfrozen) return 0;
    db_exec(d->db, "UPDATE system_points SET frozen_ns=? WHERE id=?", "ii", now, j->system_point);
    return 1;
}
