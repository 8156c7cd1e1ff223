/* What link has given up is gone: whatever link_isolate does not report as kept is tried, from inside, and so is everything
 * at once under seccomp. A kernel that refuses a step is played by a filter; then it is reported, and the rest holds. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link.h"
#include "wrap/sandbox.h"
#include "suite.h"

/* Set before the child that tries is made. */
static int pair[2];                 /* what it keeps: the socket */
static struct sockaddr_in tcp;      /* somebody listens here, */
static struct sockaddr_un abstract; /* and here */
static socklen_t abstract_len;
static int secret = 4711;

static int tcp_listen(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t n = sizeof tcp;
    tcp = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&tcp, sizeof tcp), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&tcp, &n), 0);
    return fd;
}

static int abstract_listen(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    abstract = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(abstract.sun_path + 1, sizeof abstract.sun_path - 1, "zb-link-%d", (int)getpid());
    abstract_len = (socklen_t)(sizeof abstract.sun_family + 1 + (size_t)n);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&abstract, abstract_len), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    return fd;
}

/* ---- what is tried: each is true when it succeeded, which is bad ---- */

static bool opens(const char *path) { return open(path, O_RDONLY | O_CLOEXEC) >= 0; }
static bool file(void) { return opens("/etc/passwd") || opens("etc/passwd") || opens("../../etc/passwd"); }
static bool itself(void) { return opens("/proc/self/mem") || opens("/proc/self/exe") || opens("/proc/1/status"); }
static bool directory(void) { return opens("/") && opens("/etc"); }
static bool makes(void) { return open("/tmp/zb-link", O_WRONLY | O_CREAT, 0600) >= 0 || mkdir("zb-link", 0700) == 0; }
static bool reach(int family, const void *to, socklen_t n) {
    int fd = socket(family, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, to, n) == 0;
}
static bool network(void) { return reach(AF_INET, &tcp, sizeof tcp); }
static bool neighbour(void) { return reach(AF_UNIX, &abstract, abstract_len); }
static bool parent_signal(void) { return kill(getppid(), 0) == 0; }
static bool parent_trace(void) { return ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0; }
static bool parent_read(void) {
    int got = 0;
    struct iovec to = {&got, sizeof got}, from = {&secret, sizeof secret};
    return process_vm_readv(getppid(), &to, 1, &from, 1, 0) == sizeof got;
}
static bool capability(void) {
    for (unsigned long cap = 0; cap < 41; cap++)
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return true;
    return chroot("/") == 0 || sethostname("x", 1) == 0;
}
static bool user_back(void) { return getuid() == 0 || setuid(0) == 0; }
static bool privileges(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1; }
static bool descriptor(void) {
    for (int fd = LINK_CONTROL + 1; fd < 256; fd++)
        if (fd != pair[1] && fcntl(fd, F_GETFD) >= 0) return true;
    return false;
}
static bool dump(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0; }

static bool program(void) {
    char *argv[] = {(char *)(uintptr_t) "true", NULL};
    return execv("/bin/true", argv) == 0;
}
static bool child_made(void) { return fork() >= 0; }
static bool namespace_made(void) { return unshare(CLONE_NEWUSER) == 0; }
static bool socket_made(void) { return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_DGRAM, 0) >= 0; }
static bool traced(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 || parent_trace(); }
static bool bpf(void) { return syscall(SYS_bpf, 0, NULL, 0) >= 0 || errno != EPERM; }
static bool ring(void) { return syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno != EPERM; }

struct attempt {
    const char *what;
    bool (*succeeds)(void);
    unsigned unless; /* not tried when link said that it kept all of these */
    bool seccomp;    /* only seccomp is against it */
};
static const struct attempt attempts[] = {
    {"has another descriptor", descriptor, 0, false},
    {"reads a file", file, LINK_KEEPS_FILES | LINK_KEEPS_LANDLOCK, false},
    {"reads /proc", itself, LINK_KEEPS_FILES | LINK_KEEPS_LANDLOCK, false},
    {"sees a directory", directory, LINK_KEEPS_FILES, false},
    {"makes a file", makes, LINK_KEEPS_FILES | LINK_KEEPS_LANDLOCK, false},
    {"connects to a port", network, LINK_KEEPS_NETWORK | LINK_KEEPS_LANDLOCK, false},
    {"connects to an abstract socket", neighbour, LINK_KEEPS_NETWORK, false},
    {"signals its parent", parent_signal, LINK_KEEPS_USER, false},
    {"traces its parent", parent_trace, LINK_KEEPS_USER | LINK_KEEPS_LANDLOCK, false},
    {"reads its parent's memory", parent_read, LINK_KEEPS_USER | LINK_KEEPS_LANDLOCK, false},
    {"has a capability", capability, LINK_KEEPS_CAPABILITIES, false},
    {"is root again", user_back, LINK_KEEPS_USER, false},
    {"may gain privileges", privileges, LINK_KEEPS_PRIVILEGES, false},
    {"can be dumped", dump, 0, true},
    {"starts a program", program, 0, true},
    {"makes a process", child_made, 0, true},
    {"makes a namespace", namespace_made, 0, true},
    {"makes a socket", socket_made, 0, true},
    {"uses ptrace", traced, 0, true},
    {"uses bpf", bpf, 0, true},
    {"uses io_uring", ring, 0, true},
};
enum { ATTEMPTS = sizeof attempts / sizeof *attempts, CHILD_FAILED = 200 };

