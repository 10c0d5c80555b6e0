/* Asks a running program for one of its admin pages: for health checks in containers, where there
 * is no curl. Waits, for at most a few seconds; never called inside a loop. */
#ifndef SLIP_PROCESS_PROBE_H
#define SLIP_PROCESS_PROBE_H

#include <stdio.h>

#include "common/process/address.h"

/* GET `page` ("/readyz") from what listens at `address`; 0.0.0.0 and [::] mean this machine. Writes
 * the body to `stream`. Returns 0 and the status; -ETIMEDOUT (no whole answer within 3 s),
 * -EPROTO (an answer that is not HTTP), -EADDRNOTAVAIL (no such name), or another -errno of
 * connect, send or recv. */
MUST_USE
int probe_page(const struct address *address, const char *page, FILE *stream,
               unsigned int *ret_status);

#endif
