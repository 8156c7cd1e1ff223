/* One round over the vault: the vault's own objects, then host by host. The cursor is saved after the findings it
 * stands behind, so that a slice that is killed between two saves repeats a little and skips nothing. */
#include "scrub.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

#define CURSOR "keeper/scrub"
enum { NOTE_MAX = 1024, HEADER_MAX = 4096, SAVE_S = 2, SAVE_BYTES = 256 << 20, PAUSE_S = 1 };

int scrub_lock(struct vault *v, bool wait, struct err *e) {
    return wait ? lock_wait(v, ".scrub", e) : lock_file(v, ".scrub", e);
}

int scrub_cursor_load(struct vault *v, struct scrub_cursor *c, struct err *e) {
    char host[65] = "", generation[33] = "";
    struct buf b;
    *c = (struct scrub_cursor){.round = 1};
    buf_init(&b, NOTE_MAX + 1);
    int rc = file_load(v->fd, CURSOR, NOTE_MAX, &b, e);
    buf_u8(&b, 0);
    int n = rc < 0
        ? 0
        : sscanf((char *)b.p, "round %" SCNu64 "\nstarted %" SCNd64 "\nfinished %" SCNd64 "\nat %64s %32s %" SCNu64,
              &c->round, &c->started, &c->finished, host, generation, &c->pack);
    buf_free(&b);
    if (rc < 0 && e->id != ZE_NOTFOUND && e->id != ZE_DAMAGED) return -1;
    if (n >= 3 && n < 6) return 0; /* between two rounds */
    if (n == 6 && text_name_ok(host) && text_unhex(c->generation, SEAL_ID, generation)) {
        memcpy(c->host, host, sizeof c->host);
        return 0;
    }
    *c = (struct scrub_cursor){.round = 1};
    return 0;
}

int scrub_cursor_save(struct vault *v, const struct scrub_cursor *c, struct err *e) {
    char text[NOTE_MAX], generation[HEX_ID];
    text_hex(generation, c->generation, SEAL_ID);
    int n = snprintf(text, sizeof text, "round %" PRIu64 "\nstarted %" PRId64 "\nfinished %" PRId64 "\n", c->round,
        c->started, c->finished);
    if (*c->host)
        n += snprintf(text + n, sizeof text - (size_t)n, "at %s %s %" PRIu64 "\n", c->host, generation, c->pack);
    return file_replace(v->fd, CURSOR, text, (size_t)n, 0640, e);
}

static int64_t mono(struct scrub *s) { return s->v->clock->mono_ns(s->v->clock); }

void scrub_read(struct scrub *s, uint64_t n) {
    s->sum->bytes += n;
    if (!s->o->rate) return;
    for (;;) {
        int64_t due = s->began + (int64_t)((double)s->sum->bytes / (double)s->o->rate * 1e9), wait = due - mono(s);
        if (wait <= 0) return;
        s->o->pause(s->o->arg, wait < PAUSE_S * NS_PER_S ? wait : PAUSE_S * NS_PER_S);
    }
}

void scrub_object(struct scrub *s, bool damaged) {
    s->sum->objects++;
    s->sum->damaged += damaged;
    if (s->o->tick && !s->o->tick(s->o->arg, s->host, s->sum)) s->over = true;
}

void scrub_moved(struct scrub *s) {
    if (s->o->slice_ns && mono(s) - s->began >= s->o->slice_ns) s->over = true;
}

int scrub_found(struct scrub *s, const char *object, uint32_t slot, const struct err *why, struct err *e) {
    /* No memory, no descriptor: not the object's fault. EIO is: it cannot be read. */
    if (why->id == ZE_NOMEM || why->id == ZE_NOSPACE || why->id == ZE_INTERNAL) {
        *e = *why;
        return -1;
    }
    return damage_add(&s->damage, object, slot, s->v->clock->now_ns(s->v->clock), why->msg, e);
}

/* Findings first: if interrupted between the two, objects are judged twice. */
static int save(struct scrub *s, struct err *e) {
    if (damage_save(&s->damage, s->v, s->host, e) < 0 || scrub_cursor_save(s->v, &s->at, e) < 0) return -1;
    s->saved = mono(s), s->saved_bytes = s->sum->bytes;
    return 0;
}

int scrub_save(struct scrub *s, struct err *e) {
    bool due = mono(s) - s->saved >= SAVE_S * NS_PER_S || s->sum->bytes - s->saved_bytes >= SAVE_BYTES;
    return due ? save(s, e) : 0;
}

static void host_free(struct scrub *s) {
    for (size_t i = 0; i < s->points_n; i++) free(s->points[i].used);
    free(s->points);
    s->points = NULL, s->points_n = s->points_cap = 0;
    s->id_known = s->begun = false;
    pack_list_free(&s->packs);
    damage_free(&s->damage);
}

static int system_judge(struct scrub *s, const char *name, const struct buf *b, struct err *e) {
    struct system_object o;
    if (keychain_system(&o, b->p, b->len, s->v->header.id, &s->v->keys, e) < 0) return -1;
    return strcmp(o.name, name) == 0 ? 0 : err_set(e, ZE_DAMAGED, name, _("it is the object of %s"), o.name);
}

