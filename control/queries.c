#include "control/queries.h"

/* SQL is laid out by hand. */
/* clang-format off */

/* RFC 3339, UTC, milliseconds; null stays null. */
#define TIME(column) \
    "to_char(" column " at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* A page of `rows`, a select of key and item that is limited in number. Cut where the items before
 * make more than 4 MB; `found` says how many there were, so that what was cut off is not lost. */
#define PAGE(rows)                                                                       \
    "select key, item, found from ("                                                     \
    " select key, item, count(*) over () as found,"                                      \
    "  sum(octet_length(item)) over (order by key) - octet_length(item) as bytes_before" \
    "  from (" rows ") as rows"                                                          \
    ") as sized where bytes_before < 4194304 order by key"

#define CONNECTION                                                    \
    "json_build_object("                                              \
    "'connectionId', c.connection_id, 'state', c.state,"              \
    " 'edge', c.edge_id, 'ip', c.ip, 'path', c.path,"                 \
    " 'createdAt', " TIME("c.created_at") ","                         \
    " 'openedAt', " TIME("c.opened_at") ","                           \
    " 'metadata', c.metadata, 'channels', ("                          \
    "  select coalesce(json_agg(s.channel order by s.channel), '[]')" \
    "  from subscriptions s where s.connection_id = c.connection_id))::text"

/* A key that grows as the letters get older: pages are cut in ascending order. */
#define LETTER_KEY "9223372036854775807 - d.id"

#define LETTER_STATE "case when d.replayed_at is null then 'waiting' else 'replayed' end"

/* Members without the brackets. */
#define LETTER                                                       \
    "'id', d.id, 'state', " LETTER_STATE ","                         \
    " 'idempotencyKey', d.idempotency_key,"                          \
    " 'connectionId', d.connection_id, 'kind', d.kind,"              \
    " 'eventCount', json_array_length(d.events),"                    \
    " 'attempts', d.attempts, 'lastStatus', d.last_status,"          \
    " 'lastError', d.last_error,"                                    \
    " 'createdAt', " TIME("d.created_at") ","                        \
    " 'replayRequestedAt', " TIME("d.replay_requested_at") ","       \
    " 'replayFailedAt', " TIME("d.replay_failed_at") ","             \
    " 'replayedAt', " TIME("d.replayed_at")

const struct database_statement query_dead_letters = {
    .name = "dead_letters",
    .sql = PAGE("select " LETTER_KEY " as key, json_build_object(" LETTER ")::text as item"
                " from dead_letters d"
                " where d.id < 9223372036854775807 - coalesce(nullif($1::text, '')::bigint, 0)"
                " and ($2::text is null or d.connection_id = $2)"
                " and ($3::text is null or " LETTER_STATE " = $3)"
                " order by d.id desc limit $4"),
};

const struct database_statement query_dead_letter = {
    .name = "dead_letter",
    .sql = "select json_build_object(" LETTER ","
           " 'firstSequence', d.first_sequence, 'lastSequence', d.last_sequence,"
           " 'metadata', d.metadata, 'events', d.events)::text"
           " from dead_letters d where d.id = $1",
};

const struct database_statement query_dead_letter_exists = {
    .name = "dead_letter_exists",
    .sql = "select 1 from dead_letters where id = $1",
};

const struct database_statement query_replay_dead_letter = {
    .name = "replay_dead_letter",
    .sql = "update dead_letters d set replay_requested_at = coalesce(d.replay_requested_at, now())"
           " where d.id = $1 and d.replayed_at is null"
           " returning json_build_object(" LETTER ")::text",
};

const struct database_statement query_discard_dead_letter = {
    .name = "discard_dead_letter",
    .sql = "delete from dead_letters where id = $1 and replay_claimed_by is null returning id",
};

const struct database_statement query_edges = {
    .name = "edges",
    .sql = "select edge_id, state, home_router, home_epoch from edges",
};

const struct database_statement query_connection = {
    .name = "connection",
    .sql = "select " CONNECTION " from connections c where c.connection_id = $1",
};

const struct database_statement query_connections = {
    .name = "connections",
    .sql = PAGE("select c.connection_id as key, " CONNECTION " as item"
                " from connections c"
                " where c.connection_id > $1"
                " and ($2::text is null or c.edge_id = $2)"
                " and ($3::text is null or c.state = $3)"
                " order by c.connection_id limit $4"),
};

const struct database_statement query_connections_of_channel = {
    .name = "connections_of_channel",
    .sql = PAGE("select c.connection_id as key, " CONNECTION " as item"
                " from subscriptions m"
                " join connections c on c.connection_id = m.connection_id"
                " where m.channel = $5 and m.connection_id > $1"
                " and ($2::text is null or c.edge_id = $2)"
                " and ($3::text is null or c.state = $3)"
                " order by m.connection_id limit $4"),
};

const struct database_statement query_channels = {
    .name = "channels",
    .sql = PAGE("select channel as key,"
                " json_build_object('channel', channel, 'members', members)::text as item"
                " from channels"
                " where channel > $1 and starts_with(channel, $2)"
                " order by channel limit $3"),
};

const struct database_statement query_channel = {
    .name = "channel",
    .sql = "select json_build_object('channel', $1::text, 'members', count(*))"
           " from subscriptions where channel = $1",
};

const struct database_statement query_members = {
    .name = "members",
    .sql = PAGE("select connection_id as key, json_build_object("
                "'connectionId', connection_id, 'since', " TIME("since") ")::text as item"
                " from subscriptions"
                " where channel = $1 and connection_id > $2"
                " order by connection_id limit $3"),
};

/* An edge without connections is not counted: where a few edges own most rows, PostgreSQL reads all
 * of the table to find that there is none. */
const struct database_statement query_edge_list = {
    .name = "edge_list",
    .sql = PAGE("select e.edge_id as key, json_build_object("
                "'edge', e.edge_id, 'state', e.state, 'address', e.address,"
                " 'homeRouter', e.home_router,"
                " 'startedAt', " TIME("e.started_at") ","
                " 'endedAt', " TIME("e.ended_at") ","
                " 'connections', case when (select c.edge_id from connections c"
                "   where c.edge_id >= e.edge_id order by c.edge_id limit 1) = e.edge_id"
                "  then (select count(*) from connections c"
                "   where c.edge_id = e.edge_id and c.state = 'open') else 0 end)::text as item"
                " from edges e where e.edge_id > $1"
                " order by e.edge_id limit $2"),
};

const struct database_statement query_status = {
    .name = "status",
    .sql = "select json_build_object("
           "'edges', (select count(*) from edges where state = 'live'),"
           " 'connections', (select json_build_object("
           "'opening', count(*) filter (where state = 'opening'),"
           " 'open', count(*) filter (where state = 'open'),"
           " 'closing', count(*) filter (where state = 'closing')) from connections),"
           " 'subscriptions', (select count(*) from subscriptions),"
           " 'channels', (select count(distinct channel) from subscriptions),"
           " 'deadLetters', (select count(*) from dead_letters where replayed_at is null))",
};
