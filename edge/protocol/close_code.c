#include "edge/protocol/close_code.h"

static const struct close_row rows[] = {
#define CLOSE_REASON(reason, close_code, sends_frame, reason_text, metric_label, what) \
    [CLOSE_##reason] = {.name = #reason,                                               \
                        .code = close_code,                                            \
                        .sends = sends_frame,                                          \
                        .text = reason_text,                                           \
                        .label = metric_label,                                         \
                        .meaning = what},
#include "edge/protocol/close_code.def"
#undef CLOSE_REASON
};

_Static_assert(ARRAY_LENGTH(rows) == CLOSE_REASON_COUNT, "a row for each reason");

const struct close_row *close_row(enum close_reason reason)
{
    ASSERT(reason >= 0 && reason < CLOSE_REASON_COUNT);
    return &rows[reason];
}

enum close_reason close_reason_of_frame_error(uint16_t code)
{
    switch (code) {
    case 1007:
        return CLOSE_INVALID_DATA;
    case 1009:
        return CLOSE_TOO_BIG;
    default:
        return CLOSE_PROTOCOL_ERROR;
    }
}
