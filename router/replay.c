#include "router/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "router/letter.h"
#include "router/queries.h"
#include "router/retry.h"
#include "router/router.h"

enum { RECORD_PAUSE_MS = 1000 }; /* after a failure that may pass */

static void record(struct replay *replay);

/* ---- life ---- */

static void on_retry(struct loop_timer *timer);

static struct replay *replay_new(struct router *router, int64_t id)
{
    struct replay *replay = xcalloc(1, sizeof *replay);

    replay->router = router;
    replay->id = id;
    replay->last_error = xstrdup("");
    list_init(&replay->place);
    loop_timer_init(&replay->retry, on_retry);
    snprintf(replay->origin, sizeof replay->origin, "dead-letter:%" PRId64, id);
    table_insert(&router->replays.by_id, &replay->by_id, span_of(&replay->id, sizeof replay->id));
    return replay;
}

static void replay_destroy(struct replay *replay)
{
    if (replay->job)
        replay->job->replay = NULL;
    if (replay->unit)
        database_forget(replay->unit);
    loop_timer_stop(replay->router->loop, &replay->retry);
    list_remove(&replay->place);
    table_remove(&replay->router->replays.by_id, &replay->by_id);
    if (replay->batch)
        batch_destroy(&replay->batch);
    free(replay->connection);
    free(replay->metadata);
    free(replay->last_error);
    free(replay);
}

static void set_phase(struct replay *replay, enum replay_phase phase)
{
#define TO(phase) (1u << REPLAY_##phase)
    static const unsigned int ways[REPLAY_PHASE_COUNT] = {
        [REPLAY_QUEUED] = TO(IN_FLIGHT) | TO(RECORDING),
        [REPLAY_IN_FLIGHT] = TO(QUEUED) | TO(RETRYING) | TO(RECORDING),
        [REPLAY_RETRYING] = TO(QUEUED),
    };
#undef TO
    ASSERT(ways[replay->phase] & 1u << phase);
    list_remove(&replay->place);
    replay->job = NULL;
    replay->phase = phase;
}

static void queue(struct replay *replay)
{
    struct router *router = replay->router;

    replay->stamp = ++router->dispatch.last_stamp;
    list_append(&router->replays.queued, &replay->place);
    dispatch_wake(router);
}

static void on_retry(struct loop_timer *timer)
{
    struct replay *replay = CONTAINER_OF(timer, struct replay, retry);

    set_phase(replay, REPLAY_QUEUED);
    queue(replay);
}

static void end(struct replay *replay, bool is_delivered, uint64_t status, struct span error)
{
    replay->is_delivered = is_delivered;
    replay->last_status = status;
    free(replay->last_error);
    replay->last_error = span_dup(error);
    set_phase(replay, REPLAY_RECORDING);
    list_append(&replay->router->replays.recording, &replay->place);
    record(replay);
}

void replay_begin(struct router *router, const struct database_answer *answer, size_t row)
{
    int64_t id = database_cell_integer(answer, 0, row, 0, 0);
    struct span connection = database_cell(answer, 0, row, 1);
    struct span metadata = database_cell(answer, 0, row, 4);
    uint64_t first = (uint64_t)database_cell_integer(answer, 0, row, 2, 0);
    uint64_t last = (uint64_t)database_cell_integer(answer, 0, row, 3, 0);

    if (table_find(&router->replays.by_id, span_of(&id, sizeof id)))
        return;
    struct replay *replay = replay_new(router, id);
    replay->connection = span_dup(connection);
    replay->metadata = metadata.data ? span_dup(metadata) : NULL;
    log_info("dead letter is replayed", LOG_INT("letter", id), LOG_SPAN("conn", connection));
    if (connection.length > WIRE_ID_BYTES ||
        letter_read(database_cell(answer, 0, row, 5), first, last, &replay->batch) < 0)
        end(replay, false, 0, span_text("the row is no batch"));
    else
        queue(replay);
}

/* ---- dispatch ---- */

struct replay *replays_next(const struct router *router)
{
    return router->is_draining ? NULL : LIST_FIRST(&router->replays.queued, struct replay, place);
}

struct record_job_item replay_item(const struct replay *replay)
{
    return (struct record_job_item){
        .connection = span_text(replay->connection),
        .first = replay->batch->first,
        .last = replay->batch->last,
        .attempt = replay->batch->attempts + 1,
        .metadata = span_text(replay->metadata),
        .events = replay->batch->events,
    };
}

void replay_sent(struct replay *replay, struct job *job)
{
    set_phase(replay, REPLAY_IN_FLIGHT);
    replay->job = job;
}

