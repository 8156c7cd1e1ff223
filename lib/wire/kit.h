/** The recovery kit as text (FORMAT.md §2): an X25519 pair, its private half printed and kept off-line. */
#ifndef WIRE_KIT_H
#define WIRE_KIT_H

#include "base/buf.h"
#include "base/err.h"
#include "wrap/seal.h"

enum { KIT_TEXT = 64, KIT_CHECK = 32, KIT_CHECKS = 256, KIT_FILE_MAX = 64 << 10 };

struct key_slots;

struct kit {
    uint8_t pub[SEAL_KEY], sec[SEAL_KEY];
    bool has_sec; /* false: only the public half was there */
};

/** kit_new: a fresh pair. kit_wipe: forget it. */
void kit_new(struct kit *k);
void kit_wipe(struct kit *k);

/** kit_pub_text, kit_sec_text: "zbk-pub-…" and "zbk-sec-…" into KIT_TEXT bytes. kit_check: four groups of four
 * hex digits of the hash of the public half, into KIT_CHECK bytes: the host shows the same at its enrolment, and who types
 * a kit in from paper sees whether it is right. */
void kit_pub_text(const struct kit *k, char out[KIT_TEXT]);
void kit_sec_text(const struct kit *k, char out[KIT_TEXT]);
void kit_check(const struct kit *k, char out[KIT_CHECK]);

/** kit_checks(k, out): the check digits of the kits that these slots are sealed to, with commas: which one of those in the safe it is. */
void kit_checks(const struct key_slots *k, char out[KIT_CHECKS]);

/**
 * kit_parse(k, name, p, n, e):
 * Read the bytes of a kit file, or the text of one half: the first line (spaces around it are skipped) that begins with
 * zbk-sec-, else with zbk-pub-. A public half that stands beside the private one must belong to it. ZE_CONFIG names
 * ${name} and never shows what was read. Wipe ${k} after use, and the bytes.
 */
int kit_parse(struct kit *k, const char *name, const void *p, size_t n, struct err *e) MUST_CHECK;

/** kit_load(k, path, e): the same from a file. */
int kit_load(struct kit *k, const char *path, struct err *e) MUST_CHECK;

/** kit_try(k, e): seal something to the public half and open it with the private one; ZE_WRONGKEY when that fails. */
int kit_try(const struct kit *k, struct err *e) MUST_CHECK;

#endif
