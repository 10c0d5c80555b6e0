/* The router without PostgreSQL: order, credits, retries, groups, deaths. */
#include "router/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/contract/event.h"
#include "router/connection.h"
#include "router/drain.h"
#include "tests/unit/router/bench.h"

#define NOWHERE "host=/nonexistent dbname=x"

static struct bench bench;

static int set_up(void **state)
{
    (void)state;
    bench_init(&bench, NOWHERE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_stop(&bench);
    return 0;
}

/* An accepted connection whose next sequence is 1. */
static void open_connection(struct link *edge, struct link *worker, const char *suffix,
                            const char *name)
{
    bench_open(edge, suffix, 5000);
    uint64_t job = bench_job(&bench, worker, suffix, 0);
    bench_delivered(worker, job, name, 0, OPEN_VERDICT_ACCEPTED, NULL);
    bench_ack(&bench, edge, suffix, 0, ACK_DELIVERED, 0);
}

static void one_request_at_a_time(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "a", 2, "y");
    bench_text(edge, "a", 1, "x"); /* repeated: under way */
    uint64_t first = bench_job(&bench, worker, "a", 1);
    bench_no_job(&bench, worker);
    bench_no_ack(&bench, edge);
    bench_delivered(worker, first, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    uint64_t second = bench_job(&bench, worker, "a", 2);
    bench_text(edge, "a", 1, "x"); /* repeated: over */
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    bench_delivered(worker, second, "E.a", 2, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "a", 2, ACK_DELIVERED, 0);
    assert_int_equal(bench.router->held_batches, 0);
    assert_int_equal(bench.router->held_bytes, 0);
}

static void a_connection_ends_with_its_close(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    open_connection(edge, worker, "a", "E.a");
    bench_close(edge, "a", 1);
    uint64_t job = bench_job(&bench, worker, "a", 1);
    bench_delivered(worker, job, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    bench_close(edge, "a", 1); /* our ACK did not arrive */
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    bench_no_job(&bench, worker);
    assert_int_equal(bench.router->connections.count, 1);
    fake_link_receive_all(edge);
    assert_int_equal(bench.router->connections.count, 0);
}

static void refusals(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    bench_open(edge, "a", 5000);
    bench_delivered(worker, bench_job(&bench, worker, "a", 0), "E.a", 0, OPEN_VERDICT_REFUSED,
                    NULL);
    bench_ack(&bench, edge, "a", 0, ACK_REFUSED, 403);
    bench_open(edge, "a", 5000); /* again, for a lost ACK */
    bench_ack(&bench, edge, "a", 0, ACK_REFUSED, 403);
    bench_open(edge, "b", 5000);
    bench_done(worker, bench_job(&bench, worker, "b", 0), JOB_STATUS, 500);
    bench_ack(&bench, edge, "b", 0, ACK_REFUSED, 502);
    bench_open(edge, "c", 5000);
    bench_done(worker, bench_job(&bench, worker, "c", 0), JOB_TIMED_OUT, 0);
    bench_ack(&bench, edge, "c", 0, ACK_UNKNOWN, 504);
    bench_close(edge, "c", 1); /* which the edge owes now */
    (void)bench_job(&bench, worker, "c", 1);
}

static void an_open_that_nobody_takes(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E");
    bench_open(edge, "a", 1050);
    bench_ack(&bench, edge, "a", 0, ACK_REFUSED, 503);
}

/* Accepted, while the news of it got lost with a router. */
static void an_open_of_an_open_connection(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    bench_open(edge, "a", 0);
    bench_done(worker, bench_job(&bench, worker, "a", 0), JOB_STATUS, 500);
    bench_delivered(worker, bench_job(&bench, worker, "a", 0), "E.a", 0, OPEN_VERDICT_REFUSED,
                    NULL);
    bench_ack(&bench, edge, "a", 0, ACK_UNKNOWN, 502);
    bench_text(edge, "a", 1, "x");
    (void)bench_job(&bench, worker, "a", 1);
}

static void credits_bound_jobs(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *small = bench_worker(&bench, 1);
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "b", 1, "x");
    bench_text(edge, "c", 1, "x");
    uint64_t job = bench_job(&bench, small, "a", 1);
    bench_no_job(&bench, small);
    struct link *large = bench_worker(&bench, 2);
    (void)bench_job(&bench, large, "b", 1);
    (void)bench_job(&bench, large, "c", 1);
    bench_text(edge, "d", 1, "x");
    bench_no_job(&bench, large);
    bench_done(large, job, JOB_DELIVERED, 200); /* not its job */
    bench_no_ack(&bench, edge);
    bench_done(small, 12345, JOB_DELIVERED, 200); /* nobody's */
    bench_no_job(&bench, small);
    bench_done(small, job, JOB_DELIVERED, 200);
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    (void)bench_job(&bench, small, "d", 1);
}

static void every_worker_gets_its_part(void **state)
{
    static const char *const connections[] = {"a", "b", "c", "d", "e", "f"};
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E");
    struct link *workers[] = {bench_worker(&bench, 72), bench_worker(&bench, 64)};
    /* while there is never more than one job, in turn, whatever credits they have */
    for (size_t i = 0; i < ARRAY_LENGTH(connections); i++) {
        bench_text(edge, connections[i], 1, "x");
        bench_done(workers[i % 2], bench_job(&bench, workers[i % 2], connections[i], 1),
                   JOB_DELIVERED, 200);
        bench_ack(&bench, edge, connections[i], 1, ACK_DELIVERED, 0);
    }
    /* many at once, by what each can take */
    struct link *small = bench_worker(&bench, 2);
    for (size_t i = 0; i < ARRAY_LENGTH(connections); i++)
        bench_text(edge, connections[i], 2, "x");
    (void)bench_job(&bench, workers[0], "a", 2);
    (void)bench_job(&bench, workers[1], "b", 2);
    (void)bench_job(&bench, small, "c", 2);
    (void)bench_job(&bench, workers[0], "d", 2);
    (void)bench_job(&bench, workers[1], "e", 2);
    (void)bench_job(&bench, workers[0], "f", 2);
    bench_no_job(&bench, small);
}

static void jobs_of_a_lost_worker_go_first(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 2);
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "b", 1, "x");
    bench_text(edge, "c", 1, "x");
    (void)bench_job(&bench, worker, "a", 1);
    (void)bench_job(&bench, worker, "b", 1);
    fake_link_down(worker);
    worker = bench_worker(&bench, 10);
    (void)bench_job(&bench, worker, "a", 1);
    (void)bench_job(&bench, worker, "b", 1);
    (void)bench_job(&bench, worker, "c", 1);
    assert_int_equal(connection_batch(connection_find(bench.router, span_text("E.a")))->attempts,
                     0);
}

