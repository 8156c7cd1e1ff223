/* The disk limit. While a tree is restored its files are counted, each with a block more than its bytes (room_of): a million files
 * of a byte take a million blocks. While services and machines write, what lies below the drill's directory is counted every few
 * seconds in blocks; names too long for a path are no hiding place, since the walk goes into each directory.
 *
 * A file without a name is one: whoever keeps it open fills the disk unseen. So all the time the file system itself is asked, too: a
 * drill is the last that may have the rest of it, whoever took it. Past either limit this process ends, and with it whatever
 * wrote. */
#include <errno.h>
#include <fts.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/i18n.h"
#include "worker.h"

enum { BLOCK = 4096, REST = 10 }; /* a tenth of what was free at the beginning is left to others */
static const int64_t EVERY_NS = 5000000000;
static uint64_t free_before;

uint64_t room_of(uint64_t files, uint64_t bytes) { return bytes + files * BLOCK; }

static uint64_t free_now(const struct worker *w) {
    struct statvfs s;
    return statvfs(w->q->op == WORKER_DRILL ? "/work" : "/target", &s) == 0 ? (uint64_t)s.f_bavail * s.f_frsize : UINT64_MAX;
}

void room_begin(const struct worker *w) { free_before = free_now(w); }
bool room_gone(const struct worker *w) { return free_before != UINT64_MAX && free_now(w) < free_before / REST; }

int room_full(const struct worker *w, const char *object, struct err *e) {
    if (room_gone(w)) return err_set(e, ZE_DRILLROOM, object, _("nine tenths of what was free on the file system are used up"));
    return err_set(e, ZE_DRILLROOM, object, _("%llu bytes"), (unsigned long long)w->q->disk);
}

/* In blocks. What vanishes meanwhile does not count; what cannot be counted is too much. */
static uint64_t taken(void) {
    FTS *f = fts_open((char *[]){(char[]){"/work"}, NULL}, FTS_PHYSICAL | FTS_XDEV, NULL);
    uint64_t blocks = 0;
    errno = 0;
    for (FTSENT *en; f && (en = fts_read(f)); errno = 0)
        if (en->fts_info != FTS_DP && en->fts_info != FTS_NS && en->fts_info != FTS_ERR) blocks += (uint64_t)en->fts_statp->st_blocks;
    bool all = f && (!errno || errno == ENOENT);
    if (f) fts_close(f);
    return all ? blocks * 512 : UINT64_MAX;
}

static bool taken_all(const struct worker *w) {
    static int64_t next_ns;
    int64_t now = w->clock->mono_ns(w->clock);
    if (!w->q->disk || now < next_ns) return false;
    next_ns = now + EVERY_NS;
    return taken() > w->q->disk;
}

void room_watch(const struct worker *w) {
    struct err e = ERR_INIT;
    if (!room_gone(w) && !taken_all(w)) return;
    (void)room_full(w, w->q->id, &e);
    journal_failed(w, &e);
    _exit(1);
}
