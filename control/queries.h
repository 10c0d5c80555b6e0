/* Every statement that control sends to PostgreSQL. It only reads.
 *
 * What REST shows is written as JSON by PostgreSQL: a listing has the columns that page.h reads,
 * the rest of control copies them.
 */
#ifndef SLIP_CONTROL_QUERIES_H
#define SLIP_CONTROL_QUERIES_H

#include "common/database/database.h"

/* edge_id, state, home_router, home_epoch of every row. */
extern const struct database_statement query_edges;

/* One row, one column: the connection as JSON. $1 connection id */
extern const struct database_statement query_connection;

/* $1 after this id, $2 edge id or null, $3 state or null, $4 rows; of the second: $5 channel */
extern const struct database_statement query_connections;
extern const struct database_statement query_connections_of_channel;

/* $1 after this channel, $2 prefix, $3 rows */
extern const struct database_statement query_channels;

/* One row, one column: the channel as JSON, with 0 members when nobody is in it. $1 channel */
extern const struct database_statement query_channel;

/* $1 channel, $2 after this connection id, $3 rows */
extern const struct database_statement query_members;

/* $1 after this edge id, $2 rows */
extern const struct database_statement query_edge_list;

/* One row, one column: figures as JSON. */
extern const struct database_statement query_status;

#endif
