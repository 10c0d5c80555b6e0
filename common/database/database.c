#include "common/database/database.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "common/database/internal.h"

static const struct database_statement settings_statement = {
    NULL, "select set_config('search_path',"
          " coalesce(quote_ident($1::text), current_setting('search_path')), false),"
          " set_config('statement_timeout', $2, false),"
          " set_config('synchronous_commit',"
          " coalesce($3::text, current_setting('synchronous_commit')), false),"
          " set_config('client_min_messages', 'warning', false)"};

/* ---- the end of a session ---- */

void database_line(char ret_line[DATABASE_MESSAGE_SIZE], const char *text)
{
    size_t length = 0;

    for (; *text && length < DATABASE_MESSAGE_SIZE - 1; text++) {
        bool is_blank = *text == '\n' || *text == '\t' || *text == '\r' || *text == ' ';
        if (!is_blank)
            ret_line[length++] = *text;
        else if (length > 0 && ret_line[length - 1] != ' ')
            ret_line[length++] = ' ';
    }
    while (length > 0 && ret_line[length - 1] == ' ')
        length--;
    ret_line[length] = '\0';
}

void database_end(struct database *database, const char *reason)
{
    if (database->state == DATABASE_WAITING || database->reason[0])
        return;
    database_line(database->reason, *reason ? reason : "the session ended");
    loop_defer(database->loop, &database->ending);
}

void database_restart(struct database *database, const char *reason)
{
    database_end(database, reason);
}

static void drop_session(struct database *database)
{
    loop_timer_stop(database->loop, &database->timer);
    loop_undefer(&database->ending);
    loop_remove(database->loop, &database->source);
    if (database->session)
        PQfinish(database->session);
    database->session = NULL;
    database->state = DATABASE_WAITING;
}

static void wait_for_retry(struct database *database)
{
    int64_t pause = database->options.retry_first_ms;

    for (unsigned int i = 0;
         i < database->failed_attempts && pause < database->options.retry_last_ms; i++)
        pause *= 2;
    if (pause > database->options.retry_last_ms)
        pause = database->options.retry_last_ms;
    if (database->failed_attempts < 1000)
        database->failed_attempts++;
    loop_timer_start(database->loop, &database->timer,
                     pause / 2 + (int64_t)random_below((uint64_t)pause / 2 + 1));
}

static void on_ending(struct loop_deferred *deferred)
{
    struct database *database = CONTAINER_OF(deferred, struct database, ending);
    bool was_ready = database->state == DATABASE_READY;
    const struct database_options *options = &database->options;

    drop_session(database);
    wait_for_retry(database);
    pipeline_abandon(database);
    if (options->handlers.on_down)
        options->handlers.on_down(options->context, was_ready, database->reason);
}

/* ---- the beginning ---- */

void database_watch(struct database *database)
{
    if (database->state != DATABASE_SETTING_UP && database->state != DATABASE_READY)
        return;
    const struct database_unit *next = LIST_FIRST(&database->in_flight, struct database_unit, link);
    if (!next || next->is_patient)
        loop_timer_stop(database->loop, &database->timer);
    else
        loop_timer_start(database->loop, &database->timer, database->options.answer_timeout_ms);
}

void database_ready(struct database *database)
{
    ASSERT(database->state == DATABASE_SETTING_UP);
    database->state = DATABASE_READY;
    database->failed_attempts = 0;
    if (database->options.handlers.on_ready)
        database->options.handlers.on_ready(database->options.context);
}

static void on_settings(void *context, const struct database_answer *answer)
{
    struct database *database = context;

    if (answer->kind == DATABASE_LOST)
        return;
    if (answer->kind != DATABASE_DONE)
        database_end(database, answer->message);
    else if (database->options.handlers.on_connected)
        database->options.handlers.on_connected(database->options.context);
    else
        database_ready(database);
}

static void set_up(struct database *database)
{
    const struct database_options *options = &database->options;
    char timeout[DATABASE_NUMBER_SIZE];
    struct database_value values[] = {
        options->schema ? database_text(span_text(options->schema)) : DATABASE_NULL,
        /* a little below our own limit, so that a slow statement is not taken for a dead server */
        database_integer(options->answer_timeout_ms - options->answer_timeout_ms / 10, timeout),
        options->synchronous_commit ? DATABASE_NULL : database_text(span_text("off")),
    };
    struct database_unit *unit = database_unit_new(on_settings, database);

    database->state = DATABASE_SETTING_UP;
    pipeline_reset(database);
    database_unit_add(unit, &settings_statement, values, ARRAY_LENGTH(values));
    pipeline_send(database, unit);
}

