#include "router/dead_letter.h"

#include <errno.h>

#include "common/contract/event.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "common/text/json.h"
#include "router/connection.h"
#include "router/queries.h"
#include "router/router.h"

enum { PAUSE_MS = 1000 }; /* after a failure that may pass */

static int write_row(struct connection *connection);

void dead_letters_init(struct dead_letters *dead_letters)
{
    list_init(&dead_letters->waiting);
    list_init(&dead_letters->writing);
    dead_letters->not_before_ms = 0;
    dead_letters->is_failing = false;
}

void dead_letter_bury(struct connection *connection)
{
    struct router *router = connection->edge->router;

    connection_set_phase(connection, CONNECTION_BURYING);
    list_append(&router->dead_letters.waiting, &connection->place);
    dead_letters_go_on(router);
}

static bool may_write(const struct router *router)
{
    const struct dead_letters *letters = &router->dead_letters;

    return store_is_ready(router) && !list_is_empty(&letters->waiting) &&
           loop_now_ms(router->loop) >= letters->not_before_ms &&
           !(letters->is_failing && !list_is_empty(&letters->writing));
}

/* Behind the others: it may be the only one that cannot be written. */
static void wait_again(struct connection *connection, int64_t pause_ms)
{
    struct router *router = connection->edge->router;

    list_remove(&connection->place);
    list_append(&router->dead_letters.waiting, &connection->place);
    router->dead_letters.not_before_ms = loop_now_ms(router->loop) + pause_ms;
}

/* It is more than the queue takes now; an empty one takes any. */
static void log_no_room(const struct connection *connection)
{
    static struct log_limit limit;

    log_limited(&limit, LOG_LEVEL_WARNING, "dead letter waits: too much waits for PostgreSQL",
                LOG_SPAN("conn", connection_id(connection)),
                LOG_UINT("bytes", connection_batch(connection)->bytes));
}

void dead_letters_go_on(struct router *router)
{
    struct dead_letters *letters = &router->dead_letters;
    const struct connection *passed_over = NULL; /* for smaller ones */

    while (may_write(router)) {
        struct connection *connection = LIST_FIRST(&letters->waiting, struct connection, place);
        int error = connection == passed_over ? -ENOBUFS : write_row(connection);
        if (error == -ENOBUFS) {
            log_no_room(connection);
            wait_again(connection, passed_over ? PAUSE_MS : 0);
            passed_over = connection;
        } else if (error < 0) {
            return; /* the session is about to end */
        } else {
            list_remove(&connection->place);
            list_append(&letters->writing, &connection->place);
        }
    }
}

void dead_letters_check_ready(const struct router *router, struct readiness *readiness)
{
    const struct dead_letters *letters = &router->dead_letters;
    bool is_any = !list_is_empty(&letters->waiting) || !list_is_empty(&letters->writing);

    if (letters->is_failing && is_any)
        readiness_note(readiness, "PostgreSQL takes no dead letters: connections wait");
}

/* ---- the row ---- */

static void append_event(struct buffer *buffer, const struct record_event *record,
                         struct span connection)
{
    struct event event = {.kind = (enum event_kind)record->kind, .code = (uint16_t)record->code};

    if (event.kind == EVENT_CLOSE)
        event.reason = record->data;
    else
        event.data = record->data;
    const struct event_group group = {.connection = connection, .events = &event, .event_count = 1};

    event_request_append(buffer, &group);
}

/* The array of events as it stood in the request's body. */
static void append_events(struct buffer *buffer, const struct batch *batch, struct span connection)
{
    struct buffer body = {0};

    buffer_append_byte(buffer, '[');
    for (size_t i = 0; i < batch->events.count; i++) {
        struct json_reader reader;
        struct span key;
        buffer_clear(&body);
        append_event(&body, &batch->events.items[i], connection);
        json_reader_init(&reader, buffer_span(&body));
        json_enter_object(&reader);
        while (json_next_key(&reader, &key)) {
            struct span raw = json_take_raw(&reader);
            if (!span_is(key, "events") || raw.length < 2)
                continue;
            if (i > 0)
                buffer_append_byte(buffer, ',');
            buffer_append(buffer, raw.data + 1, raw.length - 2); /* without its brackets */
        }
    }
    buffer_append_byte(buffer, ']');
    buffer_fini(&body);
}

