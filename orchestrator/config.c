/* zaibeid.yaml. Nothing in it is secret. */
#include "config_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/i18n.h"
#include "notify/channels.h"
#include "sys/file.h"
#include "wrap/yaml.h"

/* A public key line of OpenSSH: the blob is two strings, "ssh-ed25519" and the 32 bytes. */
static bool key_from_line(const char *line, uint8_t out[SEAL_SIGN_PUB]) {
    static const uint8_t head[] = "\0\0\0\x0bssh-ed25519\0\0\0 ";
    uint8_t blob[51];
    if (strncmp(line, "ssh-ed25519 ", 12) != 0) return false;
    size_t n = strcspn(line + 12, " \n");
    if (b64_decode(blob, sizeof blob, line + 12, n) != (int)sizeof blob || memcmp(blob, head, 19) != 0) return false;
    memcpy(out, blob + 19, SEAL_SIGN_PUB);
    return true;
}

static bool key_from_file(const char *path, uint8_t out[SEAL_SIGN_PUB]) {
    struct buf b;
    struct err ignored = ERR_INIT;
    buf_init(&b, 4097);
    bool ok = file_load(AT_FDCWD, path, 4096, &b, &ignored) == 0;
    buf_u8(&b, 0);
    ok = ok && buf_ok(&b) && key_from_line((char *)b.p, out);
    buf_free(&b);
    return ok;
}

static int read_host_key(const struct yaml_node *vault, struct config *c, struct err *e) {
    const char *s;
    if (yaml_str(vault, "host_key", &s, e) < 0) return -1;
    bool ok = b64_decode(c->host_key, sizeof c->host_key, s, strlen(s)) == SEAL_SIGN_PUB ||
        key_from_line(s, c->host_key) || (*s == '/' && key_from_file(s, c->host_key));
    return ok ? 0 : yaml_fail(yaml_get(vault, "host_key"), e, _("expected an ed25519 public key, or a file with one"));
}

static int read_vault(const struct yaml_node *top, struct config *c, struct err *e) {
    const struct yaml_node *vault = yaml_get(top, "vault"), *list;
    const char *dir, *sock;
    size_t n = 0;
    if (!vault) return yaml_fail(top, e, _("the key \"%s\" is missing"), "vault");
    if (yaml_keys(vault, "control dir socket location ssh host_key", e) < 0) return -1;
    if (yaml_list(vault, "control", &list, e) < 0) return -1;
    if (!yaml_first(list)) return yaml_fail(vault, e, _("the key \"%s\" is missing"), "control");
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it)) {
        if (n == CONFIG_ARGS_MAX) return yaml_fail(it, e, _("more than %d words"), CONFIG_ARGS_MAX);
        c->control[n++] = it->text;
    }
    if (yaml_str_or(vault, "dir", NULL, &dir, e) < 0 || yaml_str_or(vault, "socket", NULL, &sock, e) < 0) return -1;
    if (sock || dir)
        snprintf(c->vault_socket, sizeof c->vault_socket, "%s%s", sock ? sock : dir, sock ? "" : "/run/zaibeid.sock");
    if (yaml_str_or(vault, "location", NULL, &c->location, e) < 0) return -1;
    if (yaml_str_or(vault, "ssh", NULL, &c->ssh, e) < 0) return -1;
    return c->ssh ? read_host_key(vault, c, e) : 0;
}

static int read_people(const struct yaml_node *top, struct config *c, struct err *e) {
    static const char *const names[] = {"review", "approval", "execution"};
    static const int days[] = {2, 3, 5};
    const struct yaml_node *list = yaml_get(top, "deadlines");
    int off;
    if (yaml_choice(top, "people", "on off", 0, &off, e) < 0) return -1;
    c->people_off = off;
    const struct yaml_node *limits = yaml_get(top, "limits");
    if (limits && yaml_keys(limits, "vault department restores", e) < 0) return -1;
    if (yaml_int(limits, "vault", 0, 100000, 20, &c->limit_vault, e) < 0 ||
        yaml_int(limits, "department", 0, 100000, 0, &c->limit_department, e) < 0 ||
        yaml_int(limits, "restores", 1, 1000, 4, &c->limit_restores, e) < 0)
        return -1;
    if (list && yaml_keys(list, "review approval execution", e) < 0) return -1;
    for (int i = 0; i < 3; i++)
        if (yaml_int(list, names[i], 1, 250, days[i], &c->deadlines[i], e) < 0) return -1;
    return yaml_int(top, "password_days", 0, 3650, 180, &c->password_days, e) < 0 ||
            yaml_int(top, "session_idle_s", 1, 86400, 1800, &c->session_idle_s, e) < 0 ||
            yaml_int(top, "session_s", 1, 7 * 86400, 43200, &c->session_s, e) < 0
        ? -1
        : 0;
}

static int read_listen(const struct yaml_node *top, struct config *c, struct err *e) {
    const struct yaml_node *map = yaml_get(top, "listen");
    if (!map) return 0;
    if (yaml_keys(map, "address certificate key", e) < 0 || yaml_str(map, "address", &c->listen, e) < 0 ||
        yaml_str(map, "certificate", &c->listen_certificate, e) < 0 || yaml_str(map, "key", &c->listen_key, e) < 0)
        return -1;
    return c->people_off ? yaml_fail(map, e, _("not while people are off: nobody could be told from anybody")) : 0;
}

int config_load(const char *path, struct config *c, struct err *e) {
    const char *env = getenv("ZAIBEI_CONFIG");
    *c = (struct config){.file = path ? path : env && *env ? env : "/etc/zaibei/zaibeid.yaml"};
    if (!(c->doc = yaml_load(c->file, e))) return -1;
    const struct yaml_node *top = yaml_root(c->doc);
    if (!(c->notify = malloc(sizeof *c->notify))) return config_free(c), err_set(e, ZE_NOMEM, c->file, "notify");
    if (yaml_keys(top, "state socket listen zone call_in_s people limits deadlines password_days session_idle_s session_s vault drills notify", e) < 0 ||
        yaml_str_or(top, "state", "/var/lib/zaibei", &c->state, e) < 0 ||
        yaml_str_or(top, "socket", "/run/zaibei/zaibei.sock", &c->socket, e) < 0 ||
        yaml_str_or(top, "zone", "Asia/Shanghai", &c->zone, e) < 0 ||
        yaml_int(top, "call_in_s", 1, 86400, 60, &c->call_in_s, e) < 0 || read_people(top, c, e) < 0 ||
        read_listen(top, c, e) < 0 || read_vault(top, c, e) < 0 ||
        config_drills(top, c, e) < 0 ||
        channels_read(yaml_get(top, "notify"), c->call_in_s, c->notify, e) < 0) {
        config_free(c);
        return -1;
    }
    return 0;
}

void config_free(struct config *c) {
    yaml_free(c->doc);
    free(c->notify);
    c->doc = NULL, c->notify = NULL;
}
