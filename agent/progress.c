/* One line about a long run. What is printed is decided by time alone, so that callers may step as often as they like; the
 * signal handler only sets a flag, which the next step takes. */
#include "progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"

static const int64_t SECOND = 1000000000;
static volatile sig_atomic_t asked;

static void on_usr1(int sig) {
    (void)sig;
    asked = 1;
}

void progress_init(struct progress *p, struct clock *clock, bool json) {
    memset(p, 0, sizeof *p);
    p->clock = clock, p->json = json;
    p->tty = !json && isatty(STDERR_FILENO);
    p->phase = N_("starting");
    p->began = p->last = p->phase_began = clock->mono_ns(clock);
    struct sigaction sa = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &sa, NULL);
}

void progress_phase(struct progress *p, const char *name) {
    if (!p) return;
    p->phase = name;
    p->phase_began = p->clock->mono_ns(p->clock);
    p->phase_bytes = p->bytes;
}

/* Bytes a second in this phase, and seconds left (-1: unknown). */
static uint64_t rate_of(const struct progress *p, int64_t now, int64_t *left) {
    uint64_t bytes = p->bytes, total = p->bytes_total;
    double seconds = (double)(now - p->phase_began) / 1e9;
    uint64_t done = bytes > p->phase_bytes ? bytes - p->phase_bytes : 0;
    uint64_t rate = seconds > 0.1 ? (uint64_t)((double)done / seconds) : 0;
    *left = rate && total > bytes ? (int64_t)((total - bytes) / rate) : -1;
    return rate;
}

static void print_json(const struct progress *p, int64_t now) {
    int64_t left;
    uint64_t rate = rate_of(p, now, &left);
    printf("{\"schema_version\":1,\"message_type\":\"status\",\"phase\":\"%s\",\"bytes\":%" PRIu64
           ",\"bytes_total\":%" PRIu64 ",\"files\":%" PRIu64 ",\"files_total\":%" PRIu64 ",\"errors\":%" PRIu64
           ",\"rate\":%" PRIu64 ",\"elapsed_s\":%" PRId64,
        p->phase, p->bytes, p->bytes_total, p->files, p->files_total, p->errors, rate, (now - p->began) / SECOND);
    if (left >= 0) printf(",\"left_s\":%" PRId64, left);
    puts("}");
    fflush(stdout);
}

static void print_text(const struct progress *p, int64_t now) {
    char done[24], total[24], speed[24], eta[40] = "", errors[64] = "";
    int64_t left;
    text_bytes(speed, rate_of(p, now, &left));
    text_bytes(done, p->bytes);
    text_bytes(total, p->bytes_total);
    if (left >= 0)
        snprintf(eta, sizeof eta, _(", %d:%02d:%02d left"), (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60));
    if (p->errors) snprintf(errors, sizeof errors, _(", %llu errors"), (unsigned long long)p->errors);
    fprintf(stderr, "%s%s: %s%s%s, ", p->tty ? "\r\033[K" : "", _(p->phase), done, p->bytes_total ? " / " : "",
        p->bytes_total ? total : "");
    unsigned long long files = p->files, all = p->files_total;
    if (all)
        fprintf(stderr, _("%llu of %llu files"), files, all);
    else
        fprintf(stderr, _("%llu files"), files);
    fprintf(stderr, ", %s/s%s%s%s", speed, eta, errors, p->tty ? "" : "\n");
}

void progress_step(struct progress *p) {
    if (!p) return;
    int64_t now = p->clock->mono_ns(p->clock);
    bool once = asked;
    int64_t every = p->json ? SECOND : p->tty ? SECOND / 5 : 60 * SECOND;
    if (!once && now - p->last < every) return;
    p->last = now;
    if (once) asked = 0;
    if (p->json) {
        print_json(p, now);
        return;
    }
    print_text(p, now);
    if (once && p->tty) fputc('\n', stderr);
    p->shown = p->tty && !once;
}

void progress_end(struct progress *p) {
    if (!p || !p->shown) return;
    fputs("\r\033[K", stderr);
    p->shown = false;
}
