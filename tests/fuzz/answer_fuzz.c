/* An answer, to a request about two connections of which one is opening. */
#include "common/contract/answer.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct command_limits limits = COMMAND_LIMITS_DEFAULT;
    struct answer_connection own[] = {{.id = span_of("a", 1), .is_opening = true},
                                      {.id = span_of("b", 1)}};
    struct contract_error error;
    struct command_list list;
    if (command_list_parse(span_of(data, size), COMMAND_IN_ANSWER, &limits, &list, &error) < 0)
        return 0;
    if (answer_split(&list, own, ARRAY_LENGTH(own), &error) == 0)
        ASSERT(own[0].decision && span_is(own[0].decision->connection, "a"));
    command_list_fini(&list);
    return 0;
}
