/**
 * Drift: what the plan in force says against what is there (R13: results match the policy; R23). Nothing is changed by
 * looking. The vault is asked for the points of each host and may block; no transaction may be open.
 */
#ifndef DAEMON_DRIFT_H
#define DAEMON_DRIFT_H

#include "catalog_life.h"
#include "daemon.h"

/**
 * drift_json(d, v, e):
 * {plan, version, hash, findings: [{kind, host, …}], results: [{host, label, due, met, missing: [times]}]}. Kinds:
 * host-not-enrolled, host-revoked, no-point, rpo (rpo_s, target_s), other-version (point, plan_hash), run-missing (label,
 * missing), quota (wished_bytes, quota_bytes), location (location), vault-silent (message).
 */
struct js *drift_json(struct daemon *d, const struct version *v, struct err *e) MUST_CHECK;

/** drift_unplanned(d): enrolled hosts that no plan in force names, an array of names. */
struct js *drift_unplanned(struct daemon *d, struct err *e) MUST_CHECK;

#endif
