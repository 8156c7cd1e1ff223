/** What the handlers of people share. */
#ifndef DAEMON_API_PEOPLE_H
#define DAEMON_API_PEOPLE_H

#include "api.h"

/** api_people_on: ZE_PEOPLEOFF where zaibeid has no users. */
int api_people_on(const struct api_call *c, struct err *e) MUST_CHECK;

/** Roles as an array of words, and back; a user as lists show it, without secrets. */
struct js *api_roles_json(unsigned roles);
int api_roles_take(const struct js *list, unsigned *roles, struct err *e) MUST_CHECK;
struct js *api_user_json(const struct user *u, int64_t now_ns);

/** api_copy_text(body, key, out, cap, e): a member into ${out}, which stays as it is where there is none. api_take_name: the
 * name of a new user. ZE_USAGE. */
int api_copy_text(const struct js *body, const char *key, char *out, size_t cap, struct err *e) MUST_CHECK;
int api_take_name(const struct js *body, struct user *u, struct err *e) MUST_CHECK;

#endif
