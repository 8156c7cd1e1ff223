/**
 * The body of many.c, included once for each number of lanes: BLAKE2b (RFC 7693), unkeyed, of 32 bytes, for LANES messages
 * side by side: word i of lane l is v[i][l]. VEC and LANED(name) are names made of LANES.
 */

typedef uint64_t VEC __attribute__((vector_size(8 * LANES)));

struct LANED(hashing) {
    VEC h[8], counted, last, running; /* running: all ones in a lane whose message has not ended */
    const uint8_t *at[LANES];
    size_t left[LANES];
    uint8_t end[LANES][BLOCK]; /* the last block of each message, with zeros behind it */
};

/* Each lane to its next block. False when none has one. */
INLINE bool LANED(next)(struct LANED(hashing) * s, size_t n, bool first) {
    bool any = false;
    for (size_t l = 0; l < n; l++) {
        if (!s->running[l]) continue;
        if (!first) {
            if (s->last[l]) { /* that was its last one */
                s->running[l] = 0;
                continue;
            }
            s->at[l] += BLOCK, s->left[l] -= BLOCK;
        }
        any = true;
        s->counted[l] += s->left[l] < BLOCK ? s->left[l] : BLOCK;
        if (s->left[l] > BLOCK) continue;
        s->last[l] = UINT64_MAX;
        if (s->left[l]) memcpy(s->end[l], s->at[l], s->left[l]);
        s->at[l] = s->end[l];
    }
    return any;
}

INLINE void LANED(compress)(struct LANED(hashing) * s) {
    VEC m[16], v[16];
    for (size_t i = 0; i < 16; i++)
        for (size_t l = 0; l < LANES; l++) m[i][l] = word(s->at[l] + 8 * i);
    for (size_t i = 0; i < 8; i++) v[i] = s->h[i], v[i + 8] = (VEC){0} + begin[i];
    v[12] ^= s->counted, v[14] ^= s->last;
#pragma GCC unroll 12
    for (size_t r = 0; r < 12; r++) {
        const uint8_t *o = order[r % 10];
        MIX(0, 4, 8, 12, o[0], o[1]);
        MIX(1, 5, 9, 13, o[2], o[3]);
        MIX(2, 6, 10, 14, o[4], o[5]);
        MIX(3, 7, 11, 15, o[6], o[7]);
        MIX(0, 5, 10, 15, o[8], o[9]);
        MIX(1, 6, 11, 12, o[10], o[11]);
        MIX(2, 7, 8, 13, o[12], o[13]);
        MIX(3, 4, 9, 14, o[14], o[15]);
    }
    for (size_t i = 0; i < 8; i++) s->h[i] ^= (v[i] ^ v[i + 8]) & s->running;
}

/* At most LANES messages. */
INLINE void LANED(hash)(const struct message *m, size_t n) {
    struct LANED(hashing) s = {.at = {NULL}};
    for (size_t i = 0; i < 8; i++) s.h[i] = (VEC){0} + begin[i];
    s.h[0] ^= PARAMETERS;
    for (size_t l = 0; l < LANES; l++) s.at[l] = s.end[l];
    for (size_t l = 0; l < n; l++) s.at[l] = m[l].p, s.left[l] = m[l].n, s.running[l] = UINT64_MAX;
    for (bool more = LANED(next)(&s, n, true); more; more = LANED(next)(&s, n, false)) LANED(compress)(&s);
    for (size_t l = 0; l < n; l++)
        for (size_t i = 0; i < SEAL_HASH / 8; i++) memcpy(m[l].hash + 8 * i, (uint64_t[]){htole64(s.h[i][l])}, 8);
}
