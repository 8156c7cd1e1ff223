/* What reaches the agent from link, ssh, a vault, a person: requests to sign, greetings, addresses, jobs. The first byte
 * chooses. Nothing that a fuzzer makes may ever be signed unless it is the one request for this user. */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "greet.h"
#include "recipient.h"
#include "run.h"
#include "signing.h"
#include "sshagent.h"
#include "wrap/json.h"

/* faults: C8 */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void as_text(const uint8_t *p, size_t n) {
    static struct config c;
    struct run_job job;
    struct err e = ERR_INIT;
    uint8_t key[SEAL_KEY];
    char text[1024];
    if (n >= sizeof text) n = sizeof text - 1;
    memcpy(text, p, n);
    text[n] = 0;
    if (address_parse(&c, text) == 0 && c.transport != TRANSPORT_DIR && (*c.ssh_host == '-' || *c.ssh_user == '-')) abort();
    (void)recipient_get(key, text);
    struct js *j = js_parse(p, n, "job", &e);
    if (j && run_job_parse(j, &job) && (!job.paths_n || *job.paths[0] != '/')) abort();
    js_free(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    static struct config c;
    struct err e = ERR_INIT;
    if (!c.ssh_seed) {
        if (seal_init(&e) < 0) abort();
        c.ssh_seed = calloc(1, SEAL_SIGN_SEED);
        strcpy(c.ssh_user, "zaibei");
    }
    if (n == 0) return 0;
    if (p[0] == 0) {
        uint8_t sig[SEAL_SIG];
        if (signing_sign(&c, p + 1, n - 1, sig, &e) == 0 && !memmem(p, n, "zaibei", 6)) abort();
    } else if (p[0] == 1) {
        struct buf out;
        buf_init(&out, 4096);
        ssh_agent_answer(&c, p + 1, n - 1, &out);
        if (!buf_ok(&out)) abort();
        buf_free(&out);
    } else if (p[0] == 2) {
        struct welcome w;
        struct rd r = rd_of(p + 1, n - 1);
        (void)!greet_welcome(&r, &w, "fuzz", &e);
    } else {
        as_text(p + 1, n - 1);
    }
    return 0;
}
