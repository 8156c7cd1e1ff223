/* The tables of a .mo file are pairs of length and place; the originals are sorted, so a message is found by halving. A place
 * is believed when the string and the 0 behind it lie within the file. */
#include "base/catalogue.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC = 0, COUNT = 8, FROM = 12, TO = 16, HEADER = 28, PAIR = 8 };

static uint32_t number(const struct catalogue *c, size_t at) {
    uint32_t v;
    memcpy(&v, c->p + at, sizeof v);
    return v;
}

static const char *string(const struct catalogue *c, size_t table, size_t i) {
    size_t len = number(c, table + i * PAIR), at = number(c, table + i * PAIR + 4);
    if (at >= c->n || len >= c->n - at || c->p[at + len]) return NULL;
    return (const char *)c->p + at;
}

static bool holds(const struct catalogue *c, size_t table) { return table <= c->n && c->count <= (c->n - table) / PAIR; }

bool catalogue_read(struct catalogue *c, const void *p, size_t n) {
    struct catalogue new = {.p = p, .n = n};
    if (n < HEADER || number(&new, MAGIC) != 0x950412de) return false;
    new.count = number(&new, COUNT), new.from = number(&new, FROM), new.to = number(&new, TO);
    if (!holds(&new, new.from) || !holds(&new, new.to)) return false;
    *c = new;
    return true;
}

bool catalogue_open(struct catalogue *c, const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    void *p = fstat(fd, &st) == 0 && st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (p == MAP_FAILED) return false;
    if (catalogue_read(c, p, (size_t)st.st_size)) return true;
    munmap(p, (size_t)st.st_size);
    return false;
}

const char *catalogue_find(const struct catalogue *c, const char *text) {
    size_t lo = 0, hi = c->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const char *s = string(c, c->from, mid);
        int order = s ? strcmp(text, s) : 0;
        if (!s) return NULL;
        if (order == 0) return string(c, c->to, mid);
        if (order < 0) hi = mid;
        else lo = mid + 1;
    }
    return NULL;
}
