/* Every SQL statement of the router, by name. Each file that sends one says what it does there. */
#ifndef SLIP_ROUTER_QUERIES_H
#define SLIP_ROUTER_QUERIES_H

#include "common/database/database.h"

/* ---- migrations: $1 schema ---- */
extern const struct database_statement query_try_lock;  /* $1 → got it? */
extern const struct database_statement query_unlock;    /* $1 */
extern const struct database_statement query_schema_is; /* $1 → schema there?, table there? */
extern const struct database_statement query_version;   /* → highest version, 0 for none */
extern const struct database_statement query_migrated;  /* $1 version, $2 name */
extern const struct database_statement query_limit_lock_waits; /* in this transaction */

/* ---- whose edge it is ---- */
extern const struct database_statement query_edge_adopt; /* $1 edge, $2 router, $3 address,
                                                            $4 epoch that we hold (0: none),
                                                            $5 whoever has it → epoch, unless it has
                                                            ended or is another's */
extern const struct database_statement query_edge_state; /* $1 edge → state, home, epoch */
extern const struct database_statement query_edge_bury;  /* $1 edge, $2 router, $3 epoch that it
                                                            must have (0: any) → epoch if won */
extern const struct database_statement query_edge_rows;  /* $1 edge, $2 after this connection →
                                                            connection, state, metadata */

/* ---- projection: $1 edge, $2 epoch; without effect when the edge has another ---- */
extern const struct database_statement query_hold_edge;          /* → 1 row if it is so */
extern const struct database_statement query_put_connections;    /* $3 id, $4 state, $5 metadata,
                                                                    $6 ip, $7 path, $8 created ms,
                                                                    $9 opened ms */
extern const struct database_statement query_keep_subscriptions; /* $3 of these connections only
                                                                    $4 connection, $5 channel */
extern const struct database_statement query_drop_subscriptions; /* $3 connection, $4 channel */
extern const struct database_statement query_put_subscriptions;  /* $3 connection, $4 channel */
extern const struct database_statement query_drop_memberships;   /* $3 connections */
extern const struct database_statement query_drop_connections;   /* $3 connections */
extern const struct database_statement query_prune_connections;  /* $3 those that stay */
extern const struct database_statement query_set_edge_state;     /* $3 state */

/* ---- dead letters ---- */
extern const struct database_statement query_put_dead_letter; /* $1 key, $2 connection, $3 kind,
                                                                 $4 first, $5 last, $6 metadata,
                                                                 $7 events, $8 attempts, $9 status,
                                                                 $10 error */

/* Of the oldest, at most a hundred → how many it were, not delivered, bytes. */
extern const struct database_statement query_delete_old_letters;    /* $1 ms they are kept */
extern const struct database_statement query_delete_excess_letters; /* $1 bytes too many */

/* $1 created_at and $2 id of the last one measured → bytes of at most 10,000 behind it, and the
 * last one's created_at and id; no row when there is none. */
extern const struct database_statement query_dead_letter_bytes;

/* ---- replays of them ---- */
extern const struct database_statement query_replay_claim; /* $1 router, $2 letters that it has in
                                                              hand, $3 how many more → id,
                                                              connection, first, last, metadata,
                                                              events */
extern const struct database_statement query_replay_claimants; /* $1 router → the other routers with
                                                                  claims, their beats (-1: none) */
extern const struct database_statement query_replay_release;   /* $1 router, $2 the beat it must
                                                                  have: its claims end */
extern const struct database_statement query_replay_give_back; /* $1 router: its claims end */
extern const struct database_statement query_replay_end; /* $1 letter, $2 router, $3 delivered?,
                                                            $4 attempts made, $5 status,
                                                            $6 error */
extern const struct database_statement query_dead_letters_waiting; /* → how many, at
                                                                      most 10000 */

/* ---- other routers ---- */
extern const struct database_statement query_beat; /* $1 router */
extern const struct database_statement query_scan; /* → edge, epoch, home, its beat, state: edges
                                                      that somebody must care for */
extern const struct database_statement query_others; /* $1 router → sum of the others' beats */
extern const struct database_statement query_ended;  /* → edge, epoch: ended within a day */
extern const struct database_statement query_forget_routers; /* those not seen for an hour */
extern const struct database_statement query_forget_edges;   /* those that ended a day ago */
extern const struct database_statement query_sign_off;       /* $1 router */

#endif
