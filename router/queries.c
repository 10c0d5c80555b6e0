#include "router/queries.h"

/* True while the edge has the epoch that the writer knows. query_hold_edge locks the row for the
 * rest of the transaction, so that it stays so. */
#define EDGE_IS_OURS "exists (select from edges where edge_id = $1 and home_epoch = $2)"

/* True while the edge `e` has rows. Asked for as `edge_id = …`, in whatever words, PostgreSQL walks
 * through all connections for each edge that has none, when a few edges own all of them: it
 * believes to meet one at once. The first row at or after the edge only one index has at hand. */
#define EDGE_HAS_ROWS                                                   \
    "(select c.edge_id from connections c where c.edge_id >= e.edge_id" \
    " order by c.edge_id limit 1) is not distinct from e.edge_id"

#define STATEMENT(name, sql)  const struct database_statement query_##name = {#name, sql}
#define UNPREPARED(name, sql) const struct database_statement query_##name = {NULL, sql}

/* ---- migrations: once a session, and about tables that may not be there yet ---- */

UNPREPARED(try_lock, "select pg_try_advisory_lock(hashtext('slip-sockets'), hashtext($1))");
UNPREPARED(unlock, "select pg_advisory_unlock(hashtext('slip-sockets'), hashtext($1))");
UNPREPARED(schema_is, "select to_regnamespace(quote_ident($1)) is not null,"
                      " to_regclass(quote_ident($1) || '.migrations') is not null");
UNPREPARED(version, "select coalesce(max(version), 0) from migrations");
UNPREPARED(limit_lock_waits, "select set_config('lock_timeout', '5s', true)");
UNPREPARED(migrated, "insert into migrations (version, name) values ($1, $2)");

/* ---- whose edge it is ---- */

/* An epoch never goes back, not even when somebody has emptied the tables. */
STATEMENT(edge_adopt, "insert into edges as e (edge_id, state, home_router, home_epoch, address)"
                      " values ($1, 'live', $2, $4::bigint + 1, $3)"
                      " on conflict (edge_id) do update set state = 'live', home_router = $2,"
                      "  home_epoch = greatest(e.home_epoch, $4) + 1, address = $3"
                      " where e.state in ('live', 'leaving')"
                      "  and ($5::boolean or $4 = 0 or e.home_router = $2)"
                      " returning home_epoch");
STATEMENT(edge_state, "select state, home_router, home_epoch from edges where edge_id = $1");
STATEMENT(edge_bury, "insert into edges as e (edge_id, state, home_router, home_epoch, ended_at)"
                     " values ($1, 'expired', $2, $3::bigint + 1, now())"
                     " on conflict (edge_id) do update set state = 'expired', home_router = $2,"
                     "  home_epoch = e.home_epoch + 1, ended_at = coalesce(e.ended_at, now())"
                     " where $3 = 0 or e.home_epoch = $3"
                     " returning home_epoch");
STATEMENT(edge_rows, "select connection_id, state, metadata"
                     " from (select * from connections where (edge_id, connection_id) > ($1, $2)"
                     "  order by edge_id, connection_id limit 1000) as c"
                     " where edge_id = $1 order by connection_id");

/* ---- projection ---- */

STATEMENT(hold_edge, "select 1 from edges where edge_id = $1 and home_epoch = $2 for share");
STATEMENT(put_connections,
          "insert into connections as c"
          " (connection_id, edge_id, state, metadata, ip, path, created_at, opened_at)"
          " select id, $1, state, metadata::json, ip, path,"
          "  coalesce(to_timestamp(created / 1000.0), now()), to_timestamp(opened / 1000.0)"
          " from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
          "  $8::bigint[], $9::bigint[])"
          "  as n (id, state, metadata, ip, path, created, opened)"
          " where " EDGE_IS_OURS " on conflict (connection_id) do update set"
          "  state = excluded.state, metadata = coalesce(excluded.metadata, c.metadata),"
          "  ip = coalesce(excluded.ip, c.ip), path = coalesce(excluded.path, c.path),"
          "  opened_at = coalesce(excluded.opened_at, c.opened_at)");
