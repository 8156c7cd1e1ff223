/* Finding packs and reading their indexes. A listing is a snapshot: what is not in it may have come since, so those
 * who miss something list again before they call it missing. */
#include "packs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/text.h"
#include "sys/file.h"

void pack_dir(char out[STORE_NAME_MAX], const char *host, const uint8_t generation[SEAL_ID]) {
    char hex[2 * SEAL_ID + 1];
    text_hex(hex, generation, SEAL_ID);
    snprintf(out, STORE_NAME_MAX, "hosts/%s/packs/%s", host, hex);
}

void pack_name(
    char out[STORE_NAME_MAX], const char *host, const uint8_t generation[SEAL_ID], uint32_t pack, uint32_t revision) {
    pack_dir(out, host, generation);
    size_t n = strlen(out);
    snprintf(out + n, STORE_NAME_MAX - n, "/%08x.%02x", pack, revision & 0xff);
}

static int item_add(void *arg, const char *name, uint64_t size, struct err *e) {
    struct pack_list *l = arg;
    uint8_t p[4], r;
    char hex[9];
    if (strlen(name) != 11 || name[8] != '.' || !text_unhex(&r, 1, name + 9)) return 0;
    memcpy(hex, name, 8);
    hex[8] = 0;
    if (!text_unhex(p, 4, hex)) return 0;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        void *more = realloc(l->item, cap * sizeof *l->item);
        if (!more) return err_set(e, ZE_NOMEM, name, _("no memory for the list of packs"));
        l->item = more, l->cap = cap;
    }
    uint32_t pack = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    l->item[l->n++] = (struct pack_item){.pack = pack, .revision = r, .size = size};
    return 0;
}

static int item_cmp(const void *a, const void *b) {
    const struct pack_item *x = a, *y = b;
    if (x->pack != y->pack) return x->pack < y->pack ? -1 : 1;
    return x->revision < y->revision ? -1 : x->revision > y->revision;
}

int pack_list_all(
    struct pack_list *l, struct store *s, const char *host, const uint8_t generation[SEAL_ID], struct err *e) {
    char dir[STORE_NAME_MAX];
    pack_dir(dir, host, generation);
    l->n = 0, l->loaded = false;
    memcpy(l->generation, generation, SEAL_ID);
    if (store_list(s, dir, item_add, l, e) < 0) return -1;
    if (l->n) qsort(l->item, l->n, sizeof *l->item, item_cmp);
    l->loaded = true;
    return 0;
}

int pack_list_load(
    struct pack_list *l, struct store *s, const char *host, const uint8_t generation[SEAL_ID], struct err *e) {
    if (pack_list_all(l, s, host, generation, e) < 0) return -1;
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (kept && l->item[kept - 1].pack == l->item[i].pack) kept--;
        l->item[kept++] = l->item[i];
    }
    l->n = kept;
    return 0;
}

const struct pack_item *pack_list_find(const struct pack_list *l, uint32_t pack) {
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (l->item[mid].pack == pack) return &l->item[mid];
        if (l->item[mid].pack < pack) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

void pack_list_free(struct pack_list *l) {
    free(l->item);
    *l = (struct pack_list){.n = 0};
}

static int rows_read(int fd, struct pack_index *x, const uint8_t *head, const char *object, struct err *e) {
    size_t n = (size_t)x->trailer.count * PACK_ROW;
    uint8_t hash[SEAL_HASH];
    struct hash_state h;
    x->rows = malloc(n ? n : 1);
    if (!x->rows) return err_set(e, ZE_NOMEM, object, _("no memory for its index"));
    ssize_t got = file_pread_full(fd, x->rows, n, (off_t)x->trailer.index_at);
    if (got < 0) return err_sys(e, object, "read");
    if ((size_t)got != n) return err_set(e, ZE_TRUNCATED, object, _("it ends within its index"));
    hash_init(&h, NULL);
    hash_update(&h, head, PACK_HEADER);
    hash_update(&h, x->rows, n);
    hash_final(&h, hash);
    if (memcmp(hash, x->trailer.hash, SEAL_HASH) != 0)
        return err_set(e, ZE_DAMAGED, object, _("header or index do not have the hash in its trailer"));
    return pack_index_check(x->rows, &x->trailer, object, e);
}

int pack_index_read(int fd, const char *object, struct pack_index *x, struct err *e) {
    uint8_t head[PACK_HEADER], tail[PACK_TRAILER];
    *x = (struct pack_index){.rows = NULL};
    off_t size = lseek(fd, 0, SEEK_END); /* not fstat: serve may look at nothing */
    if (size < 0) return err_sys(e, object, "lseek");
    if (size < PACK_HEADER + PACK_TRAILER)
        return err_set(e, ZE_TRUNCATED, object, _("%lld bytes cannot be a pack"), (long long)size);
    if (file_pread_full(fd, head, sizeof head, 0) != sizeof head ||
        file_pread_full(fd, tail, sizeof tail, size - (off_t)sizeof tail) != sizeof tail)
        return err_set(e, ZE_IO, object, _("it cannot be read"));
    int rc = pack_header_get(&x->header, head, object, e);
    if (rc == 0) rc = pack_trailer_get(&x->trailer, tail, (uint64_t)size, object, e);
    if (rc == 0) rc = rows_read(fd, x, head, object, e);
    if (rc < 0) pack_index_free(x);
    return rc;
}

bool pack_index_find(const struct pack_index *x, uint32_t slot, struct pack_row *row) {
    uint32_t lo = 0, hi = x->trailer.count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        pack_row_get(row, x->rows + (size_t)mid * PACK_ROW);
        if (row->slot == slot) return true;
        if (row->slot < slot) lo = mid + 1;
        else hi = mid;
    }
    return false;
}

void pack_index_free(struct pack_index *x) {
    free(x->rows);
    x->rows = NULL;
}
