/** The vault header and the systems (FORMAT.md §3). */
#ifndef VERIFY_HEADER_H
#define VERIFY_HEADER_H

#include "verify.h"

/** header_check(v, e): read the header into ${v}; what is wrong with it is reported. <0: ZE_NEWER. */
int header_check(struct verify *v, struct err *e) MUST_CHECK;

/** systems_check(v): each system is signed and named as it says. */
void systems_check(struct verify *v);

#endif
