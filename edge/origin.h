/* Origins: how an edge recognises a command that it has applied before.
 *
 * A command that came from an answer carries where it came from: (name, first, index), the name
 * being the connection whose batch was answered, or the hash of a REST caller's key. The commands
 * of one name come in growing order of (first, index), so the last applied is all that need be
 * remembered: what is not above it is a repetition (another control carries out an answer that its
 * predecessor had begun).
 *
 * For an own connection the mark lies in the connection. For all other names there is this table:
 * bounded in time, since nothing is repeated later than 2 × (PEER_TIMEOUT + WEBHOOK_TIMEOUT), and
 * in number. Pure memory; one thread.
 */
#ifndef SLIP_EDGE_ORIGIN_H
#define SLIP_EDGE_ORIGIN_H

#include "common/base/list.h"
#include "common/base/table.h"

/* The last applied of one name. Zero-initialised: nothing was applied. */
struct origin_mark {
    uint64_t first;
    uint32_t next_index; /* one more than the last index applied in `first`; 0: none ever */
};

/* Was (first, index) not applied yet? Then it is marked as applied. */
bool origin_mark_advance(struct origin_mark *mark, uint64_t first, uint64_t index);

struct origin_table {
    struct table by_name;
    struct list by_age; /* the longest untouched first */
    int64_t keep_ms;
    size_t limit; /* of names; the oldest goes */
};

void origin_table_init(struct origin_table *table, int64_t keep_ms, size_t limit);
void origin_table_fini(struct origin_table *table);

/* The same as origin_mark_advance() for a name in the table, which is added when it is new. */
bool origin_table_advance(struct origin_table *table, struct span name, uint64_t first,
                          uint64_t index, int64_t now_ms);

/* Remembers the mark of a connection that is being forgotten; nothing when it is empty. */
void origin_table_keep(struct origin_table *table, struct span name, const struct origin_mark *mark,
                       int64_t now_ms);

/* Drops what is older than keep_ms. */
void origin_table_expire(struct origin_table *table, int64_t now_ms);

#endif