static void failures_are_repeated_and_others_pass(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "a", 2, "y");
    bench_done(worker, bench_job(&bench, worker, "a", 1), JOB_STATUS, 500);
    bench_text(edge, "b", 1, "x");
    bench_delivered(worker, bench_job(&bench, worker, "b", 1), "E.b", 1, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "b", 1, ACK_DELIVERED, 0);
    uint64_t again = bench_job(&bench, worker, "a", 1); /* not 2 */
    bench_delivered(worker, again, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    (void)bench_job(&bench, worker, "a", 2);
}

/* Without PostgreSQL a dead letter waits, and its connection with it. */
static void a_dead_letter_waits(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "a", 2, "y");
    bench_done(worker, bench_job(&bench, worker, "a", 1), JOB_STATUS, 400);
    bench_no_ack(&bench, edge);
    bench_no_job(&bench, worker);
    assert_int_equal(connection_find(bench.router, span_text("E.a"))->phase, CONNECTION_BURYING);
}

static struct span metadata_of_job(struct link *worker)
{
    static struct wire_message heard;

    BENCH_UNTIL(&bench, fake_link_hear_id(worker, MESSAGE_JOB, &heard));
    return heard.as.job.items.items[0].metadata;
}

static void say_metadata(struct link *edge, const char *connection, const char *metadata)
{
    fake_link_say(edge, &(struct wire_message){.id = MESSAGE_METADATA,
                                               .as.metadata = {.connection = span_text(connection),
                                                               .metadata = span_text(metadata)}});
}

