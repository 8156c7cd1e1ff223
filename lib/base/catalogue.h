/**
 * A compiled message catalogue (.mo, as msgfmt writes it), read without gettext: gettext translates nothing in the locale
 * "C", nor, since glibc of 2024, in "C.UTF-8", and a minimal system has no other.
 */
#ifndef BASE_CATALOGUE_H
#define BASE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

/** struct catalogue: the bytes of a file, for as long as they are used. */
struct catalogue {
    const unsigned char *p;
    size_t n, count, from, to; /* messages, and where the tables of originals and translations begin */
};

/** catalogue_read(c, p, n): false, and ${c} as it was, unless these are the bytes of a catalogue of this machine's order. */
bool catalogue_read(struct catalogue *c, const void *p, size_t n);

/** catalogue_open(c, path): the same of a file, which stays mapped until the process ends. */
bool catalogue_open(struct catalogue *c, const char *path);

/** catalogue_find(c, text): the translation of ${text} (the first form, where it has several), or NULL. Whatever the bytes
 * are, it reads none that are not theirs, and what it gives ends with a 0. */
const char *catalogue_find(const struct catalogue *c, const char *text);

#endif
