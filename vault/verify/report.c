/* Findings, summary and progress, as text or as JSON lines. Reporting never fails: without memory a finding is still
 * counted, and the exit code depends on counts only. The one clock here paces the progress line and decides nothing. */
#include "report.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"

static volatile sig_atomic_t asked;

static void on_usr1(int sig) {
    (void)sig;
    asked = 1;
}

void report_init(struct report *r, FILE *out, bool json, FILE *progress) {
    *r = (struct report){.out = out, .json = json, .progress = progress};
    r->tty = progress && !json && isatty(fileno(progress));
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_usr1, .sa_flags = SA_RESTART}, NULL);
}

static void findings_free(struct report *r) {
    for (size_t i = 0; i < r->n; i++) {
        free(r->list[i].object);
        free(r->list[i].what);
        free(r->list[i].points);
    }
    free(r->list);
    r->list = NULL;
    r->n = 0;
}

void report_free(struct report *r) { findings_free(r); }

static int finding_new(struct report *r, enum err_id id, const char *object, const char *what) {
    for (size_t i = r->n; i-- > (r->n > 8 ? r->n - 8 : 0);)
        if (r->list[i].id == id && strcmp(r->list[i].object, object) == 0 && strcmp(r->list[i].what, what) == 0)
            return (int)i;
    r->findings++;
    if (r->n >= FINDINGS_MAX) return r->uncounted++, -1;
    struct finding *more = realloc(r->list, (r->n + 1) * sizeof *more);
    if (!more) return r->uncounted++, -1;
    r->list = more;
    r->list[r->n] = (struct finding){.id = id, .object = strdup(object), .what = strdup(what)};
    if (!r->list[r->n].object || !r->list[r->n].what) {
        free(r->list[r->n].object);
        free(r->list[r->n].what);
        return r->uncounted++, -1;
    }
    return (int)r->n++;
}

int report_add(struct report *r, enum err_id id, const char *object, uint32_t point, const char *fmt, ...) {
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (r->worst != ZE_VAULTKEY) r->worst = id;
    int finding = finding_new(r, id, object, what);
    report_affects(r, finding, point);
    return finding;
}

int report_err(struct report *r, const struct err *e, uint32_t point) {
    return report_add(r, e->id, e->object, point, "%s", e->msg);
}

void report_affects(struct report *r, int finding, uint32_t point) {
    if (finding < 0 || !point) return;
    struct finding *f = &r->list[finding];
    for (size_t i = f->points_n; i-- > 0;)
        if (f->points[i] == point) return;
    uint32_t *more = realloc(f->points, (f->points_n + 1) * sizeof *more);
    if (!more) return;
    f->points = more;
    f->points[f->points_n++] = point;
}

void json_put(FILE *out, const char *s) {
    char text[2048];
    text_escape(text, sizeof text, s, strlen(s));
    putc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') putc('\\', out);
        putc(*c, out);
    }
    putc('"', out);
}

static void finding_json(const struct report *r, const struct finding *f) {
    fprintf(r->out, "{\"schema_version\":1,\"message_type\":\"finding\",\"id\":\"ZB-%d\",\"object\":", (int)f->id);
    json_put(r->out, f->object);
    fputs(",\"host\":", r->out);
    json_put(r->out, r->host);
    fputs(",\"points\":[", r->out);
    for (size_t i = 0; i < f->points_n; i++) fprintf(r->out, "%s%" PRIu32, i ? "," : "", f->points[i]);
    fputs("],\"headline\":", r->out);
    json_put(r->out, err_text(f->id));
    fputs(",\"message\":", r->out);
    json_put(r->out, f->what);
    fputs("}\n", r->out);
}

static void finding_text(const struct report *r, const struct finding *f) {
    char object[1200], what[1200];
    text_escape(object, sizeof object, f->object, strlen(f->object));
    text_escape(what, sizeof what, f->what, strlen(f->what));
    fprintf(r->out, "ZB-%d %s: %s: %s\n", (int)f->id, err_text(f->id), object, what);
    if (!f->points_n) return;
    fprintf(r->out, "    %s", _("affects"));
    for (size_t i = 0, j; i < f->points_n; i = j + 1) {
        for (j = i; j + 1 < f->points_n && f->points[j + 1] == f->points[j] + 1;) j++;
        fprintf(r->out, "%s %s/%" PRIu32, i ? "," : "", r->host, f->points[i]);
        if (j > i) fprintf(r->out, "-%" PRIu32, f->points[j]);
    }
    putc('\n', r->out);
}

