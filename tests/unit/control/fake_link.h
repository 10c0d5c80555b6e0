/* Links that keep what is put into them: the functions of common/wire/link.h that edges use, for
 * tests that need no network. */
#ifndef SLIP_TEST_FAKE_LINK_H
#define SLIP_TEST_FAKE_LINK_H

#include "common/wire/link.h"

enum { FAKE_LINK_COMMANDS = 64 };

struct link {
    struct buffer packet;
    bool is_full;
    bool is_current;
};

/* A command as it was put. Spans point into the link's packet. */
struct fake_link_command {
    uint64_t number;
    uint64_t type;
    struct span target;
    struct span data;
    struct span origin;
};

void fake_link_init(struct link *link);
void fake_link_fini(struct link *link);

/* Decodes what was put since the last call; returns how many commands. */
size_t fake_link_take(struct link *link, struct fake_link_command ret_commands[FAKE_LINK_COMMANDS]);

#endif
