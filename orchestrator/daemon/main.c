/* zaibeid: the whole process on one page. Threads: this one keeps the calendar, one serves the API (another where it listens
 * on the network), one accepts agents (each of which gets a thread for its call). All state is in the catalog, and each change of it is one transaction, so
 * that the process may be killed at any moment and goes on where it was. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents.h"
#include "api.h"
#include "audit_witness.h"
#include "base/i18n.h"
#include "base/text.h"
#include "daily.h"
#include "decide.h"
#include "drill_forecast.h"
#include "drills.h"
#include "gate.h"
#include "hosts.h"
#include "listen.h"
#include "migrations.h"
#include "notify.h"
#include "scheduler.h"
#include "secrets.h"
#include "sys/file.h"
#include "sys/proc.h"
#include "sys/sock.h"

enum {
    TICK_MS = 1000,
    PIECES = 100,
    SYNC_TICKS = 300,
    AUDIT_TICKS = 3600,
    DAILY_TICKS = 3600,
    KEEPING_TICKS = 60,
    LIFE_TICKS = 60,
    MIGRATE_TICKS = 10,
    DRILL_TICKS = 60,
};

static volatile sig_atomic_t stopping, reload;

static void on_signal(int sig) {
    if (sig == SIGHUP) reload = 1;
    else stopping = sig;
}

static void *agents_thread(void *arg) {
    struct {
        struct daemon *d;
        int fd;
    } *a = arg;
    agents_serve(a->d, a->fd);
    return NULL;
}

/* What is due now; much of it in many small pieces, between which the other threads get at the catalog. */
static int tick_now(struct scheduler *s, struct err *e) {
    int rc = scheduler_tick(s, e);
    for (int i = 0; rc == 0 && i < PIECES && scheduler_more(s) && !stopping; i++) {
        poll(NULL, 0, 1);
        rc = scheduler_tick(s, e);
    }
    return rc;
}

static int hosts_part(struct daemon *d, unsigned tick, struct err *e) {
    bool stale = atomic_exchange(&d->hosts_stale, false);
    return stale || tick % SYNC_TICKS == 0 ? hosts_sync(d, false, e) : 0;
}

static int audit_part(struct daemon *d, unsigned tick, struct err *e) { return audit_tick(d, e); }

static int show_part(struct daemon *d, unsigned tick, struct err *e) {
    return tick % AUDIT_TICKS == 0 ? audit_show(d, e) : 0;
}

static int table_part(struct daemon *d, unsigned tick, struct err *e) {
    return tick % DAILY_TICKS == 0 ? calendar_watch(d, e) : 0;
}

static int keeping_part(struct daemon *d, unsigned tick, struct err *e) {
    static unsigned at;
    int rc = tick >= at ? keeping_tick(d, e) : 0;
    if (tick >= at && rc != 1) at = tick + KEEPING_TICKS;
    return rc < 0 ? -1 : 0;
}

static int life_part(struct daemon *d, unsigned tick, struct err *e) {
    return tick % LIFE_TICKS == 0 ? life_tick(d, e) : 0;
}

static int migrations_part(struct daemon *d, unsigned tick, struct err *e) {
    return migrations_tick(d, tick % MIGRATE_TICKS == 0, e);
}

static int drills_part(struct daemon *d, unsigned tick, struct err *e) {
    if (drills_tick(d->drills, e) < 0) return -1;
    return tick % DRILL_TICKS == 0 ? drill_calendar(d, e) : 0;
}

static int forecast_part(struct daemon *d, unsigned tick, struct err *e) {
    return tick % DAILY_TICKS == 0 ? drill_forecast_watch(d, e) : 0;
}

/* What fails is logged once while it lasts. */
static bool went_well(struct daemon *d, int rc, const struct err *e, struct err *last) {
    if (rc < 0 && (e->id != last->id || strcmp(e->msg, last->msg) != 0))
        daemon_log(d, "ZB-%u %s: %s: %s", (unsigned)e->id, err_text(e->id), e->object, e->msg);
    *last = *e;
    return rc == 0;
}

/* The calendar, until a signal comes. Ticks are counted, not timed: a clock that jumps does no harm. No part waits for another to
 * succeed: while the vault is away, deadlines and tables of working days are looked at all the same. */
static void loop(struct daemon *d, struct scheduler *s, struct listener *l) {
    static int (*const parts[])(struct daemon *, unsigned, struct err *) = {hosts_part, audit_part, show_part, table_part,
        keeping_part, life_part, migrations_part, drills_part, forecast_part};
    enum { PARTS = sizeof parts / sizeof *parts };
    static struct err last[PARTS + 1];
    for (unsigned tick = 0; !stopping; tick++) {
        struct err e = ERR_INIT;
        int rc = tick_now(s, &e);
        bool works = went_well(d, rc, &e, &last[PARTS]);
        for (size_t i = 0; i < PARTS && !stopping; i++) {
            e = (struct err)ERR_INIT;
            rc = parts[i](d, tick, &e);
            (void)went_well(d, rc, &e, &last[i]);
        }
        if (reload) reload = 0, listen_reload(l);
        listen_tick(l);
        if (works) atomic_fetch_add(&d->ticks, 1); /* else the heartbeat stops: without the catalog no alarm can be told */
        poll(NULL, 0, TICK_MS);
    }
}

/* The directory of a socket, where it is missing. */
static int make_parent(const char *path, struct err *e) {
    char dir[4096];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir) return 0;
    *slash = 0;
    return file_mkdirs(AT_FDCWD, dir, 0750, e);
}