static void on_connected(struct database *database)
{
    loop_timer_stop(database->loop, &database->timer);
    if (PQsetnonblocking(database->session, 1) != 0 || !PQenterPipelineMode(database->session))
        database_end(database, PQerrorMessage(database->session));
    else
        set_up(database);
}

/* The descriptor may be another one after each step: libpq tries address after address. */
static int watch_descriptor(struct database *database, uint32_t events)
{
    database->source.fd = PQsocket(database->session);
    database->source.events = events;
    if (database->source.fd < 0)
        return -EBADF;
    int error = loop_add(database->loop, &database->source);
    if (error < 0)
        database->source.fd = -1;
    return error;
}

/* Why an attempt came to nothing: what libpq says, after the names that it was not given. */
static void end_attempt(struct database *database)
{
    const char *missing = database->hosts.missing;
    char reason[2 * DATABASE_MESSAGE_SIZE];

    snprintf(reason, sizeof reason, "%s%s%s", missing, *missing ? "; " : "",
             PQerrorMessage(database->session));
    database_end(database, reason);
}

static void wait_for_step(struct database *database, PostgresPollingStatusType step)
{
    uint32_t events = step == PGRES_POLLING_WRITING ? EPOLLOUT : EPOLLIN;

    if (step == PGRES_POLLING_FAILED)
        end_attempt(database);
    else if (watch_descriptor(database, events) < 0)
        database_end(database, "its descriptor cannot be watched");
    else if (step == PGRES_POLLING_OK)
        on_connected(database);
}

static void on_event(struct loop_source *source, uint32_t events)
{
    struct database *database = CONTAINER_OF(source, struct database, source);

    (void)events;
    if (database->state == DATABASE_CONNECTING) {
        loop_remove(database->loop, source); /* before libpq may close it */
        wait_for_step(database, PQconnectPoll(database->session));
        return;
    }
    if (pipeline_receive(database) < 0) {
        /* Closed by the other side, the descriptor would report it again until the turn ends. */
        database_end(database, PQerrorMessage(database->session));
        return;
    }
    pipeline_flush(database);
    database_watch(database);
}

static void ignore_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

/* What stands before the url, the url may overrule; an empty value is none to libpq. GSS could wait
 * for a Kerberos server. */