static struct retry_decision decide(const struct replay *replay, const struct message_done *done)
{
    const struct config *config = replay->router->config;
    const struct retry_limits limits = {.attempts = config->webhook_attempts,
                                        .first_ms = config->retry_first_ms,
                                        .last_ms = config->retry_last_ms};
    const struct retry_facts facts = {
        .outcome = retry_outcome(done->outcome),
        .status = done->status,
        .retry_after_ms = done->retry_after_ms,
        .attempts = replay->batch->attempts,
        .group_count = 1,
    };

    return retry_decide(&facts, &limits, random_below(1024));
}

void replay_on_done(struct replay *replay, const struct message_done *done)
{
    struct retry_decision decision = decide(replay, done);

    if (decision.action == RETRY_AT_ONCE) {
        set_phase(replay, REPLAY_QUEUED);
        queue(replay);
        return;
    }
    if (decision.action == RETRY_FINISH || decision.action == RETRY_DEAD_LETTER) {
        replay->batch->attempts++;
        end(replay, decision.action == RETRY_FINISH, done->status, done->error);
        return;
    }
    replay->batch->attempts += decision.action == RETRY_LATER;
    set_phase(replay, REPLAY_RETRYING);
    loop_timer_start(replay->router->loop, &replay->retry, decision.delay_ms);
}

/* ---- the end ---- */

/* The tick, or the next session, tries again. */
static void not_recorded(struct replay *replay, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct router *router = replay->router;

    store_log_failure(&limit, "end of a replay not recorded", LOG_INT("letter", replay->id),
                      answer);
    if (answer->kind == DATABASE_BAD_DATA) {
        replay->last_error[0] = '\0'; /* no text for PostgreSQL */
    } else if (answer->kind != DATABASE_LOST) {
        router->replays.is_failing = true;
        router->replays.record_not_before_ms = loop_now_ms(router->loop) + RECORD_PAUSE_MS;
    }
}

static void on_recorded(void *context, const struct database_answer *answer)
{
    struct replay *replay = context;
    struct router *router = replay->router;

    replay->unit = NULL;
    if (answer->kind != DATABASE_DONE) {
        not_recorded(replay, answer);
        return;
    }
    router->replays.is_failing = false;
    metric_add_label(METRIC_REPLAYS,
                     replay->is_delivered ? LABEL_REPLAY_DELIVERED : LABEL_REPLAY_FAILED, 1);
    log_info(replay->is_delivered ? "dead letter delivered" : "replay of a dead letter failed",
             LOG_INT("letter", replay->id), LOG_UINT("status", replay->last_status),
             LOG_TEXT("error", replay->last_error));
    replay_destroy(replay);
    router_check_drained(router);
}

static void record(struct replay *replay)
{
    struct router *router = replay->router;
    char id[DATABASE_NUMBER_SIZE], attempts[DATABASE_NUMBER_SIZE], status[DATABASE_NUMBER_SIZE];

    if (!store_is_ready(router) || loop_now_ms(router->loop) < router->replays.record_not_before_ms)
        return;
    const struct database_value values[] = {
        database_integer(replay->id, id),
        database_text(span_text(router->name)),
        database_text(span_text(replay->is_delivered ? "true" : "false")),
        database_integer(replay->batch ? (int64_t)replay->batch->attempts : 0, attempts),
        database_integer((int64_t)replay->last_status, status),
        database_text(span_text(replay->last_error)),
    };
    struct database_unit *unit = database_unit_new(on_recorded, replay);
    struct database_unit *sent = unit;

    database_unit_set_synchronous(unit, true);
    database_unit_add(unit, &query_replay_end, values, ARRAY_LENGTH(values));
    if (database_submit(router->store.database, &unit) == 0)
        replay->unit = sent;
    database_unit_destroy(&unit);
}

void replays_go_on(struct router *router)
{
    LIST_FOR_EACH(&router->replays.recording, link) {
        struct replay *replay = LIST_ENTRY(link, struct replay, place);
        if (!replay->unit)
            record(replay);
    }
}

void replays_check_ready(const struct router *router, struct readiness *readiness)
{
    if (router->replays.is_failing && !list_is_empty(&router->replays.recording))
        readiness_note(readiness, "PostgreSQL takes no ends of replays: they wait");
}

bool replays_are_recorded(const struct router *router)
{
    return list_is_empty(&router->replays.recording) || !store_is_ready(router);
}

void replays_fini(struct router *router)
{
    struct replays *replays = &router->replays;

    TABLE_FOR_EACH(&replays->by_id, link)
        replay_destroy(TABLE_ENTRY(link, struct replay, by_id));
    table_fini(&replays->by_id);
    replay_claimants_forget(replays);
    table_fini(&replays->claimants);
    loop_timer_stop(router->loop, &replays->timer);
}
