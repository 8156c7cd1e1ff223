/* The table of working days that comes with the product, as it stands in dist/holidays-cn.json: a new installation counts
 * right before anybody has imported anything. Later years are imported. */
#include "calendar/workdays.h"

__asm__(".section .rodata\n"
        "zb_first: .incbin \"dist/holidays-cn.json\"\n"
        "zb_first_end: .byte 0\n"
        ".previous\n");
extern const char first_begin[] __asm__("zb_first"), first_end[] __asm__("zb_first_end");

const char *workdays_first(size_t *n) {
    *n = (size_t)(first_end - first_begin);
    return first_begin;
}
