/** What the commands that work on a plan's file share. */
#ifndef CLI_PLANFILE_H
#define CLI_PLANFILE_H

#include "cli.h"
#include "plan/form.h"
#include "plan/plan.h"

/** planfile_load(path, b, p, e): read and parse a file; ${b} (an empty buffer of the caller) holds its text, also after an
 * error. planfile_parse: from text. Where the plan names no zone, that is Asia/Shanghai. */
int planfile_load(const char *path, struct buf *b, struct plan *p, struct err *e) MUST_CHECK;
int planfile_parse(const char *name, const void *text, size_t n, struct plan *p, struct err *e) MUST_CHECK;
/** planfile_lang: what --lang says, else what messages are in. planfile_write: a new file, or standard output when ${path} is
 * NULL; an existing one is never overwritten. */
int planfile_lang(const struct cli *c, enum form_lang *lang, struct err *e) MUST_CHECK;
int planfile_write(const char *path, const struct buf *b, struct err *e) MUST_CHECK;

#endif
