/** Giving up rights by seccomp, and the only door to libseccomp. */
#ifndef WRAP_SANDBOX_H
#define WRAP_SANDBOX_H

/**
 * sandbox_relay_only():
 * From here on this process (all its threads) can move bytes on descriptors it has, wait, tell the time, take memory and
 * end; everything else fails with EPERM. PR_SET_NO_NEW_PRIVS has to be set. Return 0, or -1 where the kernel has no
 * seccomp: nothing has changed then. Cannot be undone. Where the kernel has no getrandom, files can be opened for reading, too.
 */
int sandbox_relay_only(void);
/** sandbox_session(): the same, and reading at any place of files it has open: what a session of the vault needs. */
int sandbox_session(void);

/** sandbox_service(): for a program out of a restored tree: everything but what changes namespaces and mounts, loads code into the
 * kernel, or sets the machine's clock and power; also for programs of the machine's other word lengths. */
int sandbox_service(void);

#endif
