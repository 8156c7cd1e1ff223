#include "wrap/many.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

/* libsodium's way is the measure: what is slower than it, or cannot be compiled, is left to it. */
#if defined(__x86_64__)

enum { BLOCK = 128, PARAMETERS = 0x01010020 /* sequential, no key, 32 bytes */ };

static const uint64_t begin[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
static const uint8_t order[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t word(const uint8_t *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return le64toh(w);
}

#define INLINE static inline __attribute__((always_inline))
#define TURN(x, n) ((x) >> (n) | (x) << (64 - (n)))
#define MIX(a, b, c, d, x, y)                                                 \
    v[a] += v[b] + m[x], v[d] = TURN(v[d] ^ v[a], 32), v[c] += v[d];          \
    v[b] = TURN(v[b] ^ v[c], 24), v[a] += v[b] + m[y];                        \
    v[d] = TURN(v[d] ^ v[a], 16), v[c] += v[d], v[b] = TURN(v[b] ^ v[c], 63)

#define LANES 4
#define VEC vec4
#define LANED(name) name##4
#include "wrap/many_lanes.h"
#undef LANES
#undef VEC
#undef LANED
#define LANES 8
#define VEC vec8
#define LANED(name) name##8
#include "wrap/many_lanes.h"

static __attribute__((target("avx2"))) void wide4(const struct message *m, size_t n) { hash4(m, n); }
static __attribute__((target("avx512f"))) void wide8(const struct message *m, size_t n) { hash8(m, n); }

unsigned hash_lanes(void) { return __builtin_cpu_supports("avx512f") ? 8 : __builtin_cpu_supports("avx2") ? 4 : 1; }

#else

static void wide4(const struct message *m, size_t n) { (void)m, (void)n; }
static void wide8(const struct message *m, size_t n) { (void)m, (void)n; }
unsigned hash_lanes(void) { return 1; }

#endif

/* Whether so much goes through the lanes at once that one message alone, which is half as fast there, does not matter. */
static bool worth(const struct message *m, size_t n) {
    size_t all = 0, most = 1;
    for (size_t i = 0; i < n; i++) {
        all += m[i].n;
        if (m[i].n > most) most = m[i].n;
    }
    return all / 5 * 2 >= most; /* two and a half lanes */
}

void hash_many_in(unsigned lanes, const struct message *m, size_t n) {
    while (n) {
        size_t now = n < lanes ? n : lanes;
        if (now > 1 && worth(m, now)) (lanes == 8 ? wide8 : wide4)(m, now);
        else
            for (size_t i = 0; i < now; i++) seal_hash(m[i].hash, m[i].p, m[i].n);
        m += now, n -= now;
    }
}

void hash_many(const struct message *m, size_t n) { hash_many_in(hash_lanes(), m, n); }
