#include "common/process/admin.h"

#include <stdlib.h>

#include "common/process/metrics.h"

struct admin {
    struct http_server *server;
    struct admin_pages pages;
};

/* Everybody's pages are small and asked for by few: a stranger on this address gets little to hold.
 * A program's own may take a message. */
enum { BODY_BYTES = 1024, OWN_BODY_BYTES = 256 << 10 };

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
    if (admin->pages.check_ready)
        admin->pages.check_ready(admin->pages.context, &readiness);
    readiness_write_json(&readiness, &body);
    answer(request, readiness_is_ready(&readiness) ? 200 : 503, "application/json",
           buffer_span(&body));
    readiness_fini(&readiness);
    buffer_fini(&body);
}

static void show_metrics(const struct admin *admin, struct http_request *request)
{
    struct buffer body = {0};
    if (admin->pages.before_metrics)
        admin->pages.before_metrics(admin->pages.context);
    metrics_measure_process();
    metrics_write(admin->pages.program, &body);
    answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", buffer_span(&body));
    buffer_fini(&body);
}

static void on_request(void *context, struct http_request *request)
{
    const struct admin *admin = context;
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
            pages[i].show(admin, request);
        else
            http_request_answer_problem(request, 405, "/problems/method-not-allowed",
                                        "Only GET is allowed here.", span_text(NULL));
        return;
    }
    if (admin->pages.more.on_request)
        admin->pages.more.on_request(admin->pages.context, request);
    else
        http_request_answer_problem(request, 404, "/problems/not-found",
                                    "There is /healthz, /readyz and /metrics.", span_text(NULL));
}

static void on_gone(void *context, struct http_request *request)
{
    const struct admin *admin = context;
    if (admin->pages.more.on_gone)
        admin->pages.more.on_gone(admin->pages.context, request);
}

int admin_open(struct loop *loop, const struct address *address, const struct admin_pages *pages,
               struct admin **ret_admin)
{
    static const struct http_handler handler = {.on_request = on_request, .on_gone = on_gone};
    const struct http_limits limits = {
        .body_bytes = pages->more.on_request ? OWN_BODY_BYTES : BODY_BYTES,
        .header_bytes = 8192,
        .timeout_ms = 30000,
        .connections = 64,
    };
    struct admin *admin = xcalloc(1, sizeof(*admin));
    admin->pages = *pages;
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
