/* What every unit test includes: cmocka with what it wants before it. */
#ifndef SLIP_UNIT_UNIT_H
#define SLIP_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/span.h"

/* The span holds exactly this text. */
#define assert_span(actual, expected)                                    \
    do {                                                                 \
        struct span actual_span = (actual);                              \
        struct span expected_span = span_text(expected);                 \
        if (!span_equal(actual_span, expected_span))                     \
            fail_msg("\"%.*s\" is not \"%.*s\"", SPAN_ARGS(actual_span), \
                     SPAN_ARGS(expected_span));                          \
    } while (0)

#endif
