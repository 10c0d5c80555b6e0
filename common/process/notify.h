/* Telling the service manager how we are (systemd's sd_notify protocol): one datagram to the
 * socket named by NOTIFY_SOCKET. */
#ifndef SLIP_PROCESS_NOTIFY_H
#define SLIP_PROCESS_NOTIFY_H

#include "common/base/base.h"

/* Sends `state` ("READY=1", "STOPPING=1"). Returns 0, also when nobody asked to be told; or -EINVAL
 * (the variable names no socket) or -errno of sending. Never waits. */
MUST_USE
int notify_send(const char *state);

#endif
