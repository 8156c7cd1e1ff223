/* On the machine of zaibeid its configuration says where its socket is. On somebody's desk there is no zaibeid.yaml:
 * a file with `server:` alone takes its place, or --server. What is not https is refused: passwords and tokens go
 * there. */
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "config.h"
#include "wrap/yaml.h"

static int set_server(struct cli *c, const char *url, const char *ca, struct err *e) {
    size_t n = strlen(url);
    if (n && url[n - 1] == '/') n--;
    if (strncmp(url, "https://", 8) != 0 || n <= 8 || n >= sizeof c->place.at || strcspn(url + 8, "/?#@ ") < n - 8)
        return err_set(e, ZE_USAGE, url, _("expected https://HOST:PORT"));
    snprintf(c->place.at, sizeof c->place.at, "%.*s", (int)n, url);
    if (ca && strlen(ca) >= sizeof c->place.ca) return err_set(e, ZE_USAGE, ca, _("too long"));
    snprintf(c->place.ca, sizeof c->place.ca, "%s", ca ? ca : "");
    c->place.tls = true;
    return 0;
}

static int of_config(struct cli *c, struct err *e) {
    struct config cfg;
    if (config_load(c->config, &cfg, e) < 0) return -1;
    snprintf(c->place.at, sizeof c->place.at, "%s", cfg.socket);
    config_free(&cfg);
    return 0;
}

/* A file that names a server; 1: it names none. */
static int of_client(struct cli *c, struct err *e) {
    const char *env = getenv("ZAIBEI_CONFIG"), *server, *ca;
    const char *file = c->config ? c->config : env && *env ? env : "/etc/zaibei/zaibeid.yaml";
    struct yaml *doc = yaml_load(file, e);
    if (!doc && e->id == ZE_NOTFOUND)
        return err_set(e, ZE_NOTFOUND, file, _("no configuration: name zaibeid's with --config, or another machine's zaibeid with --server"));
    if (!doc) return -1;
    const struct yaml_node *top = yaml_root(doc);
    int rc = !yaml_get(top, "server") ? 1
        : yaml_keys(top, "server ca", e) < 0 || yaml_str(top, "server", &server, e) < 0 ||
            yaml_str_or(top, "ca", NULL, &ca, e) < 0
        ? -1
        : set_server(c, server, c->ca ? c->ca : ca, e);
    yaml_free(doc);
    return rc;
}

int place_find(struct cli *c, struct err *e) {
    if (*c->place.at) return 0;
    if (c->server) return set_server(c, c->server, c->ca, e);
    int rc = of_client(c, e);
    if (rc == 1 && c->ca) return err_set(e, ZE_USAGE, "--ca", _("is for a server, and none is named"));
    return rc == 1 ? of_config(c, e) : rc;
}

struct http *place_open(struct cli *c, struct err *e) {
    if (place_find(c, e) < 0) return NULL;
    struct http *h = c->place.tls ? http_new_tls(c->place.at, *c->place.ca ? c->place.ca : NULL) : http_new(c->place.at);
    if (!h) err_set(e, ZE_NOMEM, c->place.at, "HTTP");
    return h;
}
