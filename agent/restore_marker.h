/**
 * The marker: the file `.zaibei-restore` in a target while a restore is at work there, or was interrupted. It says which
 * point and which paths, so that only the same restore goes on; its lock keeps a second one out.
 */
#ifndef AGENT_RESTORE_MARKER_H
#define AGENT_RESTORE_MARKER_H

#include "restore.h"

#define MARKER_NAME ".zaibei-restore"

struct marker {
    int fd; /* locked; -1: there is none */
    bool resuming;
    bool doubtful;                  /* names may have lost their content: another boot, or a disk that refused some */
    enum restore_existing existing; /* what the run that began it was told */
    uint64_t job;                   /* of its temporary names */
    int64_t born_s;                 /* when it was made, by the clock of the file system */
    uint32_t born_ns;
};

/** What is being restored: the target for messages, the host, the point, a hash of the paths that were asked for. */
struct marker_want {
    const char *target, *host;
    uint32_t point;
    uint8_t generation[SEAL_ID], selection[SEAL_HASH];
    enum restore_existing existing;
};

/**
 * marker_take(m, dirfd, want, e):
 * Take the target: find the marker of the same restore (m->resuming), or make a new one, durable when this returns.
 * ZE_TARGET when there is none, the target is not empty, and want->existing is EXISTING_REFUSE; ZE_RESUMES for the
 * marker of another restore; ZE_BUSY while another process holds it. marker_look: the same without writing, taking or
 * locking; without a marker m->fd stays -1.
 */
int marker_take(struct marker *m, int dirfd, const struct marker_want *want, struct err *e) MUST_CHECK;
int marker_look(struct marker *m, int dirfd, const struct marker_want *want, struct err *e) MUST_CHECK;

/** marker_ours(m, dirfd, name): whether this object was made since the marker was, by the run that goes on. */
bool marker_ours(const struct marker *m, int dirfd, const char *name);

/** marker_doubt(m, dirfd): what was made is not on stable storage and will not get there: the run that goes on is to find it
 * doubtful; where that cannot be written down there is no marker any more, and so no going on. */
void marker_doubt(struct marker *m, int dirfd);

/** marker_end(m, dirfd): everything is restored and on stable storage: remove the marker, durably, and leave the
 * directory's times as they were. marker_close: let go of it, where it was not removed for the next run; harmless when
 * there is none. */
int marker_end(struct marker *m, int dirfd, const char *target, struct err *e) MUST_CHECK;
void marker_close(struct marker *m);

#endif
