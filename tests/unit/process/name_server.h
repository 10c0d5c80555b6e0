/* A name server for a test program: getaddrinfo here knows what the test says about hosts that end
 * in ".test"; all others go to the real one. */
#ifndef SLIP_UNIT_NAME_SERVER_H
#define SLIP_UNIT_NAME_SERVER_H

#include <stdbool.h>

/* Forgets everything; the calling thread is the loop's. */
void name_server_reset(void);

/* From now on: these addresses (at most 8, separated by blanks), or with none of them this error of
 * getaddrinfo. `host` outlives the next reset. */
void name_server_say(const char *host, const char *addresses, int error);

/* Questions get no answer until they are released. */
void name_server_hold(bool is_held);

/* Questions that came and that were answered, without those for addresses alone. */
unsigned name_server_asked(void);
unsigned name_server_answered(void);

/* Questions that the loop's own thread has asked: it would have waited. They fail. */
unsigned name_server_asked_by_loop(void);

#endif
