/* Opens TCP connections to the host of a URL: libcurl resolves the name, tries one address after
 * the other, and gives up in time; the socket is then ours.
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_CONNECTOR_H
#define SLIP_WEBHOOK_WORKER_HTTP_CONNECTOR_H

#include "webhook-worker/http/multi.h"
#include "webhook-worker/http/transfer.h"

/* An attempt under way. */
struct http_connect;

struct http_connector {
    struct http_multi multi;
    const struct transfer_settings *settings;
    struct list running;
    struct list spare;
    /* The attempt has ended: `fd` (non-blocking; the callee's) or -1 and why. Called from the loop,
     * never from within http_connector_begin(). */
    void (*on_end)(void *owner, int fd, const char *error);
};

/* `settings` is borrowed; at most `attempts` at a time. */
void http_connector_init(struct http_connector *connector, struct loop *loop,
                         const struct transfer_settings *settings, size_t attempts,
                         void (*on_end)(void *owner, int fd, const char *error));

/* Gives up what is under way, without a call. */
void http_connector_fini(struct http_connector *connector);

/* The result is valid until on_end is called with this owner. */
struct http_connect *http_connector_begin(struct http_connector *connector, void *owner);
void http_connector_cancel(struct http_connector *connector, struct http_connect *connect);

#endif
