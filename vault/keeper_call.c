/* CALL: the agent's words to zaibeid and back. Nobody needs to listen; a backup that was asked for locally goes on
 * without. The keeper carries them, so that zaibeid has the host's name from who fixed it, and serve needs no socket;
 * what is in them is for zaibeid alone. */
#include <unistd.h>

#include "base/i18n.h"
#include "door.h"
#include "keeper.h"
#include "sys/file.h"

enum { CALL_MS = 30000, CALL_ASK = 0x01, CALL_ANSWER = 0x41, ANSWERED = 0, NOBODY = 1 };

static int ask(struct keeper *k, struct frames *f, const struct rd *request, struct err *e) {
    struct buf b;
    struct rd a = {0};
    uint8_t type = 0;
    size_t n;
    buf_init(&b, FRAME_MAX);
    buf_str(&b, k->reader);
    buf_blob(&b, request->p, request->left);
    int rc = frames_put_buf(f, CALL_ASK, &b, e);
    buf_free(&b);
    if (rc == 0) rc = frames_get(f, &type, &a, e);
    if (rc < 0) return rc;
    if (rc == 0) return buf_u8(&k->out, NOBODY), F_ANSWER;
    const uint8_t *p = rd_blob(&a, &n, FRAME_MAX - 64);
    if (type != CALL_ANSWER || !p || !rd_end(&a))
        return err_set(e, ZE_INTERNAL, "zaibeid", _("its answer is malformed"));
    buf_u8(&k->out, ANSWERED);
    buf_put(&k->out, p, n);
    return F_ANSWER;
}

int keeper_call(struct keeper *k, struct rd *r, struct err *e) {
    struct err why = ERR_INIT;
    struct frames f;
    CLEANUP_FD int fd = door_connect(k->v->fd, ZAIBEID_SOCKET, 0, &why);
    if (fd < 0 && why.id == ZE_UNREACHABLE) return buf_u8(&k->out, NOBODY), F_ANSWER;
    if (fd < 0) return err_set(e, why.id, why.object, "%s", why.msg);
    frames_init(&f, fd, fd, CALL_MS, "zaibeid");
    int rc = ask(k, &f, r, e);
    frames_free(&f);
    return rc;
}
