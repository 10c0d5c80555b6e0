/* Everything that REST can find wrong, once: a stable type (a URI reference, RFC 9457), a title, a
 * status. The server itself adds /problems/bad-target (400) and /problems/body-too-large (413).
 *
 * PROBLEM(ID, status, "type", "title", retry_after_s)
 */
#ifndef SLIP_CONTROL_PROBLEM_H
#define SLIP_CONTROL_PROBLEM_H

#include "common/base/buffer.h"

#define PROBLEMS(PROBLEM)                                                                         \
    PROBLEM(INVALID_TOKEN, 403, "/problems/invalid-token", "The token is missing or not good", 0) \
    PROBLEM(NOT_FOUND, 404, "/problems/not-found", "There is no such resource", 0)                \
    PROBLEM(NO_SUCH_CONNECTION, 404, "/problems/no-such-connection",                              \
            "There is no such connection", 0)                                                     \
    PROBLEM(NO_SUCH_DEAD_LETTER, 404, "/problems/no-such-dead-letter",                            \
            "There is no such dead letter", 0)                                                    \
    PROBLEM(ALREADY_REPLAYED, 409, "/problems/already-replayed",                                  \
            "The dead letter has been delivered", 0)                                              \
    PROBLEM(REPLAY_UNDER_WAY, 409, "/problems/replay-under-way",                                  \
            "The dead letter is being replayed", 1)                                               \
    PROBLEM(METHOD_NOT_ALLOWED, 405, "/problems/method-not-allowed",                              \
            "The resource does not know this method", 0)                                          \
    PROBLEM(INVALID_BODY, 400, "/problems/invalid-body", "The body is not what it should be", 0)  \
    PROBLEM(INVALID_PARAMETER, 400, "/problems/invalid-parameter",                                \
            "A parameter is not what it should be", 0)                                            \
    PROBLEM(UNSUPPORTED_ENCODING, 415, "/problems/unsupported-encoding",                          \
            "The body's content coding is not supported", 0)                                      \
    PROBLEM(NOT_READY, 503, "/problems/not-ready", "Control does not know all edges yet", 1)      \
    PROBLEM(OVERLOADED, 503, "/problems/overloaded", "Too much is waiting to be carried out", 1)  \
    PROBLEM(NOT_APPLIED, 503, "/problems/not-applied-in-time",                                    \
            "Not every edge has applied the commands in time; some may have", 1)                  \
    PROBLEM(DATABASE_AWAY, 503, "/problems/database-away", "PostgreSQL does not answer", 2)       \
    PROBLEM(INTERNAL, 500, "/problems/internal", "Something is wrong on this side", 0)

enum problem {
#define PROBLEM(id, status, type, title, retry_after_s) PROBLEM_##id,
    PROBLEMS(PROBLEM)
#undef PROBLEM
        PROBLEM_COUNT
};

#define PROBLEM_MEDIA_TYPE "application/problem+json"

unsigned int problem_status(enum problem problem);
const char *problem_type(enum problem problem);

/* Seconds for Retry-After, as text; NULL: none. */
const char *problem_retry_after(enum problem problem);

/* Appends {"type", "title", "status", "detail"}; an empty detail is left out. */
void problem_append(enum problem problem, struct span detail, struct buffer *buffer);

#endif
