/* The agent starts itself as link. With this loaded it finds another program at its own place: what ZAIBEI_ROGUE names. */
#undef _FORTIFY_SOURCE /* this is what it would call */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t __readlink_chk(const char *path, char *out, size_t cap, size_t have);

ssize_t readlink(const char *path, char *out, size_t cap) {
    const char *rogue = getenv("ZAIBEI_ROGUE");
    ssize_t (*real)(const char *, char *, size_t);
    if (rogue && !strcmp(path, "/proc/self/exe") && !strcmp(program_invocation_short_name, "zaibei-agent")) {
        size_t n = strlen(rogue) < cap ? strlen(rogue) : cap;
        memcpy(out, rogue, n);
        return (ssize_t)n;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "readlink");
    return real(path, out, cap);
}

ssize_t __readlink_chk(const char *path, char *out, size_t cap, size_t have) {
    (void)have;
    return readlink(path, out, cap);
}
