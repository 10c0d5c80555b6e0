/* Opening a listening TCP socket. */
#ifndef SLIP_PROCESS_LISTENER_H
#define SLIP_PROCESS_LISTENER_H

#include "common/process/address.h"

/* Binds and listens, non-blocking and close-on-exec, with SO_REUSEADDR; `share_port` adds
 * SO_REUSEPORT. A host name is resolved (blocking: only at start), and of its addresses one is
 * bound: the first that this machine has (another is not tried when that one's port is taken).
 * `[::]` takes IPv4 as well.
 * Returns 0 and a descriptor that the caller closes, -EADDRINUSE, -EADDRNOTAVAIL (no such address
 * or name here), -EACCES, or another -errno of socket, bind or listen. */
MUST_USE
int listener_open(const struct address *address, bool share_port, int *ret_fd);

/* The port that the socket is bound to, or 0 when it is not bound. */
uint16_t listener_port(int fd);

#endif