static void progress_clear(struct report *r) {
    if (!r->tty) return;
    if (r->shown_ns) fputs("\r\033[K", r->progress);
    r->shown_ns = 0;
}

void report_host(struct report *r, const char *host) {
    progress_clear(r);
    for (size_t i = 0; i < r->n; i++) (r->json ? finding_json : finding_text)(r, &r->list[i]);
    if (r->uncounted && !r->json) {
        char text[128];
        snprintf(text, sizeof text, P_("and %" PRIu64 " more finding", "and %" PRIu64 " more findings", r->uncounted),
            r->uncounted);
        fprintf(r->out, "%s: %s\n", r->host, text);
    }
    findings_free(r);
    r->uncounted = 0;
    snprintf(r->host, sizeof r->host, "%s", host);
    fflush(r->out);
}

static int64_t mono_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* A terminal sees a line that moves, anything else one line a minute; JSON readers get a status line each second. SIGUSR1
 * prints one at the next step. */
static void progress_show(struct report *r) {
    static const int64_t second = INT64_C(1000000000);
    int64_t now = mono_ns(), pace = r->json ? second : r->tty ? second / 5 : 60 * second;
    bool once = asked;
    if (!r->shown_ns && !r->tty) r->shown_ns = now;
    if (!once && r->shown_ns && now - r->shown_ns < pace) return;
    asked = 0;
    r->shown_ns = now;
    if (r->json) {
        fprintf(r->out, "{\"schema_version\":1,\"message_type\":\"status\",\"host\":\"%s\",\"phase\":", r->host);
        json_put(r->out, r->phase);
        fprintf(r->out, ",\"bytes\":%" PRIu64 ",\"total\":%" PRIu64 ",\"findings\":%" PRIu64 "}\n", r->done, r->total,
            r->findings);
        fflush(r->out);
        return;
    }
    char done[32], total[32];
    text_bytes(done, r->done);
    text_bytes(total, r->total);
    fprintf(r->progress, "%s%s %s: %s", r->tty ? "\r\033[K" : "", r->host, r->phase, done);
    if (r->total) fprintf(r->progress, " / %s (%d %%)", total, (int)(100.0 * (double)r->done / (double)r->total));
    fprintf(r->progress, ", ");
    fprintf(r->progress, P_("%" PRIu64 " finding", "%" PRIu64 " findings", r->findings), r->findings);
    if (!r->tty || once) putc('\n', r->progress);
    fflush(r->progress);
}

void report_phase(struct report *r, const char *phase, uint64_t total) {
    progress_clear(r);
    r->phase = phase;
    r->done = 0;
    r->total = total;
}

void report_step(struct report *r, uint64_t n) {
    r->done += n;
    if (r->progress) progress_show(r);
}

/* Verdicts and outcomes as people read them; JSON and the lines for an anchor keep the word. */
static const char *in_words(const char *s) {
    static const char *const words[] = {N_("authentic"), N_("self-consistent"), N_("damaged"), N_("green"), N_("red"),
        N_("failed"), N_("cancelled")};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i], s)) return _(s);
    return s;
}

void report_head(struct report *r, const char *host, uint64_t n, const uint8_t hash[32], const char *verdict) {
    char hex[65];
    text_hex(hex, hash, 32);
    progress_clear(r);
    if (r->json)
        fprintf(r->out,
            "{\"schema_version\":1,\"message_type\":\"host\",\"host\":\"%s\",\"record\":%" PRIu64
            ",\"hash\":\"%s\",\"verdict\":\"%s\"}\n",
            host, n, hex, verdict);
    else fprintf(r->out, "%s %" PRIu64 " %s %s\n", host, n, hex, verdict);
}

