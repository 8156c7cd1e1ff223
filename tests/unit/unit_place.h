/** A directory of a test's own, in memory where there is room: tens of thousands of vaults are made and removed in it. */
#ifndef TESTS_UNIT_PLACE_H
#define TESTS_UNIT_PLACE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "crash_state.h"
#include "wrap/seal.h"

static char place[64];

static void place_make(void) {
    struct statvfs v;
    struct err e = ERR_INIT;
    bool memory = statvfs("/dev/shm", &v) == 0 && v.f_bavail * v.f_frsize > 64u << 20;
    ck_assert_int_eq(seal_init(&e), 0);
    snprintf(place, sizeof place, "%s/zb.XXXXXX", memory ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(place));
}

static void place_remove(void) { crash_remove(place); }

#endif