static int serve(struct daemon *d, struct err *e) {
    struct {
        struct daemon *d;
        int fd;
    } agents = {d, -1};
    pthread_t thread;
    struct listener *net = NULL;
    struct scheduler *s = scheduler_new(d);
    if (!s) return err_set(e, ZE_NOMEM, "zaibeid", "scheduler");
    int rc = -1, fd = make_parent(d->cfg->socket, e) < 0 ? -1 : sock_listen(d->cfg->socket, 0660, e);
    struct httpd *h = fd < 0 || !(d->drills = drills_new(d, e)) ? NULL : httpd_start(fd, api_handle, d, e);
    if (!h || listen_open(d, &net, e) < 0) goto out;
    if (*d->cfg->vault_socket && (agents.fd = sock_listen(d->cfg->vault_socket, 0660, e)) < 0) goto out;
    if (agents.fd >= 0 && (rc = pthread_create(&thread, NULL, agents_thread, &agents)) != 0) {
        rc = err_set(e, ZE_NOMEM, "zaibeid", "thread: %s", strerror(rc));
        goto out;
    }
    struct notifier *notifier = notify_start(d, e);
    if (!notifier) {
        rc = -1;
        goto out;
    }
    sock_ready();
    daemon_log(d, _("zaibeid %s serves %s"), ZB_VERSION, d->cfg->socket);
    if (d->cfg->people_off) daemon_log(d, _("PEOPLE ARE OFF: whoever opens the socket may do everything, as \"local\""));
    loop(d, s, net);
    daemon_log(d, _("stopped by signal %d"), (int)stopping);
    rc = 0;
    notify_stop(notifier);
    drills_free(d->drills);
    d->drills = NULL;
    audit_end(d);
    if (agents.fd >= 0) _exit(0); /* calls may be under way; the catalog is as good as after a crash, which is good */
out:
    listen_close(net);
    httpd_stop(h);
    drills_free(d->drills);
    scheduler_free(s);
    return rc;
}

static int run(const char *config, struct err *e) {
    struct config cfg;
    if (seal_init(e) < 0 || config_load(config, &cfg, e) < 0) return -1;
    struct daemon d = {.cfg = &cfg, .clock = clock_real()};
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    umask(0077);
    int rc = -1;
    if (!(d.gate = gate_new())) err_set(e, ZE_NOMEM, "zaibeid", "gate");
    else if ((d.db = catalog_open(cfg.state, e))) {
        control_init(&d.control, cfg.control);
        if ((rc = secrets_open(&d, e)) == 0 && (rc = audit_begin(&d, e)) == 0) rc = serve(&d, e);
        secrets_close(&d);
        control_release(&d.control);
        db_close(d.db);
    }
    gate_free(d.gate);
    config_free(&cfg);
    return rc;
}

/* On the machine: the code that makes the first user. It goes to standard output and nowhere else. */
static int first_user(const char *config, struct err *e) {
    struct config cfg;
    char code[40];
    if (seal_init(e) < 0 || config_load(config, &cfg, e) < 0) return -1;
    struct clock *clock = clock_real();
    int rc = people_first_code(cfg.state, clock->now_ns(clock), code, e);
    if (rc == 0) puts(code);
    if (rc == 0 && isatty(STDOUT_FILENO))
        fputs(_("Good once, for fifteen minutes: zaibei user first NAME asks for it.\n"), stderr);
    config_free(&cfg);
    return rc;
}

/* On the machine, where secrets.key is lost: codes nobody can check any more are taken away. */
static int forget_codes(const char *config, struct err *e) {
    struct config cfg;
    if (seal_init(e) < 0 || config_load(config, &cfg, e) < 0) return -1;
    struct daemon d = {.cfg = &cfg, .clock = clock_real()};
    int n = (d.db = catalog_open(cfg.state, e)) ? secrets_forget(&d, e) : -1;
    if (n >= 0) printf(_("%d users set up new codes when they log in; sessions and tokens have ended\n"), n);
    db_close(d.db);
    config_free(&cfg);
    return n < 0 ? -1 : 0;
}

static int usage(FILE *out, int code) {
    fputs(_("usage: zaibeid run [--config FILE]\n"
            "       zaibeid first-user [--config FILE]\n"
            "       zaibeid forget-codes [--config FILE]\n"
            "       zaibeid --version | --help\n"
            "\n"
            "The orchestrator, in the foreground until SIGTERM; it logs to standard error. first-user prints a code,\n"
            "good once, that makes the first user. forget-codes, while zaibeid does not run and where its file secrets.key\n"
            "is lost, takes everybody's one-time codes away so that new ones can be set up.\n"
            "The configuration is FILE, $ZAIBEI_CONFIG or /etc/zaibei/zaibeid.yaml.\n"),
        out);
    return code;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(const char *config, struct err *e);
    } verbs[] = {{"run", run}, {"first-user", first_user}, {"forget-codes", forget_codes}};
    enum { VERBS = sizeof verbs / sizeof *verbs };
    const char *config = NULL;
    size_t verb = VERBS;
    proc_begin();
    i18n_init();
    i18n_threads();
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return usage(stdout, ZB_EXIT_OK);
        if (!strcmp(argv[i], "--version")) return puts("zaibeid " ZB_VERSION), ZB_EXIT_OK;
        if (!strcmp(argv[i], "--config") && i + 1 < argc) {
            config = argv[++i];
            continue;
        }
        if (verb < VERBS) return usage(stderr, ZB_EXIT_USAGE);
        for (verb = 0; verb < VERBS && strcmp(argv[i], verbs[verb].name) != 0;) verb++;
        if (verb == VERBS) return usage(stderr, ZB_EXIT_USAGE);
    }
    if (verb == VERBS) return usage(stderr, ZB_EXIT_USAGE);
    struct err e = ERR_INIT;
    if (verbs[verb].run(config, &e) == 0) return ZB_EXIT_OK;
    err_print("zaibeid", &e);
    return err_exit(&e);
}