static PGconn *start_session(const struct database *database)
{
    const struct database_options *options = &database->options;
    const struct hosts *hosts = &database->hosts;
    bool has_hosts = hosts->found > 0;
    char user_timeout[DATABASE_NUMBER_SIZE];
    const struct {
        const char *keyword, *value;
    } parameters[] = {
        {"gssencmode", "disable"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", user_timeout},
        {"fallback_application_name", options->application_name},
        {"dbname", options->url},
        {"host", has_hosts ? hosts->names.data : NULL},
        {"hostaddr", has_hosts ? hosts->addresses.data : NULL},
        {"port", has_hosts ? hosts->ports.data : NULL},
        {"password", options->password},
        {"client_encoding", "UTF8"},
    };
    const char *keywords[ARRAY_LENGTH(parameters) + 1] = {0};
    const char *values[ARRAY_LENGTH(parameters) + 1] = {0};

    (void)database_integer(options->answer_timeout_ms, user_timeout);
    for (size_t i = 0; i < ARRAY_LENGTH(parameters); i++) {
        keywords[i] = parameters[i].keyword;
        values[i] = parameters[i].value;
    }
    return PQconnectStartParams(keywords, values, 1);
}

/* Where the hosts are is known. */
static void connect_session(struct database *database)
{
    if (!hosts_take(&database->hosts)) {
        database_end(database, database->hosts.missing);
        return;
    }
    database->session = start_session(database);
    ASSERT(database->session); /* only without memory */
    loop_timer_start(database->loop, &database->timer, database->options.connect_timeout_ms);
    PQsetNoticeReceiver(database->session, ignore_notice, NULL);
    if (PQstatus(database->session) == CONNECTION_BAD)
        end_attempt(database);
    else
        wait_for_step(database, PGRES_POLLING_WRITING);
}

static void attempt(struct database *database)
{
    database->reason[0] = '\0';
    database->state = DATABASE_CONNECTING;
    int error = hosts_find(&database->hosts, database->options.url);
    if (error == 0)
        connect_session(database);
    else if (error == -EINPROGRESS)
        loop_timer_start(database->loop, &database->timer, database->options.connect_timeout_ms);
    else
        database_end(database, "no descriptor or thread to look up the host's name");
}

/* When nobody waits for it any more, the next attempt will use it. */
static void on_hosts_known(void *context)
{
    struct database *database = context;

    if (database->state == DATABASE_CONNECTING && !database->reason[0])
        attempt(database);
}

static void on_timer(struct loop_timer *timer)
{
    struct database *database = CONTAINER_OF(timer, struct database, timer);

    if (database->state == DATABASE_WAITING)
        attempt(database);
    else if (database->state == DATABASE_CONNECTING && !database->session)
        database_end(database, "looking up the host's name takes too long");
    else if (database->state == DATABASE_CONNECTING)
        database_end(database, "connecting took too long");
    else
        database_end(database, "the server does not answer");
}

/* ---- the interface ---- */

static bool url_is_valid(const char *url)
{
    PQconninfoOption *parsed = PQconninfoParse(url, NULL);

    PQconninfoFree(parsed);
    return parsed != NULL;
}

int database_open(struct loop *loop, const struct database_options *options,
                  struct database **ret_database)
{
    if (!url_is_valid(options->url))
        return -EINVAL;
    struct database *database = xcalloc(1, sizeof *database);

    database->loop = loop;
    database->options = *options;
    database->options.url = database->url = xstrdup(options->url);
    database->options.password = database->password =
        options->password ? xstrdup(options->password) : NULL;
    database->options.application_name = database->application_name =
        xstrdup(options->application_name);
    database->options.schema = database->schema = options->schema ? xstrdup(options->schema) : NULL;
    database->source = (struct loop_source){.fd = -1, .on_event = on_event};
    loop_timer_init(&database->timer, on_timer);
    loop_deferred_init(&database->ending, on_ending);
    list_init(&database->in_flight);
    hosts_init(&database->hosts, loop, on_hosts_known, database);
    loop_timer_start(loop, &database->timer, 0);
    *ret_database = database;
    return 0;
}

void database_close(struct database **database)
{
    struct database *closing = *database;

    *database = NULL;
    if (!closing)
        return;
    drop_session(closing);
    database_line(closing->reason, "the program ended the session");
    pipeline_abandon(closing);
    hosts_fini(&closing->hosts);
    explicit_bzero(closing->url, strlen(closing->url));
    free(closing->url);
    if (closing->password)
        explicit_bzero(closing->password, strlen(closing->password));
    free(closing->password);
    free(closing->application_name);
    free(closing->schema);
    free(closing);
}

enum database_state database_state(const struct database *database)
{
    return database->state;
}

bool database_is_ready(const struct database *database)
{
    return database->state == DATABASE_READY;
}

size_t database_queued_bytes(const struct database *database)
{
    return database->queued_bytes;
}

size_t database_queued_units(const struct database *database)
{
    return database->queued_units;
}

static int submit_in(struct database *database, enum database_state state,
                     struct database_unit **unit)
{
    if (database->state != state || database->reason[0])
        return -ENOTCONN;
    if (database->queued_bytes > 0 &&
        database->queued_bytes + (*unit)->bytes > database->options.queue_bytes)
        return -ENOBUFS;
    pipeline_send(database, *unit);
    *unit = NULL;
    return 0;
}

int database_submit(struct database *database, struct database_unit **unit)
{
    return submit_in(database, DATABASE_READY, unit);
}

int database_submit_setup(struct database *database, struct database_unit **unit)
{
    return submit_in(database, DATABASE_SETTING_UP, unit);
}

int database_query(struct database *database, const struct database_statement *statement,
                   const struct database_value *values, size_t count,
                   void (*on_done)(void *context, const struct database_answer *answer),
                   void *context, struct database_unit **ret_unit)
{
    struct database_unit *unit = database_unit_new(on_done, context);
    struct database_unit *submitted = unit;

    database_unit_add(unit, statement, values, count);
    int error = database_submit(database, &unit);
    database_unit_destroy(&unit);
    if (error == 0 && ret_unit)
        *ret_unit = submitted;
    return error;
}
