/* tool_vault_record DIR HOST remove POINT... : append remove records as the keeper would, without asking whether they may be:
 * what collections are tried on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static int append(struct host_log *l, const char *what, const char *point, struct err *e) {
    struct record r = {.type = REC_REMOVE, .remove = {.point = (uint32_t)strtoul(point, NULL, 10), .reason = "test"}};
    struct buf raw;
    if (strcmp(what, "remove") != 0) return err_set(e, ZE_USAGE, what, "remove");
    buf_init(&raw, ZB_RECORD_MAX);
    int rc = log_append(l, &r, &raw, e);
    buf_free(&raw);
    return rc;
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    struct vault v = {.fd = -1, .store.fd = -1};
    struct host_log l = {.v = &v};
    int rc = argc < 5 ? err_set(&e, ZE_USAGE, "", "DIR HOST remove POINT...") : seal_init(&e);
    if (rc == 0) rc = vault_open(&v, argv[1], clock_real(), &e);
    if (rc == 0) rc = log_open(&l, &v, argv[2], &e);
    for (int i = 4; rc == 0 && i < argc; i++) rc = append(&l, argv[3], argv[i], &e);
    log_free(&l);
    vault_close(&v);
    if (rc != 0) err_print("tool_vault_record", &e);
    return rc != 0;
}
