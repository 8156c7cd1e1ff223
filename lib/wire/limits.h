/**
 * Limits of a run: how much of a machine a backup or a restore may take. People write them in agent.yaml, in a plan and
 * on the command line; a job carries them as JSON (PROTOCOL.md §4). The host's own are the ceiling: others only lower
 * them.
 */
#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/** How the disk is asked: normal as the process was started; best-effort after everybody who asks normally; idle only
 * when nobody else asks. A greater one is the stricter one. */
enum limits_io { IO_NORMAL, IO_BEST_EFFORT, IO_IDLE };

struct limits {
    uint64_t bandwidth; /* bytes a second, both directions together; 0: no limit */
    uint32_t cpu;       /* percent of one processor; 0: no limit */
    enum limits_io io;
    uint64_t memory; /* bytes, of the agent and its link together; 0: no limit */
};

#define LIMITS_KEYS "bandwidth cpu io memory"

/**
 * limits_word(l, key, text): set what ${key} (one of LIMITS_KEYS) names: "20 MB/s", "8 MiB/s" or "100 Mbit/s"; "50 %";
 * idle, best-effort or normal; "128 MiB". False when it is none; limits_expected(key) says, translated, what is.
 */
bool limits_word(struct limits *l, const char *key, const char *text);
const char *limits_expected(const char *key);

/** limits_lower(l, by): the stricter of both, each by itself. */
void limits_lower(struct limits *l, const struct limits *by);

struct yaml_node;
/** limits_yaml(map, l, e): the four keys of a map, which may be NULL; what it may hold besides is the caller's to check. */
int limits_yaml(const struct yaml_node *map, struct limits *l, struct err *e) MUST_CHECK;

struct js;
/** limits_json: as a job carries them; NULL when there is none. limits_take: back; false when one of them is not
 * understood: a limit that is not kept must not be passed over in silence. */
struct js *limits_json(const struct limits *l);
bool limits_take(const struct js *j, struct limits *out);

#endif
