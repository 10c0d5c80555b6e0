/* A lookup: turns hosts into addresses of the network, once, without ever making the loop wait for
 * a name server.
 *
 *     loop ── hosts ──▶ thread: getaddrinfo … ── eventfd ──▶ loop: on_done
 *
 * A lookup that hangs when it is destroyed is left to its thread, which then frees what it used.
 */
#ifndef SLIP_PROCESS_LOOKUP_H
#define SLIP_PROCESS_LOOKUP_H

#include "common/process/loop.h"

struct lookup;

enum {
    LOOKUP_TEXT_SIZE = 56,   /* an IPv6 address with its scope, and the NUL */
    LOOKUP_ADDRESSES = 1024, /* of one host; more are left out */
};

struct lookup_address {
    char text[LOOKUP_TEXT_SIZE]; /* "1.2.3.4", "::1" */
};

/* About one host. */
struct lookup_answer {
    int error; /* 0, or one of getaddrinfo's EAI_… */
    struct lookup_address *addresses;
    size_t count; /* no two are equal; in the order in which they should be tried */
};

/* Copies the hosts, which are names or addresses. Never NULL. */
MUST_USE
struct lookup *lookup_new(const char *const *hosts, size_t count);

/* Answers at once, without asking anybody, if each host is an address. Returns false when there is
 * a name among them: lookup_start. */
MUST_USE
bool lookup_answer_addresses(struct lookup *lookup);

/* Asks; on_done is called once, by the loop, when all hosts have their answers. Returns 0, or a
 * moment's trouble: -EMFILE, -ENFILE, -ENOMEM, -ENOSPC, -EAGAIN (out of descriptors or threads). */
MUST_USE
int lookup_start(struct lookup *lookup, struct loop *loop, void (*on_done)(void *context),
                 void *context);

/* on_done has been called, or lookup_answer_addresses was true. */
bool lookup_is_done(const struct lookup *lookup);

/* When it is done: about the host with this index. The lookup's own. */
const struct lookup_answer *lookup_answer(const struct lookup *lookup, size_t index);

/* At any time, also in on_done; no call comes after. NULL inside is fine. */
void lookup_destroy(struct lookup **lookup);

#endif
