/* Signature and delta formats of librsync. The delta parser is a small machine fed with whatever pieces come: magic, then
 * commands of one byte with up to two big-endian numbers; literal bytes are handed on as they arrive, never collected. */
#include "wire/rdiff.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SIG_MAGIC = 0x72730147, DELTA_MAGIC = 0x72730236 };
enum { ST_MAGIC, ST_COMMAND, ST_PARAM, ST_LITERAL, ST_END };
enum { CMD_END = 0x00, CMD_LITERAL_MAX = 0x40, CMD_LITERAL_N1 = 0x41, CMD_COPY_FIRST = 0x45, CMD_COPY_LAST = 0x54 };

#define RK_MULT 0x08104225u
#define RK_M2 (RK_MULT * RK_MULT)
#define RK_M3 (RK_M2 * RK_MULT)
#define RK_M4 (RK_M2 * RK_M2)

static uint32_t weak_more(uint32_t h, const uint8_t *p, size_t n) {
    for (; n >= 4; n -= 4, p += 4) h = h * RK_M4 + (p[0] * RK_M3 + p[1] * RK_M2 + p[2] * RK_MULT + p[3]);
    for (; n; n--, p++) h = h * RK_MULT + *p;
    return h;
}

#if defined(__x86_64__)
enum { LANES = 8, STEP = 4 * LANES };
typedef uint32_t words8 __attribute__((vector_size(4 * LANES)));

/* The same for as many whole steps as there are, each of the 32 places by itself, four times as fast. */
static __attribute__((target("avx2"))) uint32_t weak_wide(uint32_t h, const uint8_t *p, size_t n) {
    static const uint32_t m8 = RK_M4 * RK_M4, m32 = m8 * m8 * m8 * m8;
    words8 sum[STEP / LANES] = {{0}};
    for (; n >= STEP; n -= STEP, p += STEP, h *= m32)
#pragma GCC unroll 4
        for (size_t i = 0; i < STEP / LANES; i++) {
            sum[i] = sum[i] * m32 + (words8)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(p + i * LANES)));
        }
    for (uint32_t k = STEP, power = 1; k-- > 0; power *= RK_MULT) h += sum[k / LANES][k % LANES] * power;
    return h;
}

uint32_t rdiff_weak(const uint8_t *p, size_t n) {
    size_t wide = __builtin_cpu_supports("avx2") ? n - n % STEP : 0;
    return weak_more(wide ? weak_wide(1, p, wide) : 1, p + wide, n - wide);
}
#else
uint32_t rdiff_weak(const uint8_t *p, size_t n) { return weak_more(1, p, n); }
#endif

static void put_be32(uint8_t *out, uint32_t v) {
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint64_t get_be(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

void rdiff_sig_head_put(uint8_t out[RDIFF_SIG_HEAD], uint32_t block_len) {
    put_be32(out, SIG_MAGIC);
    put_be32(out + 4, block_len);
    put_be32(out + 8, RDIFF_STRONG);
}

void rdiff_sig_row_put(uint8_t out[RDIFF_SIG_ROW], uint32_t weak, const uint8_t strong[RDIFF_STRONG]) {
    put_be32(out, weak);
    memcpy(out + 4, strong, RDIFF_STRONG);
}

int rdiff_sig_head_get(const uint8_t in[RDIFF_SIG_HEAD], uint32_t *block_len, const char *object, struct err *e) {
    uint32_t len = (uint32_t)get_be(in + 4, 4);
    if (get_be(in, 4) != SIG_MAGIC || get_be(in + 8, 4) != RDIFF_STRONG)
        return err_set(e, ZE_DAMAGED, object, "not a signature of ours");
    if (len != 4096 && len != 8192 && len != 16384) return err_set(e, ZE_DAMAGED, object, "block length %u", len);
    *block_len = len;
    return 0;
}

/* The bytes of parameters that follow a command: for COPY the four sizes of offset and length are the four by four codes. */
static size_t params_of(uint8_t cmd) {
    if (cmd <= CMD_LITERAL_MAX) return 0;
    if (cmd < CMD_COPY_FIRST) return (size_t)1 << (cmd - CMD_LITERAL_N1);
    unsigned k = cmd - CMD_COPY_FIRST;
    return ((size_t)1 << (k / 4)) + ((size_t)1 << (k % 4));
}

static int run_command(struct rdiff_delta *d, struct err *e) {
    if (d->cmd == CMD_END) {
        d->state = ST_END;
        return 0;
    }
    d->state = ST_COMMAND;
    if (d->cmd < CMD_COPY_FIRST) {
        d->literal_left = d->cmd <= CMD_LITERAL_MAX ? d->cmd : get_be(d->param, d->need);
        if (!d->literal_left) return err_set(e, ZE_DAMAGED, "delta", "an empty literal");
        d->state = ST_LITERAL;
        return 0;
    }
    unsigned k = d->cmd - CMD_COPY_FIRST;
    size_t first = (size_t)1 << (k / 4);
    uint64_t at = get_be(d->param, first), len = get_be(d->param + first, (size_t)1 << (k % 4));
    uint64_t end;
    if (!len || __builtin_add_overflow(at, len, &end)) return err_set(e, ZE_DAMAGED, "delta", "a copy out of range");
    return d->ops.copy(d->ops.arg, at, len, e);
}

static int step(struct rdiff_delta *d, uint8_t c, struct err *e) {
    switch (d->state) {
    case ST_MAGIC:
        d->magic = d->magic << 8 | c;
        if (++d->have < 4) return 0;
        d->state = ST_COMMAND;
        return d->magic == DELTA_MAGIC ? 0 : err_set(e, ZE_DAMAGED, "delta", "magic %08x", d->magic);
    case ST_COMMAND:
        if (c > CMD_COPY_LAST) return err_set(e, ZE_DAMAGED, "delta", "command %02x", c);
        d->cmd = c, d->have = 0, d->need = (uint8_t)params_of(c);
        d->state = ST_PARAM;
        return d->need ? 0 : run_command(d, e);
    case ST_PARAM:
        d->param[d->have++] = c;
        return d->have < d->need ? 0 : run_command(d, e);
    default: return err_set(e, ZE_DAMAGED, "delta", "bytes after its end");
    }
}

int rdiff_delta_feed(struct rdiff_delta *d, const uint8_t *p, size_t n, struct err *e) {
    while (n) {
        if (d->state != ST_LITERAL) {
            if (step(d, *p, e) < 0) return -1;
            p++, n--;
            continue;
        }
        size_t k = d->literal_left < n ? (size_t)d->literal_left : n;
        if (d->ops.literal(d->ops.arg, p, k, e) < 0) return -1;
        p += k, n -= k, d->literal_left -= k;
        if (!d->literal_left) d->state = ST_COMMAND;
    }
    return 0;
}

int rdiff_delta_ended(const struct rdiff_delta *d, struct err *e) {
    return d->state == ST_END ? 0 : err_set(e, ZE_TRUNCATED, "delta", "it ends too early");
}
