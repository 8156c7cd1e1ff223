/* One file a note, so that a restore and the agent that tells never meet in one. If interrupted here: a note that was heard and is
 * still there is told again; the platform's log has it twice, which is better than not at all. */
#include "restored.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/file.h"

enum { NOTES_MAX = 200, NOTE_MAX = 8192, TARGET_MAX = 1000 };
#define PLACE "restored"

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The notes of ${fd}, the oldest first; the caller frees each and the list. */
static size_t notes_list(int fd, char ***out) {
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    char **list = NULL;
    size_t n = 0;
    for (struct dirent *de; d && (de = readdir(d));) {
        if (de->d_name[0] == '.') continue;
        char **more = reallocarray(list, n + 1, sizeof *list);
        if (!more) break;
        list = more;
        if (!(list[n] = strdup(de->d_name))) break;
        n++;
    }
    if (d) closedir(d);
    if (n) qsort(list, n, sizeof *list, by_name);
    *out = list;
    return n;
}

static void notes_free(char **list, size_t n) {
    while (n) free(list[--n]);
    free(list);
}

static void forget_oldest(int fd) {
    char **list;
    size_t n = notes_list(fd, &list);
    for (size_t i = 0; i + NOTES_MAX < n; i++) unlinkat(fd, list[i], 0);
    notes_free(list, n);
}

static int place_open(const struct config *c) {
    return openat(c->statefd, PLACE, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

void restored_note(const struct config *c, struct clock *clock, const struct restored *w) {
    struct err e = ERR_INIT;
    char name[64];
    CLEANUP_JS struct js *j = js_object();
    js_set_str(j, "state", w->state);
    js_set_time(j, "at", clock->now_ns(clock));
    js_set_int(j, "point", w->point);
    js_set_name(j, "target", w->target, strnlen(w->target, TARGET_MAX));
    js_set_int(j, "files", (int64_t)w->files);
    js_set_int(j, "bytes", (int64_t)w->bytes);
    js_set_int(j, "missed", (int64_t)w->missed);
    CLEANUP_FREE char *text = js_dump(j);
    snprintf(name, sizeof name, "%020lld-%s", (long long)clock->now_ns(clock), w->state);
    CLEANUP_FD int fd = file_mkdirs(c->statefd, PLACE, 0700, &e) < 0 ? -1 : place_open(c);
    if (fd < 0 || file_replace(fd, name, text, strlen(text), 0600, &e) < 0) {
        if (!e.id) err_sys(&e, PLACE, "open");
        err_print("zaibei-agent", &e);
        return;
    }
    forget_oldest(fd);
}

void restored_tell(const struct config *c, int (*tell)(void *arg, struct js *note), void *arg) {
    CLEANUP_FD int fd = place_open(c);
    if (fd < 0) return;
    char **list;
    size_t n = notes_list(fd, &list);
    for (size_t i = 0; i < n; i++) {
        struct err ignored = ERR_INIT;
        struct buf text;
        buf_init(&text, NOTE_MAX);
        int rc = file_load(fd, list[i], NOTE_MAX, &text, &ignored);
        CLEANUP_JS struct js *j = rc < 0 ? NULL : js_parse(text.p, text.len, list[i], &ignored);
        buf_free(&text);
        if (j && tell(arg, j) < 0) break;
        unlinkat(fd, list[i], 0);
    }
    notes_free(list, n);
}
