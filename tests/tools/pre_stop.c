/* Loaded before libc: the process that sends a packet with all words of STOP_AFTER ("word word") stops itself behind it, once. */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int has_all(const char *packet, size_t n, const char *words) {
    while (*words) {
        size_t len = strcspn(words, " ");
        if (!memmem(packet, n, words, len)) return 0;
        words += len + strspn(words + len, " ");
    }
    return 1;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
    static ssize_t (*real)(int, const struct msghdr *, int);
    static int done;
    const char *words = getenv("STOP_AFTER");
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
    ssize_t n = real(fd, m, flags);
    if (!done && words && *words && m->msg_iovlen == 1 && has_all(m->msg_iov[0].iov_base, m->msg_iov[0].iov_len, words)) {
        done = 1;
        kill(getpid(), SIGSTOP);
    }
    return n;
}
