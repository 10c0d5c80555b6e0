/* An HTTP client that speaks HTTP/1.1 over plain TCP by itself: for http://.
 *
 *     post ──▶ exchange ──▶ connection.h                  a kept one
 *                     └───▶ connector.h ──▶ connection.h    or a new one
 *
 *     exchange:  its head (head.h) and its body leave in one call, its answer (answer.h) is read
 *
 * A request whose kept connection turns out to be closed before a byte of the answer came goes out
 * again over a new one, once (RFC 9112 §9.3.1): a server closes idle connections when it likes. It
 * may have been read all the same; that is what its Idempotency-Key is for (RFC 9110 §9.2.2).
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_PLAIN_H
#define SLIP_WEBHOOK_WORKER_HTTP_PLAIN_H

#include "webhook-worker/http/client.h"

/* NULL if the URL is not of http://. As http_client_new() otherwise. */
MUST_USE
struct http_client *http_plain_new(struct loop *loop, const struct transfer_settings *settings,
                                   size_t concurrency, struct http_client_handler handler);

#endif
