/* The half of deflate.h that reads offers: text is taken off the front of a span. */
#include <errno.h>

#include "common/contract/rules.h"
#include "edge/protocol/deflate.h"

enum parameter {
    SERVER_NO_CONTEXT,
    CLIENT_NO_CONTEXT,
    SERVER_WINDOW,
    CLIENT_WINDOW,
    PARAMETER_COUNT,
};

static const char *const parameter_names[PARAMETER_COUNT] = {
    [SERVER_NO_CONTEXT] = "server_no_context_takeover",
    [CLIENT_NO_CONTEXT] = "client_no_context_takeover",
    [SERVER_WINDOW] = "server_max_window_bits",
    [CLIENT_WINDOW] = "client_max_window_bits",
};

struct offer {
    bool acceptable;
    bool seen[PARAMETER_COUNT];
    struct deflate_parameters parameters;
};

static bool take_byte(struct span *rest, char byte)
{
    *rest = span_trim(*rest);
    if (rest->length == 0 || rest->data[0] != byte)
        return false;
    *rest = span_of(rest->data + 1, rest->length - 1);
    return true;
}

static int take_token(struct span *rest, struct span *ret_token)
{
    *rest = span_trim(*rest);
    size_t length = 0;
    while (length < rest->length && rules_is_token(span_of(rest->data + length, 1)))
        length++;
    if (length == 0)
        return -EBADMSG;
    *ret_token = span_of(rest->data, length);
    *rest = span_of(rest->data + length, rest->length - length);
    return 0;
}

/* What is quoted must be a token (RFC 6455 §9.1). Escapes stay in it: they are legal, and a value
 * with one is none that we accept. */
static int take_quoted(struct span *rest, struct span *ret_value)
{
    size_t i = 0;
    while (i < rest->length && rest->data[i] != '"') {
        if (rest->data[i] == '\\')
            i++;
        if (i >= rest->length || !rules_is_token(span_of(rest->data + i, 1)))
            return -EBADMSG;
        i++;
    }
    if (i == 0 || i >= rest->length)
        return -EBADMSG;
    *ret_value = span_of(rest->data, i);
    *rest = span_of(rest->data + i + 1, rest->length - i - 1);
    return 0;
}

/* 8 … 15 without leading zeros (RFC 7692 §7.1.2); 0 for anything else. */
static uint8_t window_bits_of(struct span value)
{
    uint64_t bits;
    if (value.length == 0 || value.data[0] == '0' ||
        span_to_u64(value, DEFLATE_WINDOW_BITS_MAX, &bits) < 0 || bits < 8)
        return 0;
    return (uint8_t)bits;
}

/* value.data == NULL: the parameter came without one. */
static bool accept_parameter(struct offer *offer, struct span name, struct span value)
{
    size_t which = 0;
    while (which < PARAMETER_COUNT && !span_is(name, parameter_names[which]))
        which++;
    if (which == PARAMETER_COUNT || offer->seen[which])
        return false;
    offer->seen[which] = true;
    uint8_t bits = window_bits_of(value);
    switch ((enum parameter)which) {
    case SERVER_WINDOW:
        offer->parameters = (struct deflate_parameters){.window_bits = bits, .answer_window = true};
        return bits >= DEFLATE_WINDOW_BITS_MIN;
    case CLIENT_WINDOW:
        return !value.data || bits != 0;
    case SERVER_NO_CONTEXT:
    case CLIENT_NO_CONTEXT:
    case PARAMETER_COUNT:
        break;
    }
    return !value.data;
}

/* One offer: a name and its parameters. */
static int take_offer(struct span *rest, struct offer *ret_offer)
{
    struct offer offer = {.parameters = {.window_bits = DEFLATE_WINDOW_BITS_MAX}};
    struct span name, value;
    int r = take_token(rest, &name);
    offer.acceptable = r == 0 && span_is(name, "permessage-deflate");
    while (r == 0 && take_byte(rest, ';')) {
        value = span_of(NULL, 0);
        r = take_token(rest, &name);
        if (r == 0 && take_byte(rest, '='))
            r = take_byte(rest, '"') ? take_quoted(rest, &value) : take_token(rest, &value);
        if (r == 0 && offer.acceptable)
            offer.acceptable = accept_parameter(&offer, name, value);
    }
    if (r == 0)
        *ret_offer = offer;
    return r;
}

int deflate_negotiate(struct span offers, struct deflate_parameters *ret_parameters)
{
    bool found = false, any = false;
    struct deflate_parameters chosen = {0};
    struct span rest = span_trim(offers);
    while (rest.length > 0) {
        struct offer offer = {0};
        if (take_byte(&rest, ',')) /* an empty element (RFC 9110 §5.6.1) */
            continue;
        if (take_offer(&rest, &offer) < 0)
            return -EBADMSG;
        any = true;
        rest = span_trim(rest);
        if (rest.length > 0 && rest.data[0] != ',')
            return -EBADMSG;
        if (offer.acceptable && !found) {
            found = true;
            chosen = offer.parameters;
        }
    }
    if (!found)
        return any ? -ENOENT : -EBADMSG;
    *ret_parameters = chosen;
    return 0;
}

void deflate_append_answer(struct buffer *out, const struct deflate_parameters *parameters)
{
    buffer_append_text(
        out, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    if (parameters->answer_window)
        buffer_append_format(out, "; server_max_window_bits=%u", (unsigned)parameters->window_bits);
}
