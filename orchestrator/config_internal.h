/** What the files that read zaibeid.yaml share. */
#ifndef ORCHESTRATOR_CONFIG_INTERNAL_H
#define ORCHESTRATOR_CONFIG_INTERNAL_H

#include "config.h"
#include "wrap/yaml.h"

/** config_drills(top, c, e): the section drills, and what holds where it is absent; after state was read. */
int config_drills(const struct yaml_node *top, struct config *c, struct err *e) MUST_CHECK;

#endif
