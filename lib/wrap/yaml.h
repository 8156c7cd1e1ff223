/**
 * YAML by libfyaml, and the only door to it: what people write in agent.yaml, zaibeid.yaml and plans.
 *
 * One document of at most 1 MiB, 32 levels, 20,000 nodes and 1,000 keys in a map, in UTF-8 without control
 * characters, with at most 100 line ends between two words.
 * Anchors, aliases, tags, directives, keys that are no scalars, duplicate keys and a second document are refused. Scalars are text;
 * nothing is guessed: only the getter decides what they mean (true and false are the only booleans, numbers are decimal).
 *
 * Every error is ZE_CONFIG with "file:line:column" as object and "a.b.c: expected …, found …" as message. The getters fill
 * their result in every case, so that several may be called before looking: `if (yaml_a(..) < 0 || yaml_b(..) < 0)`.
 */
#ifndef WRAP_YAML_H
#define WRAP_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    YAML_BYTES_MAX = 1 << 20,
    YAML_DEPTH_MAX = 32,
    YAML_NODES_MAX = 20000,
    YAML_KEYS_MAX = 1000,
    YAML_BREAKS_MAX = 100
};

struct yaml; /* a document */

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    unsigned line, column; /* from 1 */
    char *text;            /* of a scalar, NUL-terminated; "" for an empty one */
    bool quoted;           /* a scalar in quotes, or a block of text */
    char *key;             /* under which it stands in its map, or NULL */
    size_t index;          /* of an element in its list, or a member in its map */
    unsigned key_line, key_column;
    struct yaml_node *up, *child, *last, *next; /* children in the order written */
    size_t count;                               /* of children */
    const struct yaml *doc;
};

/** yaml_load(path, e): read and parse a file; NULL with ZE_CONFIG, ZE_NOTFOUND, ZE_IO. yaml_parse: the same from memory,
 * where ${name} stands for the file in errors. */
struct yaml *yaml_load(const char *path, struct err *e) MUST_CHECK;
struct yaml *yaml_parse(const char *name, const void *p, size_t n, struct err *e) MUST_CHECK;
void yaml_free(struct yaml *y); /* NULL is fine */

/** yaml_root(y): the top, always a map: a document that is anything else (or empty) is refused by the parser. */
const struct yaml_node *yaml_root(const struct yaml *y);
/** yaml_get(map, key): the value, or NULL when it is absent or empty and not quoted, or ${map} is NULL or no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/** yaml_fail(node, fmt, ...): ZE_CONFIG at ${node}: "a.b: " and the message. Returns -1. */
int yaml_fail(const struct yaml_node *node, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** yaml_keys(node, keys, e): ${node} must be a map with no key but these (a list separated by spaces); an unknown key is
 * an error that proposes the nearest known one. */
int yaml_keys(const struct yaml_node *node, const char *keys, struct err *e) MUST_CHECK;

/** yaml_str: a required scalar that is not empty. yaml_str_or: ${def} when it is absent. ${out} lives with the document. */
int yaml_str(const struct yaml_node *map, const char *key, const char **out, struct err *e) MUST_CHECK;
int yaml_str_or(
    const struct yaml_node *map, const char *key, const char *def, const char **out, struct err *e) MUST_CHECK;
/** yaml_copy(map, key, def, out, cap, e): the same into an array; ${def} NULL: required. Too long is an error. */
int yaml_copy(
    const struct yaml_node *map, const char *key, const char *def, char *out, size_t cap, struct err *e) MUST_CHECK;
/** yaml_int: a decimal number from ${min} to ${max}; ${def} when it is absent. yaml_bool: true or false. */
int yaml_int(const struct yaml_node *map, const char *key, int64_t min, int64_t max, int64_t def, int64_t *out,
    struct err *e) MUST_CHECK;
int yaml_bool(const struct yaml_node *map, const char *key, bool def, bool *out, struct err *e) MUST_CHECK;
/** yaml_choice(map, key, choices, def, out, e): the index of the scalar in ${choices} ("full incremental"), ${def} when it
 * is absent; otherwise "expected full or incremental, found "ful"; did you mean "full"?". */
int yaml_choice(
    const struct yaml_node *map, const char *key, const char *choices, int def, int *out, struct err *e) MUST_CHECK;
/** yaml_list(map, key, out, e): a list of scalars that are not empty (a single scalar is a list of one); ${out} is its node,
 * whose children are the scalars, or NULL when it is absent. */
int yaml_list(const struct yaml_node *map, const char *key, const struct yaml_node **out, struct err *e) MUST_CHECK;
/** Walking what yaml_list gave: for (it = yaml_first(list); it; it = yaml_next(list, it)) it->text. */
static inline const struct yaml_node *yaml_first(const struct yaml_node *list) {
    return !list || list->kind == YAML_SCALAR ? list : list->child;
}
static inline const struct yaml_node *yaml_next(const struct yaml_node *list, const struct yaml_node *it) {
    return it == list ? NULL : it->next;
}

#endif
