#include <openssl/evp.h>
#include <stdlib.h>

#include "common/text/base64.h"
#include "control/control.h"

enum { KEY_BYTES_MAX = 255 };

/* ---- admission ---- */

bool rest_admit(struct rest_call *call)
{
    const struct control *control = call->rest->control;
    const char *cold = control_cold_reason(control);

    if (cold) {
        rest_answer_problem(call, PROBLEM_NOT_READY, span_text(cold));
        return false;
    }
    if (!rest_has_room(call, http_request_body(call->http).length)) {
        rest_answer_problem(call, PROBLEM_OVERLOADED, span_of(NULL, 0));
        return false;
    }
    return true;
}

struct rest_memory rest_remember(const struct rest_call *call, struct span body)
{
    struct buffer buffer = {0};
    size_t length = body.length + call->connection.length + call->channel.length;

    (void)buffer_reserve(&buffer, length + 1);
    buffer_append_span(&buffer, body);
    buffer_append_span(&buffer, call->connection);
    buffer_append_span(&buffer, call->channel);
    struct rest_memory memory = {.text = buffer_take(&buffer)};
    memory.body = span_of(memory.text, body.length);
    memory.connection = span_of(memory.text + body.length, call->connection.length);
    memory.channel =
        span_of(memory.text + body.length + call->connection.length, call->channel.length);
    return memory;
}

/* ---- Idempotency-Key ---- */

static const char *check_key(struct span key)
{
    if (key.length == 0 || key.length > KEY_BYTES_MAX)
        return "has not 1 to 255 characters";
    for (size_t i = 0; i < key.length; i++)
        if (key.data[i] < 0x20 || key.data[i] > 0x7e)
            return "holds a character that is not printable ASCII";
    return NULL;
}

/* The key stands for one request: the same key with another method, path or body is another one. */
static void origin_of(const struct http_request *http, struct span key, struct buffer *ret_origin)
{
    struct span method = http_request_method(http);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_length = 0;
    struct buffer input = {0};

    buffer_append_format(&input, "%zu:%.*s\n%.*s %s\n", key.length, SPAN_ARGS(key),
                         SPAN_ARGS(method), http_request_target(http)->text);
    buffer_append_span(&input, http_request_body(http));
    int ok = EVP_Digest(input.data, input.length, digest, &digest_length, EVP_sha256(), NULL);
    ASSERT(ok == 1);
    base64url_append(ret_origin, span_of(digest, digest_length));
    ASSERT(ret_origin->length == REQUEST_ORIGIN_LENGTH);
    buffer_fini(&input);
}

/* NULL, or why the header is refused. */
static const char *take_key(const struct rest_call *call, struct buffer *ret_origin)
{
    struct span key = http_request_header(call->http, "Idempotency-Key");
    const char *reason = key.data ? check_key(span_trim(key)) : NULL;

    if (key.data && !reason)
        origin_of(call->http, span_trim(key), ret_origin);
    return reason;
}

/* ---- carrying out ---- */

static void on_finished(void *context, const struct request *request)
{
    struct rest_call *call = context;

    call->request = NULL;
    if (call->is_contract)
        rest_answer_json(call, 200, span_text("{\"message\":\"processed successfully\"}"));
    else if (request->missed > 0)
        rest_answer_problem(call, PROBLEM_NO_SUCH_CONNECTION, span_of(NULL, 0));
    else
        rest_answer_json(call, 200, span_text("{\"message\":\"applied\"}"));
}

/* A poll has a limit of its own. */
static void on_polling(void *context, bool is_polling)
{
    struct rest_call *call = context;
    const struct control *control = call->rest->control;

    if (is_polling)
        loop_timer_stop(control->loop, &call->timer);
    else
        loop_timer_start(control->loop, &call->timer, control->config->control_timeout_ms);
}

static void refuse_key(struct rest_call *call, const char *reason)
{
    struct buffer detail = {0};

    buffer_append_format(&detail, "Idempotency-Key %s%c", reason, '\0');
    if (call->is_contract)
        rest_answer_invalid_commands(call, detail.data);
    else
        rest_answer_problem(call, PROBLEM_INVALID_PARAMETER, span_text(detail.data));
    buffer_fini(&detail);
}

void rest_carry_out(struct rest_call *call, struct command_list *list, struct rest_memory *memory)
{
    struct control *control = call->rest->control;
    size_t bytes = memory->body.length + memory->connection.length + memory->channel.length;
    struct buffer origin = {0};
    const char *reason = take_key(call, &origin);

    if (reason) {
        command_list_fini(list);
        free(memory->text);
        refuse_key(call, reason);
        return;
    }
    struct request *request =
        request_new_rest(&control->requests, list, &memory->text, bytes, buffer_span(&origin));
    buffer_fini(&origin);
    if (!request_is_admissible(request)) {
        request_destroy(&request);
        rest_answer_problem(call, PROBLEM_OVERLOADED,
                            span_text("the link to an edge concerned is full"));
        return;
    }
    request->on_finished = on_finished;
    request->on_polling = on_polling;
    request->context = call;
    call->request = request;
    loop_timer_start(control->loop, &call->timer, control->config->control_timeout_ms);
    request_begin(request);
}

/* ---- one command of a resource ---- */

static unsigned given_fields(const struct rest_call *call)
{
    unsigned given = COMMAND_HAS_NOTHING;
    if (call->connection.length > 0)
        given |= COMMAND_HAS_CONNECTION;
    if (call->channel.length > 0)
        given |= COMMAND_HAS_CHANNEL | COMMAND_HAS_CHANNEL_ID;
    return given;
}

static void answer_contract_error(struct rest_call *call, const struct contract_error *error)
{
    struct buffer detail = {0};
    contract_error_append(error, &detail);
    rest_answer_problem(call, PROBLEM_INVALID_BODY, buffer_span(&detail));
    buffer_fini(&detail);
}

/* The path's parts; false: answered. */
static bool path_is_good(struct rest_call *call)
{
    if (call->connection.length > RULES_CONNECTION_ID_BYTES_MAX) {
        rest_answer_problem(call, PROBLEM_NO_SUCH_CONNECTION, span_of(NULL, 0));
        return false;
    }
    return call->channel.length == 0 || rest_channel_is_good(call, "channel", call->channel);
}

static bool coding_is_known(struct rest_call *call)
{
    struct span coding = http_request_header(call->http, "Content-Encoding");
    if (coding.length == 0 || span_equal_nocase(coding, span_text("identity")))
        return true;
    rest_answer_problem(call, PROBLEM_UNSUPPORTED_ENCODING, span_of(NULL, 0));
    return false;
}

void rest_command(struct rest_call *call, enum command_type type, struct span body)
{
    struct command_list list = {0};
    struct contract_error error;

    if (!coding_is_known(call) || !path_is_good(call) || !rest_admit(call))
        return;
    struct rest_memory memory = rest_remember(call, body);
    if (command_list_parse_one(memory.body, type, given_fields(call), &call->rest->limits, &list,
                               &error) < 0) {
        free(memory.text);
        answer_contract_error(call, &error);
        return;
    }
    list.commands[0].connection = memory.connection;
    list.commands[0].channel = memory.channel;
    rest_carry_out(call, &list, &memory);
}
