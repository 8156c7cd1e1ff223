/**
 * The host's own list of commands (agent.yaml: hooks and dumps). Whoever asks for a run, a person or the platform, says names
 * of this list and never a command or an argument of it.
 */
#ifndef AGENT_HOOKS_H
#define AGENT_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct yaml_node;
struct js;

enum { HOOKS_MAX = 32, HOOK_WORDS_MAX = 64, HOOK_ASKS_MAX = 16, HOOK_TIMEOUT_S = 600, HOOK_TIMEOUT_MAX_S = 86400, HOOK_HOLD_S = 600 };

enum hook_phase { HOOK_PRE, HOOK_POST, HOOK_DUMP };

/** One entry: what is run, by whom (NULL: the agent's own user), how long at most, and of a dump how much it says at least
 * (≥ 1 byte). A run goes on without an optional one. */
struct hook {
    char *name, *user;
    char *argv[HOOK_WORDS_MAX + 1]; /* argv[0] is absolute */
    unsigned timeout_s;
    unsigned hold_s; /* after it has begun, the post commands run at the latest after this time; 0: not said */
    uint64_t least;
    bool optional;
};

struct hook_list {
    struct hook *hook;
    size_t n;
    unsigned line; /* of its key in the file; 0: it has none */
};

struct hooks {
    struct hook_list around, dumps; /* `hooks:` and `dumps:` */
};

/** A name that was asked for, with what the plan says beside it: 0 is nothing; the shorter time and the larger size hold. */
struct hook_ask {
    const char *name;
    unsigned timeout_s;
    uint64_t least;
};
struct hook_asks {
    size_t n;
    struct hook_ask ask[HOOK_ASKS_MAX];
};

/** hooks_read(root, file, out, e): both lists of agent.yaml; ZE_CONFIG at the line of what is wrong, or where others than its
 * owner may write to ${file}. hooks_load: the same from the file alone. hooks_free: a zeroed one is fine. */
int hooks_read(const struct yaml_node *root, const char *file, struct hooks *out, struct err *e) MUST_CHECK;
int hooks_load(const char *file, struct hooks *out, struct err *e) MUST_CHECK;
void hooks_free(struct hooks *h);

/** hooks_find(h, phase, name): NULL when the list does not hold it. hooks_check(h, file, phase, asks, e): ZE_NOHOOK for the
 * first one that is unknown, with the place where it would have to stand. */
const struct hook *hooks_find(const struct hooks *h, enum hook_phase phase, const char *name);
int hooks_check(const struct hooks *h, const char *file, enum hook_phase phase, const struct hook_asks *asks, struct err *e)
    MUST_CHECK;

/** hook_asks_take(list, out): from a job: [{"name", "timeout", "least"}, …] (PROTOCOL §4), whose strings it borrows; NULL is
 * none. False when it is something else. hook_asks_words: from options. */
bool hook_asks_take(const struct js *list, struct hook_asks *out);
int hook_asks_words(const char *option, const char *const *words, size_t n, struct hook_asks *out, struct err *e) MUST_CHECK;

/** hook_phase_word(p): "pre", "post", "dump". */
const char *hook_phase_word(enum hook_phase p);

#endif
