#include "tests/unit/router/bench.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/contract/event.h"
#include "common/process/log.h"
#include "router/connection.h"

enum { TURNS = 8, PATIENCE_MS = 20000 };

void bench_init(struct bench *bench, const char *database_url)
{
    *bench = (struct bench){
        .config =
            {
                .stack_name = xstrdup("bench-1"),
                .database_url = xstrdup(database_url),
                .peer_timeout_ms = 400,
                .heartbeat_ms = 100,
                .link_buffer_bytes = 1 << 20,
                .router_listen = {.host = xstrdup("127.0.0.1")},
                .webhook_batch_connections = 1,
                .webhook_attempts = 3,
                .retry_first_ms = 20,
                .retry_last_ms = 100,
                .projection_ms = 1,
                .drain_ms = 1000,
            },
        .loop = loop_new(0, NULL, NULL),
    };
    static int nowhere = -1; /* tests provoke what is worth a line */
    if (nowhere < 0)
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_init("bench", LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, nowhere);
    fake_lifecycle_exit = -1;
}

void bench_start(struct bench *bench)
{
    void *actor = NULL;

    assert_int_equal(router_create(NULL, bench->loop, &bench->config, &actor), 0);
    bench->router = actor;
}

void bench_stop(struct bench *bench)
{
    void *actor = bench->router;

    if (actor)
        router_destroy(&actor);
    loop_destroy(&bench->loop);
    free(bench->config.stack_name);
    free(bench->config.database_url);
    free(bench->config.router_listen.host);
}

void bench_turn(struct bench *bench)
{
    for (int i = 0; i < TURNS; i++)
        loop_turn(bench->loop, 0);
}

int64_t bench_limit(void)
{
    return clock_monotonic_ms() + PATIENCE_MS;
}

void bench_wait(struct bench *bench, int64_t limit_ms, const char *file, int line)
{
    if (clock_monotonic_ms() > limit_ms)
        _fail(file, line);
    loop_turn(bench->loop, 10);
}

/* ---- peers ---- */

struct link *bench_edge(struct bench *bench, const char *name)
{
    struct link *edge = fake_link_up("edge", name);
    struct wire_message heard;

    bench_adopt(edge, 0, 0);
    BENCH_UNTIL(bench, fake_link_hear_id(edge, MESSAGE_ADOPTED, &heard));
    return edge;
}

void bench_adopt(struct link *edge, uint64_t connections, uint64_t returning)
{
    fake_link_say(edge, &(struct wire_message){.id = MESSAGE_ADOPT,
                                               .as.adopt = {.connections = connections,
                                                            .returning = returning,
                                                            .address = span_text("here:80")}});
}

struct link *bench_worker(struct bench *bench, uint64_t credits)
{
    struct link *worker = fake_link_up("webhook-worker", "worker");

    (void)bench;
    fake_link_say(worker,
                  &(struct wire_message){.id = MESSAGE_READY, .as.ready = {.credits = credits}});
    return worker;
}

/* ---- batches ---- */

static struct span name_of(struct link *edge, const char *suffix, char name[64])
{
    int length = snprintf(name, 64, "%.*s.%s", SPAN_ARGS(link_peer_name(edge)), suffix);

    return span_of(name, (size_t)length);
}

static void say_batch(struct link *edge, const char *suffix, uint64_t sequence,
                      uint64_t remaining_ms, const struct record_event *event)
{
    char name[64];
    bool is_open = event->kind == EVENT_OPEN;

    fake_link_say(
        edge, &(struct wire_message){.id = MESSAGE_BATCH,
                                     .as.batch = {.connection = name_of(edge, suffix, name),
                                                  .first = sequence,
                                                  .last = sequence,
                                                  .remaining_ms = remaining_ms,
                                                  .metadata_known = is_open,
                                                  .metadata = span_text(is_open ? "{\"m\":1}" : ""),
                                                  .events = {.items = event, .count = 1}}});
}

void bench_open(struct link *edge, const char *suffix, uint64_t remaining_ms)
{
    const struct record_event open = {.kind = EVENT_OPEN,
                                      .data = span_text("\"ip\":\"192.0.2.9\",\"path\":\"/p\"")};

    say_batch(edge, suffix, 0, remaining_ms, &open);
}

void bench_text(struct link *edge, const char *suffix, uint64_t sequence, const char *text)
{
    const struct record_event event = {.kind = EVENT_TEXT, .data = span_text(text)};

    say_batch(edge, suffix, sequence, 0, &event);
}

void bench_close(struct link *edge, const char *suffix, uint64_t sequence)
{
    const struct record_event event = {.kind = EVENT_CLOSE, .code = 1000};

    say_batch(edge, suffix, sequence, 0, &event);
}

/* ---- jobs ---- */

uint64_t bench_job(struct bench *bench, struct link *worker, const char *suffix, uint64_t first)
{
    struct wire_message heard;

    BENCH_UNTIL(bench, fake_link_hear_id(worker, MESSAGE_JOB, &heard));
    const struct record_job_item *item = &heard.as.job.items.items[0];
    size_t length = strlen(suffix);
    assert_true(item->connection.length > length);
    assert_memory_equal(item->connection.data + item->connection.length - length, suffix, length);
    assert_int_equal(item->first, first);
    return heard.as.job.job;
}

void bench_no_job(struct bench *bench, struct link *worker)
{
    struct wire_message heard;

    bench_turn(bench);
    assert_false(fake_link_hear_id(worker, MESSAGE_JOB, &heard));
}

void bench_done(struct link *worker, uint64_t job, uint64_t outcome, uint64_t status)
{
    fake_link_say(worker, &(struct wire_message){.id = MESSAGE_DONE,
                                                 .as.done = {.job = job,
                                                             .outcome = outcome,
                                                             .status = status,
                                                             .error = span_text("because")}});
}

void bench_delivered(struct link *worker, uint64_t job, const char *connection, uint64_t first,
                     uint64_t verdict, const char *metadata)
{
    const struct record_done_item item = {.connection = span_text(connection),
                                          .first = first,
                                          .verdict = verdict,
                                          .metadata_set = metadata != NULL,
                                          .metadata = span_text(metadata)};

    fake_link_say(worker,
                  &(struct wire_message){.id = MESSAGE_DONE,
                                         .as.done = {.job = job,
                                                     .outcome = JOB_DELIVERED,
                                                     .status = 200,
                                                     .items = {.items = &item, .count = 1}}});
}

void bench_ack(struct bench *bench, struct link *edge, const char *suffix, uint64_t last,
               uint64_t outcome, uint64_t status)
{
    struct wire_message heard;
    char name[64];

    BENCH_UNTIL(bench, fake_link_hear_id(edge, MESSAGE_ACK, &heard));
    struct span expected = name_of(edge, suffix, name);
    assert_int_equal(heard.as.ack.connection.length, expected.length);
    assert_memory_equal(heard.as.ack.connection.data, expected.data, expected.length);
    assert_int_equal(heard.as.ack.last, last);
    assert_int_equal(heard.as.ack.outcome, outcome);
    assert_int_equal(heard.as.ack.status, status);
}

void bench_no_ack(struct bench *bench, struct link *edge)
{
    struct wire_message heard;

    bench_turn(bench);
    assert_false(fake_link_hear_id(edge, MESSAGE_ACK, &heard));
}
