/* CALL: the agent's words to zaibeid and back. Nobody needs to listen; a backup that was asked for locally goes on
 * without. zaibeid learns the host's name from us, not from the agent. */
#include <unistd.h>

#include "base/i18n.h"
#include "door.h"
#include "serve.h"
#include "sys/file.h"

enum { CALL_MS = 30000, CALL_ASK = 0x01, CALL_ANSWER = 0x41, NOBODY = 1 };

static int answer(struct serve *s, uint8_t status, const void *p, size_t n, struct err *e) {
    return frames_put(&s->agent, F_ANSWER, &status, 1, p, n, e);
}

static int ask(struct serve *s, struct frames *f, const struct rd *r, struct err *e) {
    struct buf b;
    struct rd a;
    uint8_t type;
    size_t n;
    buf_init(&b, FRAME_MAX);
    buf_str(&b, s->host);
    buf_blob(&b, r->p, r->left);
    int rc = frames_put_buf(f, CALL_ASK, &b, e);
    buf_free(&b);
    if (rc < 0) return rc;
    rc = frames_get(f, &type, &a, e);
    if (rc < 0) return rc;
    if (rc == 0) return answer(s, NOBODY, NULL, 0, e);
    const uint8_t *p = rd_blob(&a, &n, FRAME_MAX);
    if (type != CALL_ANSWER || !p || !rd_end(&a))
        return err_set(e, ZE_INTERNAL, "zaibeid", _("its answer is malformed"));
    return answer(s, 0, p, n, e);
}

int serve_call(struct serve *s, struct rd *r, struct err *e) {
    struct err why = ERR_INIT;
    struct frames f;
    CLEANUP_FD int fd = door_connect(s->vault_fd, ZAIBEID_SOCKET, 0, &why);
    if (fd < 0)
        return why.id == ZE_UNREACHABLE ? answer(s, NOBODY, NULL, 0, e) : err_set(e, why.id, why.object, "%s", why.msg);
    frames_init(&f, fd, fd, CALL_MS, "zaibeid");
    int rc = ask(s, &f, r, e);
    frames_free(&f);
    return rc;
}
