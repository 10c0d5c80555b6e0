/* An HTTP client that leaves everything to libcurl: for https://.
 *
 *     client ──▶ pool ──▶ multi     at most HTTP_POOL_TRANSFERS transfers in each: libcurl's work
 *            └─▶ pool ──▶ multi     per transfer grows with their number in one multi
 *
 * A pool has its own connections. The first pool with room takes a request, so that connections
 * are used again rather than opened. HTTP/2 when the target offers it.
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_CURL_H
#define SLIP_WEBHOOK_WORKER_HTTP_CURL_H

#include "webhook-worker/http/client.h"

enum { HTTP_POOL_TRANSFERS = 64 };

/* Any URL. As http_client_new() otherwise. */
MUST_USE
struct http_client *http_curl_new(struct loop *loop, const struct transfer_settings *settings,
                                  size_t concurrency, struct http_client_handler handler);

#endif
