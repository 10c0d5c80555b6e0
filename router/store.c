#include "router/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/process/mask.h"
#include "common/process/metrics.h"
#include "router/edge.h"
#include "router/router.h"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    RETRY_FIRST_MS = 200,
    RETRY_LAST_MS = 2000,
    TIMEOUT_LEAST_MS = 5000
};

bool store_is_ready(const struct router *router)
{
    return router->store.database && database_is_ready(router->store.database);
}

const char *store_reason(const struct router *router)
{
    const struct store *store = &router->store;

    if (store->migration.is_applying)
        return "the schema is being migrated";
    return store->reason[0] ? store->reason : "not reached yet";
}

/* ---- it comes ---- */

static void on_ready(void *context)
{
    struct router *router = context;
    struct store *store = &router->store;

    store->was_ready = true;
    store->has_reported = false;
    store->reason[0] = '\0';
    log_info("PostgreSQL ready", LOG_TEXT("schema", router->config->stack_name));
    metric_set(METRIC_DATABASE_UP, 1);
    edges_on_database_ready(router);
    orphans_on_database_ready(router);
    dead_letters_go_on(router);
    replays_on_database_ready(router);
    retention_on_database_ready(router);
}

static void on_connected(void *context)
{
    struct router *router = context;

    migration_run_start(&router->store.migration, router->store.database);
}

/* At the start a newer schema is an operator's mistake; later it is an upgrade under way, and this
 * router goes on without. */
static void on_migrated(void *context, enum migration_end end, const char *reason)
{
    struct router *router = context;
    struct store *store = &router->store;

    if (end == MIGRATION_DONE) {
        if (store->migration.applied > 0)
            log_info("schema migrated", LOG_TEXT("schema", router->config->stack_name),
                     LOG_UINT("applied", store->migration.applied),
                     LOG_UINT("version", migration_count));
        database_ready(store->database);
        return;
    }
    if (end == MIGRATION_NEWER && !store->was_ready) {
        log_error("this router is older than the schema",
                  LOG_TEXT("schema", router->config->stack_name), LOG_TEXT("reason", reason));
        lifecycle_fail(router->lifecycle, EXIT_FAILURE);
    }
    database_restart(store->database, reason);
}

/* ---- it goes ---- */

static void on_down(void *context, bool was_ready, const char *reason)
{
    struct router *router = context;
    struct store *store = &router->store;

    migration_run_stop(&store->migration);
    metric_set(METRIC_DATABASE_UP, 0);
    metric_add(METRIC_DATABASE_FAILURES, 1);
    if (!store->has_reported || strcmp(store->reason, reason) != 0) {
        log_warning(was_ready ? "PostgreSQL lost: messages flow, the tables do not follow"
                              : "PostgreSQL not usable: messages flow, the tables do not follow",
                    LOG_TEXT("error", reason));
        snprintf(store->reason, sizeof store->reason, "%s", reason);
        store->has_reported = true;
    }
    if (was_ready) {
        projection_on_database_down(router);
        orphans_on_database_down(router);
    }
}

/* ---- the interface ---- */

void store_log_failure(struct log_limit *limit, const char *what, struct log_field whose,
                       const struct database_answer *answer)
{
    if (answer->kind == DATABASE_LOST)
        return;
    metric_add(METRIC_DATABASE_FAILURES, 1);
    log_limited(limit, LOG_LEVEL_WARNING, what, whose, LOG_TEXT("error", answer->message),
                LOG_TEXT("sqlstate", answer->sqlstate));
}

int store_open(struct router *router)
{
    const struct config *config = router->config;
    struct store *store = &router->store;
    int64_t timeout_ms =
        config->peer_timeout_ms > TIMEOUT_LEAST_MS ? config->peer_timeout_ms : TIMEOUT_LEAST_MS;
    const struct database_options options = {
        .url = config->database_url,
        .password = config->database_password,
        .application_name = program_name(PROGRAM_ROUTER),
        .schema = config->stack_name,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .answer_timeout_ms = timeout_ms,
        .retry_first_ms = RETRY_FIRST_MS,
        .retry_last_ms = RETRY_LAST_MS,
        .queue_bytes = STORE_QUEUE_BYTES,
        .handlers = {.on_connected = on_connected, .on_ready = on_ready, .on_down = on_down},
        .context = router,
    };

    migration_run_init(&store->migration, router->loop, config->stack_name, on_migrated, router);
    metric_set(METRIC_DATABASE_UP, 0);
    int error = database_open(router->loop, &options, &store->database);
    if (error < 0) {
        char *masked = mask_passwords(config->database_url);
        log_error("DATABASE_URL is no connection string", LOG_TEXT("url", masked));
        free(masked);
    }
    return error;
}

void store_close(struct router *router)
{
    database_close(&router->store.database);
    migration_run_fini(&router->store.migration);
}
