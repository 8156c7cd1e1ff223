/* Recovery files from anybody, since anybody can seal to a kit's public half: the sealed form under a kit of the fuzzer's, and
 * what is inside, sealed well. A file that is believed names only places below the vault's directory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recovery.h"
#include "sys/file.h"
#include "wire/kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char kit_file[] = "/tmp/zbfuzz.XXXXXX";
static struct kit kit;

static void kit_gone(void) { unlink(kit_file); }

static void kit_make(void) {
    struct err e = ERR_INIT;
    char text[KIT_TEXT];
    int fd = mkstemp(kit_file);
    memset(kit.sec, 7, sizeof kit.sec); /* seeds of the corpus are sealed to it */
    box_public(kit.pub, kit.sec);
    kit.has_sec = true;
    kit_sec_text(&kit, text);
    if (fd < 0 || seal_init(&e) < 0 || file_write_all(fd, text, strlen(text)) < 0) abort();
    close(fd);
    atexit(kit_gone);
}

/* What the reader gives back must be what was sealed. */
static void inside(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct recovery_conf c = {.n = 1};
    struct vault_header h = {.suite = "sodium"};
    struct buf plain = {.p = (uint8_t *)(uintptr_t)data, .len = size, .cap = size, .max = size}, sealed, back;
    uint8_t pub[SEAL_SIGN_PUB], sec[SEAL_SIGN_SEC];
    sign_from_seed(h.pub, sec, (uint8_t[SEAL_SIGN_SEED]){1});
    memcpy(c.recipient[0], kit.pub, SEAL_KEY);
    (void)!recovery_look("fuzz", &plain, h.pub, &e);
    buf_init(&sealed, RECOVERY_MAX + 4096);
    buf_init(&back, RECOVERY_MAX);
    if (size && (recovery_seal(&h, &c, 0, &plain, &sealed, &e) < 0 ||
                    recovery_unseal("fuzz", &sealed, kit_file, pub, &back, &e) < 0 || back.len != size ||
                    memcmp(back.p, data, size) != 0 || memcmp(pub, h.pub, sizeof pub) != 0))
        abort();
    buf_free(&sealed);
    buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct buf file = {.p = (uint8_t *)(uintptr_t)data, .len = size, .cap = size, .max = size}, plain;
    uint8_t pub[SEAL_SIGN_PUB];
    if (!kit.has_sec) {
        if (seal_init(&e) < 0) return 0;
        kit_make();
    }
    buf_init(&plain, RECOVERY_MAX);
    if (recovery_unseal("fuzz", &file, kit_file, pub, &plain, &e) == 0) (void)!recovery_look("fuzz", &plain, pub, &e);
    buf_free(&plain);
    inside(data, size);
    return 0;
}
