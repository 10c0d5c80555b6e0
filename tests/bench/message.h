/* A message that can be checked: who sent it, the how many-eth it is, and a filling that depends on
 * both, so that a byte changed, moved or taken from another message is noticed.
 *
 *     ssss nnnnnn filling…        (hexadecimal source and number, without the blanks)
 */
#ifndef SLIP_BENCH_MESSAGE_H
#define SLIP_BENCH_MESSAGE_H

#include <stdint.h>

#include "common/base/span.h"

enum {
    MESSAGE_BYTES_MIN = 10,
    MESSAGE_BYTES_MAX = 1 << 20,
    MESSAGE_SOURCES = 1 << 16,
    MESSAGE_NUMBERS = 1 << 24,
};

/* Writes exactly `size` bytes. */
void message_write(char *place, size_t size, uint32_t source, uint32_t number);

/* Exits with what is wrong when it is not such a message of `size` bytes. */
void message_read(struct span data, size_t size, uint32_t *ret_source, uint32_t *ret_number);

#endif
