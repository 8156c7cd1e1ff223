/* Words and numbers of limits. Decimal units are powers of 1000, binary ones (KiB) of 1024, and lines of networks are
 * told in bits; whole numbers only, so that what is written is what holds. */
#include "wire/limits.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "wrap/json.h"
#include "wrap/yaml.h"

static const char *const io_words[] = {[IO_NORMAL] = "normal", [IO_BEST_EFFORT] = "best-effort", [IO_IDLE] = "idle"};
static const char *const keys[] = {"bandwidth", "cpu", "io", "memory"};

enum { CPU_MAX = 100 * 1024 };
#define BYTES_MAX (1ull << 50)

static const struct {
    const char *unit;
    uint64_t bytes;
} units[] = {{"B", 1}, {"kB", 1000}, {"KB", 1000}, {"KiB", 1 << 10}, {"MB", 1000000}, {"MiB", 1 << 20},
    {"GB", 1000000000}, {"GiB", 1 << 30}};
static const struct {
    const char *unit;
    uint64_t bytes;
} lines[] = {{"kbit", 125}, {"Mbit", 125000}, {"Gbit", 125000000}};

/* "20 MB", "20MB" before ${end} ("/s" or ""). */
static bool amount(const char *text, const char *end, uint64_t *out) {
    char number[20], unit[8] = "", rest[8] = "", extra;
    uint64_t n, scale = 0;
    int got = sscanf(text, "%19[0-9] %7[A-Za-z]%7[/s]%c", number, unit, rest, &extra);
    if (got < 2 || got > 3 || strcmp(rest, end) != 0 || !text_u64(number, BYTES_MAX, &n) || !n) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i].unit) == 0) scale = units[i].bytes;
    for (size_t i = 0; *end && i < sizeof lines / sizeof *lines; i++)
        if (strcmp(unit, lines[i].unit) == 0) scale = lines[i].bytes;
    if (!scale || n > BYTES_MAX / scale) return false;
    *out = n * scale;
    return true;
}

static bool share(const char *text, uint32_t *out) {
    char number[20], percent[4], extra;
    uint64_t n;
    if (sscanf(text, "%19[0-9] %1[%]%c", number, percent, &extra) != 2) return false;
    if (!text_u64(number, CPU_MAX, &n) || !n) return false;
    *out = (uint32_t)n;
    return true;
}

static bool class_of(const char *text, enum limits_io *out) {
    for (unsigned i = 0; i < sizeof io_words / sizeof *io_words; i++)
        if (strcmp(text, io_words[i]) == 0) return *out = (enum limits_io)i, true;
    return false;
}

bool limits_word(struct limits *l, const char *key, const char *text) {
    if (strcmp(key, "bandwidth") == 0) return amount(text, "/s", &l->bandwidth);
    if (strcmp(key, "cpu") == 0) return share(text, &l->cpu);
    if (strcmp(key, "io") == 0) return class_of(text, &l->io);
    return strcmp(key, "memory") == 0 && amount(text, "", &l->memory);
}

const char *limits_expected(const char *key) {
    if (strcmp(key, "bandwidth") == 0) return _("a rate such as 20 MB/s, 8 MiB/s or 100 Mbit/s");
    if (strcmp(key, "cpu") == 0) return _("a share of one processor such as 50 %");
    return strcmp(key, "io") == 0 ? _("normal, best-effort or idle") : _("a size such as 128 MiB");
}

#define LOWER(a, b) \
    if ((b) && (!(a) || (b) < (a))) (a) = (b)

void limits_lower(struct limits *l, const struct limits *by) {
    LOWER(l->bandwidth, by->bandwidth);
    LOWER(l->cpu, by->cpu);
    LOWER(l->memory, by->memory);
    if (by->io > l->io) l->io = by->io;
}

int limits_yaml(const struct yaml_node *map, struct limits *l, struct err *e) {
    *l = (struct limits){.io = IO_NORMAL};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *text;
        if (yaml_str_or(map, keys[i], NULL, &text, e) < 0) return -1;
        if (text && !limits_word(l, keys[i], text))
            return yaml_fail(
                yaml_get(map, keys[i]), e, _("expected %s, found \"%.80s\""), limits_expected(keys[i]), text);
    }
    return 0;
}

struct js *limits_json(const struct limits *l) {
    if (!l->bandwidth && !l->cpu && l->io == IO_NORMAL && !l->memory) return NULL;
    struct js *j = js_object();
    if (l->bandwidth) js_set_int(j, "bandwidth", (int64_t)l->bandwidth);
    if (l->cpu) js_set_int(j, "cpu", l->cpu);
    if (l->io != IO_NORMAL) js_set_str(j, "io", io_words[l->io]);
    if (l->memory) js_set_int(j, "memory", (int64_t)l->memory);
    return j;
}

bool limits_take(const struct js *j, struct limits *out) {
    size_t known = 0;
    *out = (struct limits){.io = IO_NORMAL};
    if (!j) return true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) known += js_has(j, keys[i]);
    int64_t bandwidth = js_int(j, "bandwidth", 0), cpu = js_int(j, "cpu", 0), memory = js_int(j, "memory", 0);
    if (known == 0 || known != js_count(j)) return false;
    if (!class_of(js_str(j, "io", js_has(j, "io") ? "" : "normal"), &out->io)) return false;
    if (bandwidth < js_has(j, "bandwidth") || cpu < js_has(j, "cpu") || cpu > CPU_MAX || memory < js_has(j, "memory"))
        return false;
    out->bandwidth = (uint64_t)bandwidth, out->cpu = (uint32_t)cpu, out->memory = (uint64_t)memory;
    return true;
}
