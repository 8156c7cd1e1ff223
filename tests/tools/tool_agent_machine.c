/* One machine by itself, in the present network namespace, which has br0:
 *
 *   tool_agent_machine TREE DIR HOST ADDRESS/PREFIX GATEWAY|- NIC|- SECONDS [ADDRESS:PORT...]
 *
 * prints its report as lines "WORD VALUE" when it has said everything or after so many seconds, then its console, and waits for the
 * end of standard input. 0: it said everything and runs; 1: it does not run; 2: it could not be made. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

static void print(const struct machine *m, size_t egress_n) {
    const struct machine_report *r = machine_look(m);
    printf("stage %d\nfail %s\nstate %s\nkernel %s\naddress %s\nwire %d\n", (int)r->stage, r->fail, r->state, r->kernel,
        r->address, r->wire);
    for (size_t i = 0; i < r->adapted_n; i++) printf("adapted %s\n", r->adapted[i]);
    for (size_t i = 0; i < r->failed_n; i++) printf("failed %s\n", r->failed[i]);
    for (size_t i = 0; i < egress_n; i++)
        printf("egress %zu %s\n", i, r->reached >> i & 1 ? "reached" : r->denied >> i & 1 ? "denied" : "unknown");
    struct buf text;
    buf_init(&text, 1 << 20);
    machine_console(m, 15, &text);
    printf("console\n%.*s", (int)text.len, (const char *)text.p);
    buf_free(&text);
    fflush(stdout);
}

static int failed(const struct err *e) {
    err_print("tool_agent_machine", e);
    return 2;
}

int main(int argc, char **argv) {
    struct machine m;
    struct err e = ERR_INIT;
    if (argc < 8) return 2;
    proc_begin();
    struct machine_request q = {.host = argv[3],
        .tree = argv[1],
        .dir = argv[2],
        .address = argv[4],
        .gateway = strcmp(argv[5], "-") ? argv[5] : NULL,
        .nic = strcmp(argv[6], "-") ? argv[6] : NULL,
        .memory = 512 << 20,
        .accel = "tcg",
        .egress = (const char *const *)argv + 8,
        .egress_n = (size_t)argc - 8,
        .nodes = &(struct machine_node){.major = 1, .minor = 3, .mode = 0640, .uid = 7, .gid = 8, .path = "srv/null"},
        .nodes_n = 1};
    int rc = machine_prepare(&m, &q, &e);
    if (rc == 0) {
        printf("prepared %s %zu modules\n", m.version, m.modules), fflush(stdout);
        rc = machine_start(&m, &e);
    }
    if (rc < 0) {
        machine_stop(&m);
        return failed(&e);
    }
    for (int i = 0; i < atoi(argv[7]) * 2 && machine_alive(&m) && machine_look(&m)->stage != MACHINE_DONE; i++)
        poll(NULL, 0, 500);
    print(&m, q.egress_n);
    rc = machine_alive(&m) && machine_look(&m)->stage == MACHINE_DONE ? 0 : 1;
    char c;
    while (read(0, &c, 1) > 0) machine_alive(&m);
    machine_stop(&m);
    return rc;
}
