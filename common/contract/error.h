/* Why a body is not what the contract wants: for the log line and for the detail of a 400 answer.
 * Holds only static strings and numbers, so it may be copied and kept. */
#ifndef SLIP_CONTRACT_ERROR_H
#define SLIP_CONTRACT_ERROR_H

#include "common/base/buffer.h"

#define CONTRACT_ERROR_NO_INDEX    SIZE_MAX
#define CONTRACT_ERROR_NO_POSITION SIZE_MAX

struct contract_error {
    size_t index;       /* the command, from 0; CONTRACT_ERROR_NO_INDEX when it is the whole body */
    const char *field;  /* the member at fault, or NULL */
    const char *reason; /* "is too long", "is missing", … */
    size_t position;    /* byte in the body, or CONTRACT_ERROR_NO_POSITION */
    size_t limit_bytes; /* that was exceeded; 0: none was */
    const char *setting; /* whose limit that is; NULL: the contract's */
};

/* Appends one sentence without a full stop: `events[3].channel is too long: at most 256 bytes,
 * CHANNEL_NAME_LIMIT (byte 812)`. */
void contract_error_append(const struct contract_error *error, struct buffer *buffer);

/* Appends what a limit is: `: at most 256 bytes, CHANNEL_NAME_LIMIT`; the setting may be NULL. */
void contract_limit_append(size_t limit_bytes, const char *setting, struct buffer *buffer);

#endif
