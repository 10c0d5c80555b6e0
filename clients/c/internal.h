/* What the files of libslip share: filling a struct slip_error. */
#ifndef SLIP_CLIENTS_C_INTERNAL_H
#define SLIP_CLIENTS_C_INTERNAL_H

#include "clients/c/slip.h"
#include "common/base/buffer.h"

/* Fills *error (NULL: nobody asks) with a result and a message, and returns the result. */
enum slip_result error_set(struct slip_error *error, enum slip_result result, const char *format,
                           ...) PRINTF_LIKE(3, 4);

/* The message of `error`, of text from outside: control characters become spaces, what is not UTF-8
 * is cut off. */
void error_clean(struct slip_error *error);

/* How long the polls of a list may take together. */
int64_t commands_poll_ms(const struct slip_commands *commands);

/* What an HTTP answer that is no 2xx means: by its problem (RFC 9457) when the body is one.
 * `detail`: what a header said of it besides, or empty. Fills *error (never NULL) but for its
 * attempts and retry_after_ms. */
enum slip_result problem_read(unsigned int status, struct span body, struct span detail,
                              struct slip_error *error);

#endif