static void metadata_goes_with_the_next_request(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    bench_open(edge, "a", 5000);
    bench_delivered(worker, bench_job(&bench, worker, "a", 0), "E.a", 0, OPEN_VERDICT_ACCEPTED,
                    "\"from the answer\"");
    bench_text(edge, "a", 1, "x");
    assert_true(span_is(metadata_of_job(worker), "\"from the answer\""));
    /* Meanwhile the edge tells what this answer sets, and a later change. */
    say_metadata(edge, "E.a", "\"second\"");
    say_metadata(edge, "E.a", "\"third\"");
    bench_delivered(worker, bench.router->dispatch.last_number, "E.a", 1, OPEN_VERDICT_NONE,
                    "\"second\"");
    bench_text(edge, "a", 2, "x");
    assert_true(span_is(metadata_of_job(worker), "\"third\""));
}

/* ---- groups ---- */

static size_t group_of_job(struct link *worker, uint64_t *ret_job)
{
    struct wire_message heard;

    BENCH_UNTIL(&bench, fake_link_hear_id(worker, MESSAGE_JOB, &heard));
    *ret_job = heard.as.job.job;
    assert_int_equal(heard.as.job.is_group, 1);
    return heard.as.job.items.count;
}

static void the_guilty_one_is_found(void **state)
{
    uint64_t job;

    (void)state;
    bench.config.webhook_batch_connections = 8;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 1);
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "b", 1, "x");
    bench_text(edge, "c", 1, "x");
    bench_open(edge, "d", 5000);
    assert_int_equal(group_of_job(worker, &job), 3); /* OPENs go apart */
    bench_done(worker, job, JOB_STATUS, 400);
    assert_int_equal(group_of_job(worker, &job), 2);
    bench_done(worker, job, JOB_STATUS, 400);
    assert_int_equal(group_of_job(worker, &job), 1);
    bench_done(worker, job, JOB_STATUS, 400); /* a it is */
    assert_int_equal(group_of_job(worker, &job), 1);
    bench_done(worker, job, JOB_DELIVERED, 200);
    bench_ack(&bench, edge, "b", 1, ACK_DELIVERED, 0);
    assert_int_equal(group_of_job(worker, &job), 1);
    bench_done(worker, job, JOB_DELIVERED, 200);
    bench_ack(&bench, edge, "c", 1, ACK_DELIVERED, 0);
    struct connection *guilty = connection_find(bench.router, span_text("E.a"));
    assert_int_equal(guilty->phase, CONNECTION_BURYING);
    assert_int_equal(connection_batch(guilty)->attempts, 1);
    (void)bench_job(&bench, worker, "d", 0);
}

/* What an edge has applied of the lost answer, it knows by an origin made of the whole group. */
static void a_group_of_a_lost_worker_goes_again_as_it_was(void **state)
{
    uint64_t job;

    (void)state;
    bench.config.webhook_batch_connections = 8;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 1);
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "b", 1, "x");
    assert_int_equal(group_of_job(worker, &job), 2);
    bench_text(edge, "c", 1, "x");
    bench_no_job(&bench, worker);
    fake_link_down(worker);
    worker = bench_worker(&bench, 1);
    assert_int_equal(group_of_job(worker, &job), 2);
    bench_done(worker, job, JOB_DELIVERED, 200);
    bench_ack(&bench, edge, "b", 1, ACK_DELIVERED, 0);
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    assert_int_equal(group_of_job(worker, &job), 1);
}

/* ---- edges ---- */

