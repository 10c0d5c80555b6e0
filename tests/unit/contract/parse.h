/* Bodies and their commands, as the tests of the contract write them. */
#ifndef SLIP_UNIT_CONTRACT_PARSE_H
#define SLIP_UNIT_CONTRACT_PARSE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/contract/command.h"
#include "tests/unit/unit.h"

static const struct command_limits test_limits = {
    .commands = 4,
    .channel_name_bytes = 8,
    .metadata_bytes = 16,
    .data_bytes = 12,
    .poll_limit_ms = 1000,
};

/* The list in a body that is good. The body is in memory of its own size, for the sanitizer. */
static inline struct command_list parse_good(const char *body, enum command_context context)
{
    struct command_list list;
    struct contract_error error;
    int result = command_list_parse(span_text(body), context, &test_limits, &list, &error);

    if (result < 0)
        fail_msg("%s: events[%zu].%s %s", body, error.index, error.field, error.reason);
    return list;
}

/* Refused, with this sentence. */
static inline void assert_refused(struct span body, enum command_context context,
                                  const char *sentence)
{
    struct command_list list = {.count = 77};
    struct contract_error error;
    struct buffer buffer = {0};
    char *exact = malloc(body.length + !body.length);

    if (body.length > 0)
        memcpy(exact, body.data, body.length);
    assert_int_equal(
        command_list_parse(span_of(exact, body.length), context, &test_limits, &list, &error),
        -EINVAL);
    assert_int_equal(list.count, 77);
    contract_error_append(&error, &buffer);
    assert_span(buffer_span(&buffer), sentence);
    buffer_fini(&buffer);
    free(exact);
}

#endif
