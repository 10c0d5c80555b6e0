/* A control request's body, and the same bytes as the body of one REST resource. */
#include "common/contract/command.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct command_limits limits = COMMAND_LIMITS_DEFAULT;
    struct span body = span_of(data, size);
    struct contract_error error;
    struct command_list list;
    if (command_list_parse(body, COMMAND_IN_CONTROL, &limits, &list, &error) == 0)
        command_list_fini(&list);
    for (unsigned type = 0; type < COMMAND_TYPE_COUNT; type++)
        if (command_list_parse_one(body, (enum command_type)type, COMMAND_HAS_CONNECTION, &limits,
                                   &list, &error) == 0)
            command_list_fini(&list);
    return 0;
}