struct child {
    bool seccomp, ordinary;
    int refused[4]; /* system calls that "the kernel" refuses */
};

static int refuse(const struct child *c) {
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int rc = 0;
    for (int i = 0; i < 4 && c->refused[i]; i++) {
        int error = c->refused[i] == SCMP_SYS(getrandom) ? ENOSYS : EPERM;
        rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)error), c->refused[i], 0);
    }
    rc |= seccomp_load(ctx);
    seccomp_release(ctx);
    return rc;
}

/* Isolate, say through the socket what was kept, try. Its exit status is the first attempt that succeeded, from 1 on. */
__attribute__((noreturn)) static void child(const struct child *c) {
    char byte = 0;
    if (c->ordinary && (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)) _exit(CHILD_FAILED);
    if (c->refused[0] && refuse(c) < 0) _exit(CHILD_FAILED + 1);
    unsigned keeps = link_isolate(pair[1]);
    if (c->seccomp && sandbox_relay_only() < 0) keeps |= LINK_KEEPS_SECCOMP;
    if (write(pair[1], &keeps, sizeof keeps) != sizeof keeps || read(pair[1], &byte, 1) != 1) _exit(CHILD_FAILED + 2);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        const struct attempt *a = &attempts[i];
        if (c->seccomp ? keeps & LINK_KEEPS_SECCOMP || a->succeeds == capability || a->succeeds == privileges ||
                    a->succeeds == user_back || a->succeeds == dump || a->succeeds == descriptor
                       : a->seccomp || (a->unless && (keeps & a->unless) == a->unless))
            continue;
        if (a->succeeds()) _exit((int)i + 1);
    }
    _exit(0);
}

/* What the child has kept, after nothing that it tried has succeeded. */
static unsigned tried(const struct child *c) {
    int l = tcp_listen(), u = abstract_listen(), status = -1;
    unsigned keeps = ~0u;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) child(c);
    ck_assert_int_eq(close(pair[1]), 0);
    bool said = read(pair[0], &keeps, sizeof keeps) == sizeof keeps && write(pair[0], "x", 1) == 1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status), "it died of signal %d", WTERMSIG(status));
    int code = WEXITSTATUS(status);
    ck_assert_msg(said && code < CHILD_FAILED, "the child failed: %d", code);
    ck_assert_msg(code == 0, "link %s, and says that it kept %#x", attempts[code - 1].what, keeps);
    close(l), close(u), close(pair[0]);
    return keeps;
}

START_TEST(what_link_gives_up_is_gone) { (void)tried(&(struct child){0}); }
END_TEST

START_TEST(an_ordinary_users_link_gives_up_what_the_kernel_lets_it) {
    struct child c = {.ordinary = getuid() == 0};
    ck_assert(tried(&c) & LINK_KEEPS_USER);
}
END_TEST

START_TEST(under_seccomp_nothing_is_left_but_moving_bytes) { (void)tried(&(struct child){.seccomp = true}); }
END_TEST

START_TEST(what_the_kernel_refuses_is_told_and_the_rest_holds) {
    static const struct {
        int refused[4];
        unsigned kept;
    } rows[] = {
        {{SCMP_SYS(unshare)}, LINK_KEEPS_NETWORK},
        {{SCMP_SYS(chroot)}, LINK_KEEPS_FILES},
        {{SCMP_SYS(unshare), SCMP_SYS(chroot)}, LINK_KEEPS_NETWORK | LINK_KEEPS_FILES},
        {{SCMP_SYS(landlock_create_ruleset)}, LINK_KEEPS_LANDLOCK},
        {{SCMP_SYS(setresuid)}, LINK_KEEPS_USER},
        {{SCMP_SYS(capget)}, LINK_KEEPS_CAPABILITIES},
        {{SCMP_SYS(prctl)}, LINK_KEEPS_PRIVILEGES},
        {{SCMP_SYS(getrandom)}, LINK_KEEPS_FILES | LINK_KEEPS_LANDLOCK},
    };
    struct child c = {.refused = {0}};
    memcpy(c.refused, rows[_i].refused, sizeof c.refused);
    unsigned kept = tried(&c);
    ck_assert_msg((kept & rows[_i].kept) == rows[_i].kept, "kept %#x, expected %#x among them", kept, rows[_i].kept);
}
END_TEST

START_TEST(a_kernel_without_seccomp_is_told) {
    struct child c = {.seccomp = true, .refused = {SCMP_SYS(seccomp), SCMP_SYS(prctl)}};
    ck_assert(tried(&c) & LINK_KEEPS_SECCOMP);
}
END_TEST

START_TEST(link_is_not_for_people) {
    struct err e = ERR_INIT;
    char *argv[] = {(char *)(uintptr_t) "link", (char *)(uintptr_t) "x", NULL};
    ck_assert_int_lt(cmd_link(2, argv, &e), 0);
    ck_assert_int_eq(e.id, ZE_USAGE);
}
END_TEST

int main(void) {
    Suite *s = suite_create("agent_link");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, what_link_gives_up_is_gone);
    tcase_add_test(t, an_ordinary_users_link_gives_up_what_the_kernel_lets_it);
    tcase_add_test(t, under_seccomp_nothing_is_left_but_moving_bytes);
    tcase_add_loop_test(t, what_the_kernel_refuses_is_told_and_the_rest_holds, 0, 8);
    tcase_add_test(t, a_kernel_without_seccomp_is_told);
    tcase_add_test(t, link_is_not_for_people);
    suite_add_tcase(s, t);
    return suite_run(s);
}
