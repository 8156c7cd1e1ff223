/** Which system would miss its RTO if it were lost now. */
#ifndef DAEMON_DRILL_FORECAST_H
#define DAEMON_DRILL_FORECAST_H

#include "daemon.h"
#include "people/may.h"

/** drill_forecasts(d, who, e): of each system with a plan in force that ${who} sees: {system, plan, bytes (of its newest complete
 * points), drill (the last green one), level, bytes_per_s, ms, target_s, verdict, why (where nothing can be said)}; to be freed.
 * Asks the vault, so no transaction may be open. */
struct js *drill_forecasts(struct daemon *d, const struct principal *who, struct err *e) MUST_CHECK;

/** drill_forecast_watch(d, e): the condition drill.forecast of each system. Asks the vault. */
int drill_forecast_watch(struct daemon *d, struct err *e) MUST_CHECK;

#endif