static int system_one(void *arg, const char *name, uint64_t size, struct err *e) {
    struct scrub *s = arg;
    char object[STORE_NAME_MAX];
    struct buf b, copy;
    struct err why = ERR_INIT, ignored = ERR_INIT;
    if (!text_name_ok(name)) return 0;
    snprintf(object, sizeof object, "systems/%s", name);
    buf_init(&b, HEADER_MAX);
    buf_init(&copy, HEADER_MAX);
    damage_mark(&s->damage, object);
    int rc = 0, good = store_load(&s->v->store, object, HEADER_MAX, &b, &why);
    scrub_read(s, b.len);
    if (good == 0) good = system_judge(s, name, &b, &why);
    bool bad = good < 0;
    if (bad && heal_load(s, object, HEADER_MAX, &copy, &ignored) == 0 && system_judge(s, name, &copy, &ignored) == 0)
        bad = heal_object(s, object, &copy, &ignored) != 1;
    if (bad) rc = scrub_found(s, object, DAMAGE_WHOLE, &why, e);
    damage_sweep(&s->damage);
    scrub_object(s, bad);
    buf_free(&b);
    buf_free(&copy);
    return rc;
}

/* Header and copy: the vault was opened with the one that is whole. */
static int header_one(struct scrub *s, const char *name, struct err *e) {
    struct buf b;
    struct err why = ERR_INIT, ignored = ERR_INIT;
    const struct buf *whole = &s->v->header_raw;
    buf_init(&b, HEADER_MAX);
    damage_mark(&s->damage, name);
    int rc = 0, got = store_load(&s->v->store, name, HEADER_MAX, &b, &why);
    bool bad = got < 0 || b.len != whole->len || memcmp(b.p, whole->p, b.len) != 0;
    scrub_read(s, b.len);
    buf_free(&b);
    if (bad && !got) err_set(&why, ZE_DAMAGED, name, _("it is not the vault's header"));
    if (bad) bad = heal_object(s, name, whole, &ignored) != 1;
    if (bad) rc = scrub_found(s, name, DAMAGE_WHOLE, &why, e);
    damage_sweep(&s->damage);
    scrub_object(s, bad);
    return rc;
}

/* Before the first host: what belongs to none. */
static int vault_itself(struct scrub *s, struct err *e) {
    int rc = damage_load(&s->damage, s->v, "", e);
    if (rc == 0) rc = store_settle(&s->v->store, "systems", e);
    if (rc == 0) rc = header_one(s, HEADER_NAME, e);
    if (rc == 0) rc = header_one(s, HEADER_COPY, e);
    if (rc == 0) rc = store_list(&s->v->store, "systems", system_one, s, e);
    memcpy(s->host_id, s->v->header.id, SEAL_ID);
    s->id_known = true;
    if (rc == 0) rc = scrub_records(s, "log", "keys", e);
    if (rc == 0) rc = damage_save(&s->damage, s->v, "", e);
    host_free(s);
    return rc;
}

/* 1 when the slice ended before all packs were read; it has read one at least, so slices get on. */
static int host_all(struct scrub *s, struct err *e) {
    char dir[STORE_NAME_MAX], kept[STORE_NAME_MAX];
    snprintf(dir, sizeof dir, "hosts/%s/log", s->host);
    snprintf(kept, sizeof kept, "kept/%s", s->host);
    if (damage_load(&s->damage, s->v, s->host, e) < 0 || scrub_records(s, dir, kept, e) < 0) return -1;
    int rc = scrub_used(s, e), more = rc == 0 ? scrub_packs(s, e) : -1;
    if (more >= 0) rc = scrub_unused(s, e);
    if (rc == 0 && more >= 0) rc = damage_save(&s->damage, s->v, s->host, e);
    return rc < 0 || more < 0 ? -1 : more;
}

static int host_one(void *arg, const char *host, struct err *e) {
    struct scrub *s = arg;
    if (strcmp(host, s->at.host) < 0) return 0;
    if (s->over) return s->left = true, 0;
    if (strcmp(host, s->at.host) != 0) {
        snprintf(s->at.host, sizeof s->at.host, "%s", host);
        memset(s->at.generation, 0, SEAL_ID);
        s->at.pack = 0;
    }
    snprintf(s->host, sizeof s->host, "%s", host);
    int rc = host_all(s, e);
    if (rc > 0) s->left = true;
    if (rc == 0) {
        /* Past its last pack: whoever goes on here reads its log again and then the next host. */
        memset(s->at.generation, 0xff, SEAL_ID);
        s->at.pack = UINT64_MAX;
        rc = scrub_save(s, e);
        scrub_moved(s);
    }
    host_free(s);
    *s->host = 0;
    return rc < 0 ? rc : 0;
}

static int round_go(struct scrub *s, struct err *e) {
    if (s->o->all) *s->at.host = 0;
    if (!*s->at.host) {
        s->at.started = s->v->clock->now_ns(s->v->clock);
        if (vault_itself(s, e) < 0) return -1;
    }
    if (hosts_each(s->v, host_one, s, e) < 0) return -1;
    if (s->left) return scrub_cursor_save(s->v, &s->at, e);
    s->at = (struct scrub_cursor){.round = s->at.round + 1, .finished = s->v->clock->now_ns(s->v->clock)};
    return scrub_cursor_save(s->v, &s->at, e) < 0 ? -1 : 1;
}

int scrub_run(struct vault *v, const struct scrub_opts *o, struct scrub_sum *sum, struct err *e) {
    struct scrub s = {.v = v, .o = o, .sum = sum, .from.fd = -1};
    *sum = (struct scrub_sum){0};
    s.began = s.saved = mono(&s);
    s.segment = malloc(ZB_SEALED_MAX);
    int rc = s.segment ? 0 : err_set(e, ZE_NOMEM, "scrub", _("no memory"));
    if (rc == 0 && o->heal_from) rc = heal_open(&s, o->heal_from, e);
    if (rc == 0) rc = scrub_cursor_load(v, &s.at, e);
    if (rc == 0) rc = round_go(&s, e);
    host_free(&s);
    store_close(&s.from);
    free(s.segment);
    return rc;
}
