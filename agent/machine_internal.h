/** The pieces of machine.h that its files share. */
#ifndef AGENT_MACHINE_INTERNAL_H
#define AGENT_MACHINE_INTERNAL_H

#include "machine.h"

/** machine_tree_open(tree, path, flags): open ${path} as if the tree were the root: its links lead nowhere else. The
 * descriptor, or -1 with errno. */
int machine_tree_open(int tree, const char *path, int flags);

/** machine_kernel(tree, m, e): choose the newest kernel of the tree that has modules, copy it to m->kernel. */
int machine_kernel(int tree, struct machine *m, struct err *e) MUST_CHECK;

/** machine_initrd(tree, m, q, e): write m->initrd. machine_image(m, q, e): write m->image by mke2fs. */
int machine_initrd(int tree, struct machine *m, const struct machine_request *q, struct err *e) MUST_CHECK;
int machine_image(struct machine *m, const struct machine_request *q, struct err *e) MUST_CHECK;

/** machine_tool(names, package, e): the first of these absolute paths that can be run, or NULL with ZE_NOTOOL. */
const char *machine_tool(const char *const *paths, const char *package, struct err *e);

/** machine_port(number, host, between, e): a new port of br0: a socket on which whole frames come and go, and the
 * process that passes them on, or <0. The port disappears with the network namespace. */
int machine_port(unsigned number, const char *host, struct proc *between, struct err *e) MUST_CHECK;

#endif
