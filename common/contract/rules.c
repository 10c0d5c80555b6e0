#include "common/contract/rules.h"

#include "common/text/json.h"
#include "common/text/utf8.h"

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* C0, DEL, and C1, which in UTF-8 is C2 80 … C2 9F. */
static bool has_control_character(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return true;
        if (byte == 0xc2 && i + 1 < text.length && (unsigned char)text.data[i + 1] < 0xa0)
            return true;
    }
    return false;
}

const char *rules_check_channel(struct span channel, size_t limit_bytes)
{
    if (channel.length == 0)
        return "is empty";
    if (channel.length > limit_bytes)
        return "is too long";
    if (!utf8_is_valid(channel))
        return "is not UTF-8";
    if (has_control_character(channel))
        return "holds a control character";
    return NULL;
}

const char *rules_check_metadata(struct span metadata, size_t limit_bytes)
{
    if (metadata.length > limit_bytes)
        return "is too long";
    return json_is_valid(metadata) ? NULL : "is not JSON";
}

const char *rules_check_close_code(int64_t code)
{
    bool is_protocol = code >= 1000 && code <= 1014 && (code <= 1003 || code >= 1007);
    bool is_private = code >= 3000 && code <= 4999;

    return is_protocol || is_private
               ? NULL
               : "is no close code that may be sent: 1000-1003, 1007-1014, 3000-4999";
}

const char *rules_check_reason(struct span reason)
{
    if (reason.length > RULES_REASON_BYTES_MAX)
        return "is too long";
    return utf8_is_valid(reason) ? NULL : "is not UTF-8";
}

const char *rules_check_status(int64_t status)
{
    return status >= 300 && status <= 599 ? NULL : "is no status that refuses";
}

bool rules_is_token(struct span text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!is_alphanumeric(c) && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return text.length > 0;
}

const char *rules_check_subprotocol(struct span subprotocol)
{
    if (subprotocol.length > RULES_SUBPROTOCOL_BYTES_MAX)
        return "is too long";
    return rules_is_token(subprotocol) ? NULL : "is not a token";
}

/* What frames the answer, what belongs to one hop (RFC 9110 §7.6.1), and what we write ourselves.
 */
static bool is_reserved_header(struct span name)
{
    static const char *const reserved[] = {
        "connection",          "upgrade", "content-length", "transfer-encoding", "keep-alive",
        "proxy-authenticate",  "te",      "trailer",        "proxy-connection",  "date",
        "proxy-authorization", "host",
    };
    struct span websocket = span_text("sec-websocket-");

    if (name.length >= websocket.length &&
        span_equal_nocase(span_of(name.data, websocket.length), websocket))
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(reserved); i++) {
        if (span_equal_nocase(name, span_text(reserved[i])))
            return true;
    }
    return false;
}

const char *rules_check_header_name(struct span name)
{
    if (!rules_is_token(name))
        return "holds a malformed header name";
    return is_reserved_header(name) ? "holds a header that is not the backend's to set" : NULL;
}

const char *rules_check_header_value(struct span value)
{
    for (size_t i = 0; i < value.length; i++) {
        unsigned char byte = (unsigned char)value.data[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return "holds a control character in a header value";
    }
    return NULL;
}