/* Deletes rows, which the primary key finds for each element of an array. A plain join would leave
 * the planner a choice, and with statistics from a moment when the table was empty it walks through
 * all of it for each batch, which took minutes. `offset 0` keeps it from making a join of this; for
 * the choice between the indexes see sql/0003_primary_keys_last.sql. Where an element has several
 * rows, an order that only the index has keeps it from reading all of the table for each, as it
 * would when a few elements own most of it.
 *
 * What is to stay is taken off by `except`, which sorts or hashes once, whatever it believes;
 * `not in` compares each with each where the list seems too long for a hash table. */
/* clang-format off */
#define EACH(table, elements, columns, condition)                                \
    elements ", lateral (select " columns " from " table " r where " condition " offset 0) r"
#define DELETE_EACH(table, elements, condition) \
    "delete from " table " where ctid = any (array(select r.ctid from " EACH(table, elements, "r.ctid", condition) "))"
#define THEIR_SUBSCRIPTIONS "r.connection_id = n.id order by r.channel"
STATEMENT(keep_subscriptions,
          DELETE_EACH("subscriptions",
                      "(select n.id, r.channel from "
                      EACH("subscriptions", "unnest($3::text[]) as n (id)", "r.channel", THEIR_SUBSCRIPTIONS)
                      " except select id, channel from unnest($4::text[], $5::text[]) as k (id, channel)) as n",
                      "r.connection_id = n.id and r.channel = n.channel")
          " and " EDGE_IS_OURS);
STATEMENT(drop_subscriptions,
          DELETE_EACH("subscriptions", "unnest($3::text[], $4::text[]) as n (id, channel)",
                      "r.connection_id = n.id and r.channel = n.channel")
          " and " EDGE_IS_OURS);
STATEMENT(drop_memberships,
          DELETE_EACH("subscriptions", "unnest($3::text[]) as n (id)", THEIR_SUBSCRIPTIONS)
          " and " EDGE_IS_OURS);
STATEMENT(drop_connections,
          DELETE_EACH("connections", "unnest($3::text[]) as n (id)", "r.connection_id = n.id")
          " and " EDGE_IS_OURS);
/* Many strings: as bytes they sort in half the time. */
STATEMENT(prune_connections,
          "with gone as ("
          DELETE_EACH("connections",
                      "(select connection_id collate \"C\" as id from connections where edge_id = $1"
                      "  except select unnest($3::text[]) collate \"C\") as n",
                      "r.connection_id = n.id collate \"default\"")
          " and " EDGE_IS_OURS " returning connection_id as id) "
          DELETE_EACH("subscriptions", "gone as n", THEIR_SUBSCRIPTIONS));
/* clang-format on */
STATEMENT(put_subscriptions, "insert into subscriptions (connection_id, channel)"
                             " select id, channel"
                             " from unnest($3::text[], $4::text[]) as n (id, channel)"
                             " where " EDGE_IS_OURS " on conflict do nothing");
STATEMENT(set_edge_state, "update edges set state = $3,"
                          " ended_at = case when $3 = 'left' then now() else ended_at end"
                          " where edge_id = $1 and home_epoch = $2");

/* ---- dead letters ---- */

STATEMENT(put_dead_letter,
          "insert into dead_letters (idempotency_key, connection_id, kind, first_sequence,"
          "  last_sequence, metadata, events, attempts, last_status, last_error, bytes)"
          " values ($1, $2, $3, $4, $5, $6::json, $7::json, $8, nullif($9::integer, 0), $10,"
          "  1024 + octet_length($7::json::text) + coalesce(octet_length($6::json::text), 0))"
          " on conflict (idempotency_key) do update set metadata = excluded.metadata,"
          "  attempts = excluded.attempts, last_status = excluded.last_status,"
          "  last_error = excluded.last_error, replayed_at = null");

/* Few at a time: with a row of 1 MB go a thousand that it is stored in. */
#define DELETE_LETTERS(ids)                                                                  \
    "with gone as (delete from dead_letters where id = any (array(" ids "))"                 \
    " returning bytes, replayed_at)"                                                         \
    " select count(*), count(*) filter (where replayed_at is null), coalesce(sum(bytes), 0)" \
    " from gone"
