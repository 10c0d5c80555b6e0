/* Links without a network: edges and workers say messages to the router in this process, and read
 * what it has said to them. Stands in for common/wire/link.h. */
#ifndef SLIP_TESTS_FAKE_LINK_H
#define SLIP_TESTS_FAKE_LINK_H

#include "common/wire/link.h"

/* A peer that greets; its session begins before this returns. */
struct link *fake_link_up(const char *role, const char *name);

/* Its session ends. */
void fake_link_down(struct link *link);

void fake_link_say(struct link *link, const struct wire_message *message);

/* The peer has received everything that was said to it. */
void fake_link_receive_all(struct link *link);

/* Takes the oldest message that the router has said to the peer; false when there is none. Its
 * spans are valid until the next call for this link. */
bool fake_link_hear(struct link *link, struct wire_message *ret_message);

/* The same for the oldest message of this kind; what comes before it is dropped. */
bool fake_link_hear_id(struct link *link, enum message_id id, struct wire_message *ret_message);

/* Nothing more is to be said to it, until it has received. */
void fake_link_set_full(struct link *link, bool is_full);
void fake_link_set_silent(struct link *link, int64_t silent_ms);

/* How the program's life was told: see lifecycle.h. */
extern int fake_lifecycle_exit; /* -1 while it runs; 0 stopped, else the code of lifecycle_fail */

#endif
