/* The log is standard error: whoever started zaibeid keeps it. What a peer said is escaped, so that one line stays one. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon.h"

void daemon_log(struct daemon *d, const char *fmt, ...) {
    char text[1500], line[sizeof text * 4], when[32];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    text_escape(line, sizeof line, text, strlen(text));
    text_time(when, daemon_now(d));
    fprintf(stderr, "%s %s\n", when, line);
}