void report_summary(struct report *r, const char *vault, const char *vault_key, const char *verdict, bool with_key) {
    report_host(r, "");
    if (r->json) {
        fputs("{\"schema_version\":1,\"message_type\":\"summary\",\"vault\":", r->out);
        json_put(r->out, vault);
        fprintf(r->out,
            ",\"vault_key\":\"%s\",\"verdict\":\"%s\",\"with_key\":%s,\"hosts\":%" PRIu64 ",\"records\":%" PRIu64
            ",\"packs\":%" PRIu64 ",\"segments\":%" PRIu64 ",\"pack_bytes\":%" PRIu64 ",\"points\":%" PRIu64
            ",\"files\":%" PRIu64 ",\"file_bytes\":%" PRIu64 ",\"points_locked\":%" PRIu64 ",\"findings\":%" PRIu64
            "}\n",
            vault_key, verdict, with_key ? "true" : "false", r->seen.hosts, r->seen.records, r->seen.packs,
            r->seen.segments, r->seen.pack_bytes, r->seen.points, r->seen.files, r->seen.file_bytes, r->locked,
            r->findings);
        return;
    }
    char stored[32], read[32];
    text_bytes(stored, r->seen.pack_bytes);
    text_bytes(read, r->seen.file_bytes);
    fprintf(r->out, _("vault key %s\n"), vault_key);
    fprintf(r->out,
        _("checked: %" PRIu64 " hosts, %" PRIu64 " records, %" PRIu64 " packs (%s, %" PRIu64 " segments), %" PRIu64
          " points\n"),
        r->seen.hosts, r->seen.records, r->seen.packs, stored, r->seen.segments, r->seen.points);
    if (with_key) fprintf(r->out, _("with the key: %" PRIu64 " files, %s of contents\n"), r->seen.files, read);
    if (r->locked) fprintf(r->out, _("%" PRIu64 " points were not opened: this key is not for them\n"), r->locked);
    if (r->findings) fprintf(r->out, P_("%" PRIu64 " finding\n", "%" PRIu64 " findings\n", r->findings), r->findings);
    else fprintf(r->out, _("verdict: %s\n"), in_words(verdict));
}

void report_audit(struct report *r, const char *file, uint64_t first, uint64_t last, uint64_t checkpoints,
    const uint8_t head[32], const char *verdict) {
    char hex[65];
    text_hex(hex, head, 32);
    report_host(r, "");
    if (r->json) {
        fputs("{\"schema_version\":1,\"message_type\":\"summary\",\"audit\":", r->out);
        json_put(r->out, file);
        fprintf(r->out,
            ",\"verdict\":\"%s\",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"checkpoints\":%" PRIu64
            ",\"hash\":\"%s\",\"findings\":%" PRIu64 "}\n",
            verdict, first, last, checkpoints, hex, r->findings);
        return;
    }
    fprintf(r->out, _("checked: audit records %" PRIu64 " to %" PRIu64 ", %" PRIu64 " checkpoints\n"), first, last,
        checkpoints);
    fprintf(r->out, "%" PRIu64 " %s\n", last, hex);
    fprintf(r->out, _("verdict: %s\n"), in_words(verdict));
}

void report_drill(struct report *r, const char *file, int64_t drill, const char *system, const char *outcome, const char *verdict) {
    char name[300];
    report_host(r, "");
    if (r->json) {
        fputs("{\"schema_version\":1,\"message_type\":\"summary\",\"record\":", r->out);
        json_put(r->out, file);
        fprintf(r->out, ",\"drill\":%" PRId64 ",\"system\":", drill);
        json_put(r->out, system);
        fputs(",\"outcome\":", r->out);
        json_put(r->out, outcome);
        fprintf(r->out, ",\"verdict\":\"%s\",\"findings\":%" PRIu64 "}\n", verdict, r->findings);
        return;
    }
    text_escape(name, sizeof name, system, strlen(system));
    fprintf(r->out, _("checked: record of drill %" PRId64 " of %s, which was %.20s\n"), drill, name, in_words(outcome));
    fprintf(r->out, _("verdict: %s\n"), in_words(verdict));
}

int report_exit(const struct report *r) {
    if (r->findings) {
        struct err e = {.id = r->worst};
        return r->worst == ZE_VAULTKEY ? err_exit(&e) : ZB_EXIT_DAMAGE;
    }
    return r->locked ? ZB_EXIT_DENIED : ZB_EXIT_OK;
}
