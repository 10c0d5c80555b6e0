/* Why a connection ended: the table of close_code.def as an enum and as rows. Any thread. */
#ifndef SLIP_EDGE_PROTOCOL_CLOSE_CODE_H
#define SLIP_EDGE_PROTOCOL_CLOSE_CODE_H

#include "common/base/base.h"

enum close_reason {
#define CLOSE_REASON(name, code, sends, text, label, meaning) CLOSE_##name,
#include "edge/protocol/close_code.def"
#undef CLOSE_REASON
    CLOSE_REASON_COUNT
};

struct close_row {
    const char *name;    /* "PEER_CLOSED" */
    uint16_t code;       /* 0: comes with the case */
    bool sends;          /* a close frame goes to the client */
    const char *text;    /* reason sent and told; "" with code 0 */
    const char *label;   /* of the metric */
    const char *meaning; /* for the docs */
};

/* The row of a reason (asserted to be one); static. */
const struct close_row *close_row(enum close_reason reason);

/* The reason for an error code of the frame decoder: 1002, 1007, 1009. */
enum close_reason close_reason_of_frame_error(uint16_t code);

#endif
