/* A client for tests of servers that run in the same loop: plain sockets, and turns of the loop
 * until something is there. */
#ifndef SLIP_UNIT_HTTP_CLIENT_H
#define SLIP_UNIT_HTTP_CLIENT_H

#include "common/base/buffer.h"
#include "common/process/loop.h"

/* Connects to 127.0.0.1; the socket does not block. */
int client_connect(uint16_t port);

/* Sends all of it, turning the loop while the socket is full; true, or false when the server has
 * cut the connection. */
bool client_send(struct loop *loop, int fd, const void *data, size_t length);

/* Turns the loop until the answer is complete (by its Content-Length; without a body when
 * `is_head`) or the server has closed. Replaces what is in `answer`. Returns its status, 0 when
 * there was none. */
int client_receive(struct loop *loop, int fd, bool is_head, struct buffer *answer);

/* Turns the loop until the server has closed or reset the connection; what still came is dropped.
 */
void client_wait_for_end(struct loop *loop, int fd);

/* The value of a header in an answer, and its body. */
struct span client_header(const struct buffer *answer, const char *name);
struct span client_body(const struct buffer *answer);

/* One request on a connection of its own. */
int client_exchange(struct loop *loop, uint16_t port, const char *request, struct buffer *answer);

#endif