static void strangers_are_ignored(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = fake_link_up("edge", "E"), *worker = bench_worker(&bench, 10);
    bench_text(edge, "a", 1, "x"); /* has not adopted us */
    bench_no_job(&bench, worker);
    assert_int_equal(bench.router->connections.count, 0);
    struct link *other = bench_edge(&bench, "F");
    const struct record_event event = {.kind = EVENT_TEXT};
    fake_link_say(other,
                  &(struct wire_message){.id = MESSAGE_BATCH,
                                         .as.batch = {.connection = span_text("E.a"),
                                                      .first = 1,
                                                      .last = 1,
                                                      .events = {.items = &event, .count = 1}}});
    bench_no_job(&bench, worker);
    say_metadata(other, "F.unknown", "1");
    fake_link_say(other, &(struct wire_message){.id = MESSAGE_DONE});
    fake_link_say(worker, &(struct wire_message){.id = MESSAGE_ADOPT});
    assert_int_equal(bench.router->edges.count, 1);
}

static bool hear_dead(struct link *worker, const char *edge)
{
    struct wire_message heard;

    if (!fake_link_hear_id(worker, MESSAGE_ROLL, &heard))
        return false;
    return heard.as.roll.live.count == 0 && heard.as.roll.dead.count == 1 &&
           span_is(heard.as.roll.dead.items[0].edge, edge);
}

static void the_death_of_an_edge(void **state)
{
    struct wire_message heard;

    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    struct link *watcher = bench_worker(&bench, 0);
    open_connection(edge, worker, "a", "E.a");
    bench_text(edge, "a", 1, "x");
    bench_open(edge, "b", 5000);
    uint64_t text = bench_job(&bench, worker, "a", 1);
    uint64_t open = bench_job(&bench, worker, "b", 0);
    fake_link_set_silent(edge, 500);
    BENCH_UNTIL(&bench, fake_link_hear_id(edge, MESSAGE_EXPIRED, &heard));
    BENCH_UNTIL(&bench, hear_dead(watcher, "E"));
    bench_no_job(&bench, worker); /* first what is under way */
    bench_delivered(worker, text, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    uint64_t close = bench_job(&bench, worker, "a", BATCH_SEQUENCE_CLOSE);
    bench_delivered(worker, open, "E.b", 0, OPEN_VERDICT_REFUSED, NULL);
    bench_no_job(&bench, worker); /* refused: no CLOSE */
    bench_delivered(worker, close, "E.a", BATCH_SEQUENCE_CLOSE, OPEN_VERDICT_NONE, NULL);
    bench_turn(&bench);
    assert_int_equal(bench.router->connections.count, 0);
    bench_adopt(edge, 1, 1);
    assert_true(fake_link_hear_id(edge, MESSAGE_EXPIRED, &heard));
    bench_text(edge, "a", 2, "too late");
    bench_no_job(&bench, worker);
}

static void an_accepted_open_of_a_dead_edge(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 2);
    bench_open(edge, "a", 9000);
    bench_open(edge, "b", 9000);
    bench_open(edge, "c", 9000); /* never dispatched: nobody is to hear of it */
    uint64_t a = bench_job(&bench, worker, "a", 0), b = bench_job(&bench, worker, "b", 0);
    fake_link_set_silent(edge, 500);
    BENCH_UNTIL(&bench, edge_find(bench.router, span_text("E"))->state == EDGE_DEAD);
    bench_delivered(worker, a, "E.a", 0, OPEN_VERDICT_ACCEPTED, NULL);
    (void)bench_job(&bench, worker, "a", BATCH_SEQUENCE_CLOSE);
    bench_done(worker, b, JOB_TIMED_OUT, 0);
    (void)bench_job(&bench, worker, "b", BATCH_SEQUENCE_CLOSE);
    assert_null(connection_find(bench.router, span_text("E.c")));
}

static void an_edge_that_returns_is_not_judged(void **state)
{
    struct wire_message heard;

    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    bench_text(edge, "a", 1, "x");
    uint64_t job = bench_job(&bench, worker, "a", 1);
    fake_link_down(edge);
    edge = fake_link_up("edge", "E");
    bench_adopt(edge, 1, 1);
    BENCH_UNTIL(&bench, fake_link_hear_id(edge, MESSAGE_ADOPTED, &heard));
    assert_true(fake_link_hear_id(edge, MESSAGE_PULL, &heard));
    bench_text(edge, "a", 1, "x"); /* under way */
    bench_no_job(&bench, worker);
    bench_delivered(worker, job, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0); /* to the new link */
}

