#include "router/dead_letter.h"

#include "common/contract/event.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "common/text/json.h"
#include "router/connection.h"
#include "router/queries.h"
#include "router/router.h"

static bool write_row(struct connection *connection);

void dead_letters_init(struct dead_letters *dead_letters)
{
    list_init(&dead_letters->waiting);
    list_init(&dead_letters->writing);
}

void dead_letter_bury(struct connection *connection)
{
    struct router *router = connection->edge->router;

    connection_set_phase(connection, CONNECTION_BURYING);
    list_append(&router->dead_letters.waiting, &connection->place);
    dead_letters_go_on(router);
}

void dead_letters_go_on(struct router *router)
{
    struct list *waiting = &router->dead_letters.waiting;

    while (store_is_ready(router) && !list_is_empty(waiting)) {
        struct connection *connection = LIST_FIRST(waiting, struct connection, place);
        if (!write_row(connection))
            return;
        list_remove(&connection->place);
        list_append(&router->dead_letters.writing, &connection->place);
    }
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

static void on_written(void *context, const struct database_answer *answer)
{
    struct connection *connection = context;
    struct router *router = connection->edge->router;
    const struct batch *batch = connection_batch(connection);

    connection->burial = NULL;
    if (answer->kind == DATABASE_BAD_DATA) {
        /* Cannot be kept, and must not stop the connection for ever. */
        log_error("dead letter refused by PostgreSQL, and lost",
                  LOG_SPAN("conn", connection_id(connection)), LOG_UINT("first", batch->first),
                  LOG_UINT("last", batch->last), LOG_TEXT("error", answer->message));
    } else if (answer->kind != DATABASE_DONE) {
        list_remove(&connection->place);
        list_append(&router->dead_letters.waiting, &connection->place);
        return; /* the next tick, or the next session, tries again */
    } else {
        metric_add(METRIC_DEAD_LETTERS, 1);
        metric_add_label(METRIC_ROWS_WRITTEN, LABEL_TABLE_DEAD_LETTERS, 1);
    }
    connection_finish_batch(connection, ACK_DEAD_LETTER, 0);
    router_check_drained(router);
}

static bool write_row(struct connection *connection)
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
    return error == 0;
}
