#include <stdlib.h>

#include "common/process/log.h"
#include "control/control.h"

static void refuse(struct rest_call *call, const struct contract_error *error)
{
    static struct log_limit limit;
    struct buffer reason = {0};

    contract_error_append(error, &reason);
    buffer_append_byte(&reason, '\0');
    log_limited(&limit, LOG_LEVEL_INFO, "invalid commands", LOG_TEXT("reason", reason.data),
                LOG_TEXT("ip", http_request_client(call->http)));
    rest_answer_invalid_commands(call, reason.data);
    buffer_fini(&reason);
}

void rest_contract(struct rest_call *call)
{
    struct command_list list = {0};
    struct contract_error error;

    if (!rest_admit(call))
        return;
    struct rest_memory memory = rest_remember(call, http_request_body(call->http));
    if (command_list_parse(memory.body, COMMAND_IN_CONTROL, &call->rest->limits, &list, &error) <
        0) {
        free(memory.text);
        refuse(call, &error);
        return;
    }
    rest_carry_out(call, &list, &memory);
}
