/* agent.yaml: few keys, each checked at its line; then the state it names. Paths that are not absolute are below the
 * directory of the file, so that everything can live below one directory. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "base/i18n.h"
#include "base/text.h"
#include "state.h"
#include "wrap/yaml.h"

#define CONFIG_FILE "/etc/zaibei/agent.yaml"

/* ${rel} below the directory of ${file}, unless it is absolute. */
static int beside(const char *file, const char *rel, char *out, size_t cap) {
    const char *slash = strrchr(file, '/');
    int dir = *rel == '/' || !slash ? 0 : (int)(slash - file + 1);
    int n = snprintf(out, cap, "%.*s%s", dir, file, rel);
    return n > 0 && (size_t)n < cap ? 0 : -1;
}

static int vault_read(const struct yaml_node *root, struct config *c, struct err *e) {
    int choice;
    if (yaml_choice(root, "transport", "libssh2 openssh", TRANSPORT_LIBSSH2, &choice, e) < 0) return -1;
    c->transport = choice == 1 ? TRANSPORT_OPENSSH : TRANSPORT_LIBSSH2;
    if (yaml_copy(root, "vault", NULL, c->vault, sizeof c->vault, e) < 0) return -1;
    if (address_parse(c, c->vault) < 0)
        return yaml_fail(yaml_get(root, "vault"), e, _("expected ssh://user@host:port or dir:///path, found \"%s\""),
            c->vault);
    if (c->transport == TRANSPORT_DIR && yaml_get(root, "transport"))
        return yaml_fail(yaml_get(root, "transport"), e, _("a dir:// vault has no transport to choose"));
    return 0;
}

static int roots_read(const struct yaml_node *root, struct config *c, struct err *e) {
    const struct yaml_node *list;
    if (yaml_list(root, "restore_roots", &list, e) < 0) return -1;
    for (const struct yaml_node *it = yaml_first(list); it; it = yaml_next(list, it)) {
        if (*it->text != '/') return yaml_fail(it, e, _("expected an absolute path, found \"%s\""), it->text);
        if (c->restore_roots_n == ROOTS_MAX) return yaml_fail(it, e, _("at most %d"), ROOTS_MAX);
        if (!(c->restore_roots[c->restore_roots_n] = strdup(it->text))) return err_set(e, ZE_NOMEM, it->text, _("no memory"));
        c->restore_roots_n++;
    }
    const struct yaml_node *map = yaml_get(root, "restore");
    int choice = 0;
    if (map && (yaml_keys(map, "in_place", e) < 0 || yaml_choice(map, "in_place", "granted never", 0, &choice, e) < 0))
        return -1;
    c->restore_confined = choice == 1;
    return 0;
}

static int limits_read(const struct yaml_node *root, struct config *c, struct err *e) {
    const struct yaml_node *map = yaml_get(root, "limits");
    return map && yaml_keys(map, LIMITS_KEYS, e) < 0 ? -1 : limits_yaml(map, &c->limits, e);
}

static int spool_read(const struct yaml_node *root, struct config *c, struct err *e) {
    if (yaml_copy(root, "spool", "", c->spool, sizeof c->spool, e) < 0) return -1;
    if (!*c->spool || *c->spool == '/') return 0;
    return yaml_fail(yaml_get(root, "spool"), e, _("expected an absolute path, found \"%s\""), c->spool);
}

static int file_read(struct config *c, struct err *e) {
    struct yaml *y = yaml_load(c->file, e);
    if (!y) {
        if (e->id == ZE_NOTFOUND)
            err_set(e, ZE_NOTFOUND, c->file, _("no configuration: this host is not enrolled; zaibei-agent enroll does it"));
        return -1;
    }
    const struct yaml_node *root = yaml_root(y);
    const char *state = "state";
    int rc = -1;
    if (yaml_keys(root, "vault host state transport restore_roots restore limits hooks dumps spool", e) < 0 ||
        vault_read(root, c, e) < 0 || roots_read(root, c, e) < 0 || limits_read(root, c, e) < 0 ||
        hooks_read(root, c->file, &c->hooks, e) < 0 || spool_read(root, c, e) < 0 ||
        yaml_copy(root, "host", "", c->host, sizeof c->host, e) < 0 || yaml_str_or(root, "state", "state", &state, e) < 0)
        goto out;
    if (*c->host && !text_name_ok(c->host)) {
        yaml_fail(yaml_get(root, "host"), e, _("expected a host name ([a-z0-9-]), found \"%s\""), c->host);
        goto out;
    }
    if (beside(c->file, state, c->state, sizeof c->state) < 0) {
        yaml_fail(yaml_get(root, "state"), e, _("the path is too long"));
        goto out;
    }
    rc = 0;
out:
    yaml_free(y);
    return rc;
}

int config_path(const char *path, char *out, size_t cap, struct err *e) {
    if (!path || !*path) path = getenv("ZAIBEI_AGENT_CONFIG");
    if (!path || !*path) path = CONFIG_FILE;
    char cwd[4096] = "";
    if (*path != '/' && !getcwd(cwd, sizeof cwd)) return err_sys(e, path, "getcwd");
    int n = snprintf(out, cap, "%s%s%s", cwd, *path == '/' ? "" : "/", path);
    return n > 0 && (size_t)n < cap ? 0 : err_set(e, ZE_CONFIG, path, _("the path is too long"));
}

int config_load(const char *path, struct config *c, struct err *e) {
    memset(c, 0, sizeof *c);
    c->statefd = -1;
    if (config_path(path, c->file, sizeof c->file, e) == 0 && file_read(c, e) == 0 && state_open(c, false, e) == 0 &&
        state_load(c, e) == 0 && state_secret(c, "host.key", false, &c->host_key, e) == 0 && state_key_fits(c, e) == 0 &&
        (c->transport == TRANSPORT_DIR || state_secret(c, "ssh.seed", false, &c->ssh_seed, e) == 0))
        return 0;
    config_free(c);
    return -1;
}

void config_free(struct config *c) {
    hooks_free(&c->hooks);
    for (size_t i = 0; i < c->restore_roots_n; i++) free(c->restore_roots[i]);
    secret_free(c->host_key);
    secret_free(c->ssh_seed);
    if (c->statefd > 2) close(c->statefd); /* 0 in a struct that was only zeroed */
    memset(c, 0, sizeof *c);
    c->statefd = -1;
}
