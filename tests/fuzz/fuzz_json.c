/* JSON from peers: what is accepted can be written and read again, and means the same. */
#include <stdlib.h>
#include <string.h>

#include "wrap/json.h"

/* faults: H4 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = ERR_INIT;
    struct js *j = js_parse(data, size, "fuzz", &e);
    if (!j) {
        if (!e.id) __builtin_trap();
        return 0;
    }
    char *once = js_dump(j);
    struct js *k = js_parse(once, strlen(once), "fuzz", &e);
    if (!k) __builtin_trap();
    char *twice = js_dump(k);
    if (strcmp(once, twice)) __builtin_trap();
    js_free(j), js_free(k), free(once), free(twice);
    return 0;
}
