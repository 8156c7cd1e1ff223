/* Statements, SSH signatures (armoured, bare, and as keys), from anybody: what a statement parses to must be written as it
 * was read. */
#include <stdlib.h>
#include <string.h>

#include "wire/approval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void statement_try(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct statement s;
    struct buf b;
    if (statement_get(&s, data, size, &e) < 0) return;
    buf_init(&b, 2 * STATEMENT_MAX);
    if (statement_put(&b, &s, &e) < 0 || b.len != size || memcmp(b.p, data, size) != 0) abort();
    buf_free(&b);
    statement_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct sshsig s;
    struct buf b, line;
    uint8_t key[APPROVER_KEY_MAX];
    size_t n;
    char text[SSH_KEY_TEXT];
    if (seal_init(&e) < 0) return 0;
    statement_try(data, size);
    (void)!sshsig_check(&s, data, size, APPROVAL_SPACE, "x", 1, &e);
    buf_init(&b, SSHSIG_MAX);
    if (sshsig_dearmour(&b, (const char *)data, size, &e) == 0)
        (void)!sshsig_check(&s, b.p, b.len, APPROVAL_SPACE, "x", 1, &e);
    buf_free(&b);
    buf_init(&line, size + 1);
    buf_put(&line, data, size);
    buf_u8(&line, 0);
    if (ssh_key_get(key, sizeof key, &n, (const char *)line.p)) ssh_key_text(text, key, n);
    buf_free(&line);
    return 0;
}
