/* Which plan names which host, for whom: one row each, written when a version comes into force. */
#include "catalog_life.h"

void reach_put(struct db *d, const char *plan, const char *department, const char *const *hosts, size_t n) {
    db_exec(d, "DELETE FROM reach WHERE plan=?", "s", plan);
    for (size_t i = 0; i < n; i++)
        db_exec(
            d, "INSERT OR REPLACE INTO reach(plan,host,department) VALUES(?,?,?)", "sss", plan, hosts[i], department);
}