static struct event_key key_of(const struct batch *batch, struct span connection)
{
    return batch->is_close ? event_key_of_close(connection)
                           : event_key_of(connection, batch->first, batch->last);
}

static int64_t as_integer(uint64_t value)
{
    return value <= INT64_MAX ? (int64_t)value : INT64_MAX;
}

/* It may pass: the tick, or the next session, tries again. */
static void not_written(struct connection *connection, const struct database_answer *answer)
{
    static struct log_limit limit;

    store_log_failure(&limit, "dead letter not written, its connection waits",
                      LOG_SPAN("conn", connection_id(connection)), answer);
    connection->edge->router->dead_letters.is_failing |= answer->kind != DATABASE_LOST;
    wait_again(connection, PAUSE_MS);
}

static void on_written(void *context, const struct database_answer *answer)
{
    struct connection *connection = context;
    struct router *router = connection->edge->router;
    const struct batch *batch = connection_batch(connection);

    connection->burial = NULL;
    if (answer->kind == DATABASE_BAD_DATA) {
        metric_add(METRIC_DATABASE_FAILURES, 1);
        /* Cannot be kept, and must not stop the connection for ever. */
        log_error("dead letter refused by PostgreSQL, and lost",
                  LOG_SPAN("conn", connection_id(connection)), LOG_UINT("first", batch->first),
                  LOG_UINT("last", batch->last), LOG_TEXT("error", answer->message));
    } else if (answer->kind != DATABASE_DONE) {
        not_written(connection, answer);
        return;
    } else {
        metric_add(METRIC_DEAD_LETTERS, 1);
        metric_add_label(METRIC_ROWS_WRITTEN, LABEL_TABLE_DEAD_LETTERS, 1);
    }
    router->dead_letters.is_failing = false;
    connection_finish_batch(connection, ACK_DEAD_LETTER, 0);
    dead_letters_go_on(router);
    router_check_drained(router);
}

/* 0, or what database_submit() says. */
static int write_row(struct connection *connection)
{
    const struct batch *batch = connection_batch(connection);
    struct span id = connection_id(connection);
    struct span metadata = connection_metadata(connection);
    struct event_key key = key_of(batch, id);
    struct buffer events = {0};
    char first[DATABASE_NUMBER_SIZE], last[DATABASE_NUMBER_SIZE];
    char attempts[DATABASE_NUMBER_SIZE], status[DATABASE_NUMBER_SIZE];

    append_events(&events, batch, id);
    const struct database_value values[] = {
        database_text(event_key_span(&key)),
        database_text(id),
        database_text(span_text(batch->is_close ? "close" : "events")),
        database_integer(as_integer(batch->first), first),
        database_integer(as_integer(batch->last), last),
        metadata.length > 0 ? database_text(metadata) : DATABASE_NULL,
        database_text(buffer_span(&events)),
        database_integer(as_integer(batch->attempts), attempts),
        database_integer(as_integer(connection->last_status), status),
        database_text(span_text(connection->last_error)),
    };
    struct database_unit *unit = database_unit_new(on_written, connection);
    struct database_unit *sent = unit;

    database_unit_set_synchronous(unit, true);
    database_unit_add(unit, &query_put_dead_letter, values, ARRAY_LENGTH(values));
    size_t bytes = events.length + metadata.length;
    buffer_fini(&events);
    int error = database_submit(connection->edge->router->store.database, &unit);
    database_unit_destroy(&unit);
    if (error == 0) {
        connection->burial = sent;
        retention_count(connection->edge->router, bytes);
    }
    return error;
}