static void a_snapshot_fills_the_memory(void **state)
{
    struct wire_message heard;

    (void)state;
    bench_start(&bench);
    struct link *edge = fake_link_up("edge", "E"), *worker = bench_worker(&bench, 10);
    bench_adopt(edge, 2, 1);
    BENCH_UNTIL(&bench, fake_link_hear_id(edge, MESSAGE_PULL, &heard));
    assert_int_equal(heard.as.pull.restart, 1);
    const struct record_snapshot_entry entries[] = {
        {.connection = span_text("E.a"), .state = CONNECTION_OPEN, .metadata = span_text("7")},
        {.connection = span_text("E.b"), .state = CONNECTION_CLOSING}};
    struct wire_message page = {
        .id = MESSAGE_PAGE,
        .as.page = {.snapshot = heard.as.pull.snapshot, .entries = {.items = entries, .count = 1}}};
    fake_link_say(edge, &page);
    assert_true(fake_link_hear_id(edge, MESSAGE_PULL, &heard));
    assert_int_equal(heard.as.pull.restart, 0);
    page.as.page.entries.items = &entries[1];
    page.as.page.is_last = 1;
    fake_link_say(edge, &page);
    assert_int_equal(bench.router->connections.count, 2);
    bench_text(edge, "a", 5, "x");
    assert_true(span_is(metadata_of_job(worker), "7"));
    fake_link_down(edge);
    (void)bench_job(&bench, worker, "b", BATCH_SEQUENCE_CLOSE); /* idle, and now without an edge */
}

static void leaving(void **state)
{
    struct wire_message heard;

    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 1);
    struct link *watcher = bench_worker(&bench, 0);
    open_connection(edge, worker, "a", "E.a");
    for (uint64_t sequence = 1; sequence < 4; sequence++)
        bench_text(edge, "a", sequence, "x");
    bench_close(edge, "a", 4);
    fake_link_say(edge, &(struct wire_message){.id = MESSAGE_LEAVING});
    BENCH_UNTIL(&bench, hear_dead(watcher, "E"));
    fake_link_down(edge);
    for (uint64_t sequence = 1; sequence < 5; sequence++)
        bench_delivered(worker, bench_job(&bench, worker, "a", sequence), "E.a", sequence,
                        OPEN_VERDICT_NONE, NULL);
    bench_no_job(&bench, worker);
    assert_int_equal(bench.router->connections.count, 0);
    edge = fake_link_up("edge", "E"); /* its receipt got lost: it says it again */
    bench_adopt(edge, 0, 1);
    assert_true(fake_link_hear_id(edge, MESSAGE_ADOPTED, &heard));
}

/* ---- the rest ---- */

static void draining(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 1);
    bench_text(edge, "a", 1, "x");
    bench_text(edge, "b", 1, "x");
    uint64_t job = bench_job(&bench, worker, "a", 1);
    router_drain(bench.router);
    assert_int_equal(fake_lifecycle_exit, -1);
    bench_delivered(worker, job, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "a", 1, ACK_DELIVERED, 0);
    bench_no_job(&bench, worker);
    assert_int_equal(fake_lifecycle_exit, 0);
}

