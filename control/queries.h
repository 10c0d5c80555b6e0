/* Every statement that control sends to PostgreSQL. It only reads, but for what operators ask of
 * dead letters.
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

/* The newest first. $1 after this key, $2 connection id or null, $3 "waiting", "replayed" or null,
 * $4 rows */
extern const struct database_statement query_dead_letters;

/* One row, one column: the dead letter as JSON, with all that is needed to replay it. $1 id */
extern const struct database_statement query_dead_letter;

/* A row if there is one. $1 id */
extern const struct database_statement query_dead_letter_exists;

/* Asks for a replay, once: one row, one column, the letter as in the listing; none when it is
 * delivered. $1 id */
extern const struct database_statement query_replay_dead_letter;

/* One row; none while a router has it in hand. $1 id */
extern const struct database_statement query_discard_dead_letter;

/* $1 after this edge id, $2 rows */
extern const struct database_statement query_edge_list;

/* One row, one column: figures as JSON. */
extern const struct database_statement query_status;

#endif
