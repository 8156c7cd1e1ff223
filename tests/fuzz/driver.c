/*
 * A plain driver for fuzz targets, used where clang has no libFuzzer. It runs every file of the corpus, then seeded
 * mutations of them until the time is up. It takes libFuzzer's arguments as far as tests/run uses them:
 *
 *   fuzz_x [-max_total_time=S] [-seed=N] [-max_len=N] [-timeout=S] [-artifact_prefix=P] FILE|DIRECTORY...
 *
 * An input that crashes or hangs is left in P + "crash"; give that file as the only argument to see it again. There is
 * no feedback from coverage: mutations stack up on a random file of the corpus and are thrown away.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void));
const char *__ubsan_default_options(void);

struct input {
    uint8_t *bytes;
    size_t len;
};

static struct input *corpus;
static size_t corpus_count;
static size_t max_len = 1 << 20;
static unsigned timeout_s = 10;
static char artifact[4096] = "crash";

static const uint8_t *now_bytes; /* what is being run, for the artifact */
static size_t now_len;

static void artifact_write(void) {
    if (!now_bytes) return;
    int fd = open(artifact, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, now_bytes, now_len) != (ssize_t)now_len) return;
    close(fd);
    dprintf(2, "fuzz: the input is in %s (%zu bytes)\n", artifact, now_len);
}

/* gcc's UBSan does not know ASan's death callback: let it abort, so that on_signal sees it. */
const char *__ubsan_default_options(void) { return "abort_on_error=1"; }

static void on_signal(int sig) {
    dprintf(2, "fuzz: signal %d%s\n", sig, sig == SIGALRM ? ": this input takes too long" : "");
    artifact_write();
    _exit(70);
}

static uint64_t rng_state;

static uint64_t rng(void) /* splitmix64 */
{
    uint64_t z = (rng_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(size_t n) { return n ? (size_t)(rng() % n) : 0; }

/* Run one input from a buffer of exactly its size, so that reading one byte too far is seen. */
static void run(const uint8_t *bytes, size_t len) {
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact) abort();
    memcpy(exact, bytes, len);
    now_bytes = exact;
    now_len = len;
    alarm(timeout_s);
    LLVMFuzzerTestOneInput(exact, len);
    alarm(0);
    now_bytes = NULL;
    free(exact);
}

static void corpus_add(const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        fprintf(stderr, "fuzz: cannot read %s\n", path);
        exit(2);
    }
    size_t len = (size_t)st.st_size < max_len ? (size_t)st.st_size : max_len;
    struct input in = {malloc(len ? len : 1), len};
    corpus = realloc(corpus, (corpus_count + 1) * sizeof *corpus);
    if (!in.bytes || !corpus || read(fd, in.bytes, len) != (ssize_t)len) abort();
    close(fd);
    corpus[corpus_count++] = in;
}

static void corpus_add_all(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) {
        corpus_add(path);
        return;
    }
    for (struct dirent *d; (d = readdir(dir));) {
        char file[8192];
        struct stat st;
        snprintf(file, sizeof file, "%s/%s", path, d->d_name);
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode)) corpus_add(file);
    }
    closedir(dir);
}

/* One change of ${buf}, which holds ${len} of ${cap} bytes; the new length is returned. */
static size_t mutate(uint8_t *buf, size_t len, size_t cap) {
    static const uint64_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, ~0ull};
    size_t at = below(len), n = 1 + below(len - at < 64 ? len - at : 64);
    switch (below(8)) {
    case 0: /* flip a bit */
        if (len) buf[at] ^= (uint8_t)(1u << below(8));
        return len;
    case 1: /* another byte */
        if (len) buf[at] = (uint8_t)rng();
        return len;
    case 2: /* a length from hell, in either byte order */
    case 3: {
        uint64_t v = edges[below(sizeof edges / sizeof *edges)] + below(3);
        size_t width = (size_t)1 << below(4);
        if (len < width) return len;
        at = below(len - width + 1);
        if (below(2)) v = __builtin_bswap64(v) >> (64 - 8 * width);
        memcpy(buf + at, &v, width);
        return len;
    }
    case 4: /* cut the tail */ return at;
    case 5: /* cut something out */
        if (at + n > len) return len;
        memmove(buf + at, buf + at + n, len - at - n);
        return len - n;
    case 6: /* put something in */
        if (len + n > cap) return len;
        memmove(buf + at + n, buf + at, len - at);
        for (size_t i = 0; i < n; i++) buf[at + i] = (uint8_t)rng();
        return len + n;
    default: { /* a piece of another input */
        const struct input *other = corpus_count ? &corpus[below(corpus_count)] : NULL;
        if (!other || !other->len) return len;
        size_t from = below(other->len), piece = 1 + below(other->len - from);
        if (at + piece > cap) return len;
        memcpy(buf + at, other->bytes + from, piece);
        return at + piece > len ? at + piece : len;
    }
    }
}

int main(int argc, char **argv) {
    double seconds = 0;
    const char *prefix = "./";

    rng_state = 1;
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "-max_total_time=", 16)) seconds = atof(argv[i] + 16);
        else if (!strncmp(argv[i], "-seed=", 6)) rng_state = strtoull(argv[i] + 6, NULL, 10);
        else if (!strncmp(argv[i], "-max_len=", 9)) max_len = strtoull(argv[i] + 9, NULL, 10);
        else if (!strncmp(argv[i], "-timeout=", 9)) timeout_s = (unsigned)atoi(argv[i] + 9);
        else if (!strncmp(argv[i], "-artifact_prefix=", 17)) prefix = argv[i] + 17;
    }
    snprintf(artifact, sizeof artifact, "%scrash", prefix);
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-') corpus_add_all(argv[i]);

    signal(SIGALRM, on_signal);
    signal(SIGABRT, on_signal);
    __sanitizer_set_death_callback(artifact_write);

    run((const uint8_t *)"", 0);
    for (size_t i = 0; i < corpus_count; i++) run(corpus[i].bytes, corpus[i].len);

    size_t cap = max_len, runs = corpus_count + 1;
    uint8_t *buf = malloc(cap ? cap : 1);
    if (!buf) abort();
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (double spent = 0; spent < seconds; runs++) {
        size_t len = 0;
        if (corpus_count && below(20)) {
            const struct input *in = &corpus[below(corpus_count)];
            len = in->len;
            memcpy(buf, in->bytes, len);
        }
        for (size_t k = 1 + below(8); k > 0; k--) len = mutate(buf, len, cap);
        run(buf, len);
        clock_gettime(CLOCK_MONOTONIC, &now);
        spent = (double)(now.tv_sec - began.tv_sec) + (double)(now.tv_nsec - began.tv_nsec) / 1e9;
    }
    free(buf);
    printf("fuzz: %zu runs over %zu inputs, no crash\n", runs, corpus_count);
    return 0;
}