/* A request that takes long is waited for, and keeps nobody. */
static void draining_behind_a_slow_request(void **state)
{
    (void)state;
    bench.config.drain_ms = 60000;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 2);
    bench_text(edge, "a", 1, "x");
    uint64_t slow = bench_job(&bench, worker, "a", 1);
    router_drain(bench.router);
    bench_text(edge, "b", 1, "x");
    bench_no_job(&bench, worker); /* it may end at once, and E go elsewhere with b's batch */
    bench_delivered(worker, bench_job(&bench, worker, "b", 1), "E.b", 1, OPEN_VERDICT_NONE, NULL);
    bench_ack(&bench, edge, "b", 1, ACK_DELIVERED, 0);
    bench_text(edge, "b", 2, "x");
    uint64_t quick = bench_job(&bench, worker, "b", 2);
    assert_int_equal(fake_lifecycle_exit, -1);
    bench_delivered(worker, slow, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    bench_text(edge, "a", 2, "x");
    bench_no_job(&bench, worker); /* the moment without requests is near */
    assert_int_equal(fake_lifecycle_exit, -1);
    bench_delivered(worker, quick, "E.b", 2, OPEN_VERDICT_NONE, NULL);
    assert_int_equal(fake_lifecycle_exit, 0);
    bench_no_job(&bench, worker);
}

/* Also where nothing else happens that it could look at. */
static void draining_keeps_nobody_longer_than_a_second(void **state)
{
    enum { PEER_TIMEOUT_MS = 300000, TICK_MS = PEER_TIMEOUT_MS / 20 };

    (void)state;
    bench.config.drain_ms = 60000;
    bench.config.peer_timeout_ms = PEER_TIMEOUT_MS;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 2);
    bench_text(edge, "a", 1, "x");
    (void)bench_job(&bench, worker, "a", 1);
    router_drain(bench.router);
    bench_text(edge, "b", 1, "x");
    (void)bench_job(&bench, worker, "b", 1);
    assert_in_range(dispatch_longest_ms(bench.router), DRAIN_PAUSE_MS, TICK_MS / 2);
}

static void draining_does_not_serve_for_ever(void **state)
{
    (void)state;
    bench.config.drain_ms = 0;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 2);
    bench_text(edge, "a", 1, "x");
    uint64_t slow = bench_job(&bench, worker, "a", 1);
    router_drain(bench.router);
    BENCH_UNTIL(&bench, dispatch_longest_ms(bench.router) > DRAIN_PAUSE_MS);
    bench_text(edge, "b", 1, "x");
    bench_no_job(&bench, worker);
    bench_delivered(worker, slow, "E.a", 1, OPEN_VERDICT_NONE, NULL);
    assert_int_equal(fake_lifecycle_exit, 0);
}

static void a_link_that_was_full_goes_on(void **state)
{
    (void)state;
    bench_start(&bench);
    struct link *edge = bench_edge(&bench, "E"), *worker = bench_worker(&bench, 10);
    fake_link_set_full(worker, true);
    bench_text(edge, "a", 1, "x");
    bench_no_job(&bench, worker);
    fake_link_set_full(worker, false);
    fake_link_receive_all(worker);
    (void)bench_job(&bench, worker, "a", 1);
}

static void a_url_that_is_none(void **state)
{
    void *actor = NULL;

    (void)state;
    free(bench.config.database_url);
    bench.config.database_url = xstrdup("postgresql://[");
    assert_true(router_create(NULL, bench.loop, &bench.config, &actor) < 0);
    assert_null(actor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_request_at_a_time),
        TEST(a_connection_ends_with_its_close),
        TEST(refusals),
        TEST(an_open_that_nobody_takes),
        TEST(an_open_of_an_open_connection),
        TEST(credits_bound_jobs),
        TEST(every_worker_gets_its_part),
        TEST(jobs_of_a_lost_worker_go_first),
        TEST(failures_are_repeated_and_others_pass),
        TEST(a_dead_letter_waits),
        TEST(metadata_goes_with_the_next_request),
        TEST(the_guilty_one_is_found),
        TEST(a_group_of_a_lost_worker_goes_again_as_it_was),
        TEST(strangers_are_ignored),
        TEST(the_death_of_an_edge),
        TEST(an_accepted_open_of_a_dead_edge),
        TEST(an_edge_that_returns_is_not_judged),
        TEST(a_snapshot_fills_the_memory),
        TEST(leaving),
        TEST(draining),
        TEST(draining_behind_a_slow_request),
        TEST(draining_keeps_nobody_longer_than_a_second),
        TEST(draining_does_not_serve_for_ever),
        TEST(a_link_that_was_full_goes_on),
        TEST(a_url_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
