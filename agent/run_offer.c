/* What an offer of a restore may ask of this machine. Places are judged as they really are, links and all, when the offer comes;
 * restore_roots are root's own directories, so that nobody else puts a link there between this look and the restore. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "run_restore.h"

bool run_path_plain(const char *path) {
    if (*path != '/' || strlen(path) >= PATH_MAX) return false;
    for (const char *s = path; *s;) {
        size_t n = strcspn(++s, "/");
        if (!n || (n == 1 && *s == '.') || (n == 2 && s[0] == '.' && s[1] == '.')) return false;
        s += n;
    }
    return true;
}

static bool below(const char *path, const char *root) {
    size_t n = strlen(root);
    while (n && root[n - 1] == '/') n--;
    return !strncmp(path, root, n) && (path[n] == '/' || !path[n]);
}

/* Where ${path} really is, as far as it exists: a link on the way must not lead out of a root. */
static bool real_of(const char *path, char out[PATH_MAX]) {
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    while (!realpath(part, out)) {
        char *slash = strrchr(part, '/');
        if (!slash || faccessat(AT_FDCWD, part, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return false; /* a link to nowhere */
        slash[slash == part] = 0;
    }
    return true;
}

bool run_in_roots(const struct config *c, const char *target) {
    char real[PATH_MAX], root[PATH_MAX];
    for (size_t i = 0; i < c->restore_roots_n; i++)
        if (below(target, c->restore_roots[i]) && realpath(c->restore_roots[i], root) && real_of(target, real) &&
            below(real, root))
            return true;
    return false;
}

int run_offer_parse(const struct config *c, const struct js *j, struct run_offer *o, struct err *e) {
    static const char *const words[] = {"refuse", "never", "if-different", "always"};
    const char *existing = js_str(j, "existing", "refuse");
    int64_t point = js_int(j, "point", 0);
    uint64_t number;
    *o = (struct run_offer){.restore = js_str(j, "restore", ""),
        .item = js_str(j, "item", ""),
        .host = js_str(j, "host", ""),
        .target = js_str(j, "target", ""),
        .existing = -1};
    for (int i = 0; i < 4; i++)
        if (!strcmp(existing, words[i])) o->existing = i;
    if (!text_u64(o->restore, INT64_MAX, &number) || !text_u64(o->item, INT64_MAX, &number) || !text_name_ok(o->host) ||
        !text_unhex(o->host_id, sizeof o->host_id, js_str(j, "host_id", "")) || point < 1 || point > UINT32_MAX ||
        o->existing < 0)
        return err_set(e, ZE_PROTO, o->restore, _("a restore that this version does not understand"));
    if (*o->target && !run_path_plain(o->target))
        return err_set(e, ZE_NOROOT, o->target, _("expected an absolute path without . and .."));
    o->point = (uint32_t)point;
    bool own = !strcmp(o->host, c->host), roots = *o->target && run_in_roots(c, o->target);
    if (own && !seal_equal(o->host_id, c->ids.host_id, SEAL_ID))
        return err_set(e, ZE_PROTO, o->host, _("it is not the id of this host"));
    if (!roots && c->restore_confined)
        return err_set(e, ZE_NOROOT, *o->target ? o->target : "/", _("its agent.yaml says: in_place: never"));
    o->needs_grant = !own || !roots;
    return 0;
}
