#include "common/process/admin.h"

#include <stdlib.h>

#include "common/process/metrics.h"

struct admin {
    struct http_server *server;
    enum program_id program;
    void (*check_ready)(void *context, struct readiness *readiness);
    void (*before_metrics)(void *context);
    void *context;
};

/* Pages are small and asked for by few; a stranger on this address gets little to hold. */
static const struct http_limits limits = {
    .body_bytes = 1024,
    .header_bytes = 8192,
    .timeout_ms = 30000,
    .connections = 64,
};

static void answer(struct http_request *request, unsigned int status, const char *type,
                   struct span body)
{
    static const struct http_header no_store[] = {{"Cache-Control", "no-store"}};
    const struct http_answer page = {
        .status = status,
        .content_type = type,
        .body = body,
        .headers = no_store,
        .header_count = 1,
    };
    http_request_answer(request, &page);
}

static void show_health(const struct admin *admin, struct http_request *request)
{
    (void)admin;
    answer(request, 200, "text/plain; charset=utf-8", span_text("ok\n"));
}

static void show_readiness(const struct admin *admin, struct http_request *request)
{
    struct readiness readiness = {0};
    struct buffer body = {0};
    if (admin->check_ready)
        admin->check_ready(admin->context, &readiness);
    readiness_write_json(&readiness, &body);
    answer(request, readiness_is_ready(&readiness) ? 200 : 503, "application/json",
           buffer_span(&body));
    readiness_fini(&readiness);
    buffer_fini(&body);
}

static void show_metrics(const struct admin *admin, struct http_request *request)
{
    struct buffer body = {0};
    if (admin->before_metrics)
        admin->before_metrics(admin->context);
    metrics_measure_process();
    metrics_write(admin->program, &body);
    answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", buffer_span(&body));
    buffer_fini(&body);
}

static void on_request(void *context, struct http_request *request)
{
    static const struct {
        const char *path;
        void (*show)(const struct admin *admin, struct http_request *request);
    } pages[] = {
        {"/healthz", show_health},
        {"/readyz", show_readiness},
        {"/metrics", show_metrics},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(pages); i++) {
        if (!span_is(http_request_target(request)->path, pages[i].path))
            continue;
        if (span_is(http_request_method(request), "GET"))
            pages[i].show(context, request);
        else
            http_request_answer_problem(request, 405, "/problems/method-not-allowed",
                                        "Only GET is allowed here.", span_text(NULL));
        return;
    }
    http_request_answer_problem(request, 404, "/problems/not-found",
                                "There is /healthz, /readyz and /metrics.", span_text(NULL));
}

int admin_open(struct loop *loop, const struct address *address, enum program_id program,
               void (*check_ready)(void *context, struct readiness *readiness),
               void (*before_metrics)(void *context), void *context, struct admin **ret_admin)
{
    static const struct http_handler handler = {.on_request = on_request};
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->program = program;
    admin->check_ready = check_ready;
    admin->before_metrics = before_metrics;
    admin->context = context;
    int rc = http_server_open(loop, address, &handler, admin, &limits, &admin->server);
    if (rc < 0)
        free(admin);
    else
        *ret_admin = admin;
    return rc;
}

void admin_close(struct admin **admin)
{
    if (!*admin)
        return;
    http_server_close(&(*admin)->server);
    free(*admin);
    *admin = NULL;
}

uint16_t admin_port(const struct admin *admin)
{
    return http_server_port(admin->server);
}
