/* The table, and what the operations share. Requests come from zaibeid, which may be stolen: every text is checked before
 * it is signed into a log. */
#include "acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"

act_run *act_find(const char *name) {
    static const struct {
        const char *name;
        act_run *run;
    } acts[] = {
        {"pin", act_pin},
        {"pins", act_pins},
        {"remove", act_remove},
        {"floor", act_floor},
        {"approvers", act_approvers},
        {"clock", act_clock},
        {"confirm", act_confirm},
        {"request", act_request},
        {"witness", act_witness},
        {"slots", act_slots},
        {"grant", act_grant},
        {"grants", act_grants},
    };
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i].name, name) == 0) return acts[i].run;
    return NULL;
}

int act_host_open(struct act_host *h, struct vault *v, const struct js *q, struct err *e) {
    const char *host = js_str(q, "host", "");
    *h = (struct act_host){.rights.floor_days = 0};
    int rc = log_open(&h->log, v, host, e);
    if (rc == 0 && !h->log.next) rc = err_set(e, ZE_NOTFOUND, host, _("no such host is enrolled here"));
    if (rc == 0 && rights_load(v, host, &h->rights, e) < 0) rc = e->id == ZE_NOTFOUND ? 0 : -1;
    if (rc < 0) log_free(&h->log);
    return rc;
}

void act_host_close(struct act_host *h) { log_free(&h->log); }

int act_text(const struct js *q, const char *key, bool needed, char *out, size_t cap, struct err *e) {
    const char *s = js_str(q, key, "");
    size_t n = strlen(s);
    if (needed && !n) return err_set(e, ZE_USAGE, key, _("it must be given"));
    if (n >= cap || !text_is_utf8(s, n)) return err_set(e, ZE_USAGE, key, _("one line of at most %zu bytes"), cap - 1);
    snprintf(out, cap, "%s", s);
    return 0;
}

static int point_cmp(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

int act_points_get(const struct js *q, struct act_points *p, struct err *e) {
    const struct js *list = js_get(q, "points");
    size_t n = js_count(list), kept = 0;
    if (!n || n > ACT_POINTS_MAX) return err_set(e, ZE_USAGE, "points", _("from 1 to %d at once"), ACT_POINTS_MAX);
    for (p->n = 0; p->n < n; p->n++) {
        int64_t point = js_number(js_at(list, p->n), 0);
        if (point < 1 || point > UINT32_MAX) return err_set(e, ZE_USAGE, "points", _("numbers of restore points"));
        p->point[p->n] = (uint32_t)point;
    }
    qsort(p->point, n, sizeof *p->point, point_cmp);
    for (size_t i = 0; i < n; i++)
        if (!i || p->point[i] != p->point[i - 1]) p->point[kept++] = p->point[i];
    p->n = kept;
    return 0;
}

void act_objects(struct buf *out, const char *host, const struct act_points *p) {
    char one[80];
    for (size_t i = 0; i < p->n; i++) {
        int n = snprintf(one, sizeof one, "%s%s/%u", i ? " " : "", host, p->point[i]);
        buf_put(out, one, (size_t)n);
    }
    buf_u8(out, 0);
}