STATEMENT(delete_old_letters,
          DELETE_LETTERS("select id from dead_letters"
                         " where created_at < now() - $1 * interval '1 millisecond'"
                         "  and replay_requested_at is null"
                         " order by created_at, id limit 100 for update skip locked"));
/* The next of them: what they have together, and the last one's key. */
STATEMENT(dead_letter_bytes,
          "select sum(bytes) over (), created_at, id from (select created_at, id, bytes"
          "  from dead_letters where (created_at, id) > ($1::timestamptz, $2::bigint)"
          "  order by created_at, id limit 10000) as next"
          " order by created_at desc, id desc limit 1");
STATEMENT(
    delete_excess_letters,
    DELETE_LETTERS("select id from (select id, sum(bytes) over (order by created_at, id) - bytes"
                   "  as bytes_before from (select id, created_at, bytes from dead_letters"
                   "   where replay_claimed_by is null"
                   "   order by created_at, id limit 100 for update skip locked) as oldest) as o"
                   " where bytes_before < $1::bigint"));

/* ---- replays of them ---- */

STATEMENT(replay_claim,
          "update dead_letters d set replay_claimed_by = $1 where d.id = any (array("
          "  select id from dead_letters where replay_requested_at is not null"
          "   and (replay_claimed_by is null or replay_claimed_by = $1)"
          "   and id <> all ($2::bigint[])"
          "  order by replay_requested_at, id limit $3 for update skip locked))"
          " returning d.id, d.connection_id, d.first_sequence, d.last_sequence, d.metadata,"
          "  d.events");
STATEMENT(replay_claimants, "select distinct d.replay_claimed_by, coalesce(r.beat, -1)"
                            " from dead_letters d"
                            " left join routers r on r.router = d.replay_claimed_by"
                            " where d.replay_claimed_by <> $1");
STATEMENT(replay_release,
          "update dead_letters set replay_claimed_by = null where replay_claimed_by = $1"
          " and coalesce((select beat from routers where router = $1), -1) = $2");
STATEMENT(replay_give_back, "update dead_letters set replay_claimed_by = null"
                            " where replay_claimed_by = $1");
/* Delivered is delivered, whoever has the claim by now. */
STATEMENT(replay_end, "update dead_letters set attempts = attempts + $4::integer,"
                      "  last_status = nullif($5::integer, 0), last_error = $6,"
                      "  replay_requested_at = null, replay_claimed_by = null,"
                      "  replayed_at = case when $3::boolean then now() end,"
                      "  replay_failed_at = case when $3 then replay_failed_at else now() end"
                      " where id = $1 and replayed_at is null and ($3 or replay_claimed_by = $2)");
STATEMENT(dead_letters_waiting, "select count(*) from (select from dead_letters"
                                " where replayed_at is null order by id limit 10000) as w");

/* ---- other routers ---- */

STATEMENT(beat, "insert into routers (router, beat) values ($1, 1)"
                " on conflict (router) do update set beat = routers.beat + 1, seen_at = now()");
STATEMENT(scan, "select e.edge_id, e.home_epoch, e.home_router, coalesce(r.beat, 0), e.state"
                " from edges e left join routers r on r.router = e.home_router"
                " where e.state in ('live', 'leaving') or " EDGE_HAS_ROWS);
STATEMENT(others, "select coalesce(sum(beat), 0) from routers where router <> $1");
STATEMENT(ended, "select edge_id, home_epoch from edges where state in ('expired', 'left')"
                 " and ended_at > now() - interval '1 day' order by ended_at desc limit 10000");
STATEMENT(forget_routers, "delete from routers where seen_at < now() - interval '1 hour'");
STATEMENT(forget_edges, "delete from edges e where e.state in ('expired', 'left')"
                        " and e.ended_at < now() - interval '1 day'"
                        " and not (" EDGE_HAS_ROWS ")");
STATEMENT(sign_off, "delete from routers where router = $1");
