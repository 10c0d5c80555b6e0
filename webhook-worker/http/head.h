/* The head of a request over plain HTTP/1.1 (RFC 9112 §3, RFC 9110 §7.2), most of which is the same
 * for all requests of a client.
 */
#ifndef SLIP_WEBHOOK_WORKER_HTTP_HEAD_H
#define SLIP_WEBHOOK_WORKER_HTTP_HEAD_H

#include "webhook-worker/http/transfer.h"

struct http_head {
    struct buffer fixed;  /* from the request line on: the same as long as the client lives */
    struct buffer prefix; /* `fixed` with the token, up to the value of Idempotency-Key */
    uint64_t authorization_generation; /* of `prefix` */
};

/* 0, or -EINVAL: libcurl does not take it for an http:// URL. Then nothing is to be finished. */
MUST_USE
int http_head_init(struct http_head *head, const char *url);
void http_head_fini(struct http_head *head);

/* Appends the head of this request, the empty line included. */
void http_head_append(struct http_head *head, const struct transfer_request *request,
                      struct buffer *buffer);

#endif
