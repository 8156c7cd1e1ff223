/**
 * The three forms (审批表, 变更表, 注销表) as one table. Each field has one row: its key in a plan, the words on the form, which
 * form it stands on and where, its type, and whether it is interpreted or only carried. The parser, the printed form, the
 * difference of two plans, `zaibei plan new` and the table in plans/FORMAT.md read it; nothing else lists fields.
 *
 * A row below another has its key with a dot (technical_contact.phone); the row above it is a FIELD_MAP or a FIELD_MAPS.
 * Rows stand in the order of the forms. The labels are the forms' own wording in both languages, not messages.
 */
#ifndef ORCHESTRATOR_FORM_H
#define ORCHESTRATOR_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { FORM_APPROVAL = 1, FORM_CHANGE = 2, FORM_CANCEL = 4, FORM_ALL = 7 };
enum form_lang { FORM_ZH, FORM_EN };

enum field_type {
    FIELD_MAP,  /* the rows below it */
    FIELD_MAPS, /* a list of such */
    FIELD_NAME, /* a-z 0-9 - */
    FIELD_NAMES,
    FIELD_TEXT,
    FIELD_TEXTS,
    FIELD_PATHS,
    FIELD_DATE,
    FIELD_PERIOD, /* long, or "6 months" */
    FIELD_BOOL,
    FIELD_CHOICE, /* one of words */
    FIELD_CHOICES,
    FIELD_SPAN,   /* 30m, 24h, 7d */
    FIELD_SIZE,   /* 500 GiB */
    FIELD_NUMBER, /* from min to max */
    FIELD_DELTA,  /* +2, -8: more or less of it */
    FIELD_MAIL,   /* duty@example.cn */
    FIELD_OWN,    /* its own reader checks it: times, zones, limits */
    FIELD_STEP,   /* filled in when the plan goes its way; never written by the applicant */
    FIELD_STAMP,  /* a place on the paper */
    FIELD_HEAD,   /* a heading on the paper */
};

/** Where a field begins on paper: half a line, a whole line, or below the one before it in the same cell. */
enum field_cell { CELL_NONE, CELL_HALF, CELL_WIDE, CELL_SAME };

struct field_word {
    const char *word, *zh, *en; /* zh NULL: may be written, but the form has no box for it */
};

struct field {
    const char *key;
    const char *zh, *en; /* where the forms differ: three, separated by | */
    unsigned forms;
    enum field_cell cell;
    enum field_type type;
    bool carried; /* kept, hashed and printed, without effect on backups */
    bool required;
    bool asked;                     /* by plan new */
    const struct field_word *words; /* of a choice or bool, ended by {0}; of a delta the unit */
    long min, max;                  /* of a number */
    const char *def;                /* the value that holds when it is absent */
    const char *hint;               /* of a FIELD_OWN: what its values look like; a message */
    const char *note;               /* for FORMAT.md: more than the type says */
};

enum { FORM_LIST_MAX = 1000, FORM_MAPS_MAX = 64, FORM_TEXT_MAX = 4000, FORM_LABEL_MAX = 200 };

/** form_fields(n): all rows. form_field(key): one, or NULL. form_next(key, f): the next row after ${f} (NULL: the first)
 * that stands directly below ${key} ("": at the top), or NULL. */
const struct field *form_fields(size_t *n);
const struct field *form_field(const char *key);
const struct field *form_next(const char *key, const struct field *f);
/** form_up(f): the row above it, or NULL. form_at(form, f, last): in a plan's form (canonical JSON) the map that holds the
 * field, NULL when there is none, and its key there. */
const struct field *form_up(const struct field *f);
struct js;
const struct js *form_at(const struct js *form, const struct field *f, const char **last);

/** form_label(f, form, lang, out): the label on that form. form_title: with that of the row above ("备份策略 每日"), of the
 * first form that has the field. Both at most FORM_LABEL_MAX bytes. */
void form_label(const struct field *f, unsigned form, enum form_lang lang, char *out);
void form_title(const struct field *f, enum form_lang lang, char *out);
/** form_expected(f, out, cap): what its values look like, for a person: "a date such as 2026-12-01". */
void form_expected(const struct field *f, char *out, size_t cap);
bool form_is_list(const struct field *f);

/** form_span: "30s", "30m", "24h", "7d" in seconds. form_size: "500 GiB" in bytes (KiB to TiB). False when it is none. */
bool form_span(const char *s, int64_t *out);
bool form_size(const char *s, uint64_t *out);

struct yaml_node;
/** form_check(top, e): no key that the forms do not have, and every value of its field's type. ZE_CONFIG with
 * file:line:column, field, what was expected and found. What FIELD_OWN rows hold is left to their readers. */
int form_check(const struct yaml_node *top, struct err *e) MUST_CHECK;

struct buf;
/** form_yaml(form, lang, out): a form as YAML that reads back as the same plan; each line says the forms' label. */
void form_yaml(const struct js *form, enum form_lang lang, struct buf *out);
/** form_markdown(out): the table as it stands in plans/FORMAT.md. form_numbers: which of the three forms have it, "1 2".
 * form_value_doc: its values, in a few English words. */
void form_markdown(struct buf *out);
void form_numbers(const struct field *f, char out[8]);
void form_value_doc(const struct field *f, struct buf *out);

#endif
