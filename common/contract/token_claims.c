#include "common/contract/token_claims.h"

#include "common/text/json.h"

/* NumericDate is in seconds, perhaps with a fraction; beyond these bounds it makes no difference.
 */
#define DATE_MAX_S 253402300800.0

/* Takes a string; is it the expected one, which is short? */
static bool takes_text(struct json_reader *reader, const char *expected)
{
    char text[64];
    struct json_value string = json_take_string(reader);
    size_t length;

    if (reader->error || string.raw.length > sizeof text ||
        json_unescape(&string, text, &length) < 0)
        return false;
    return span_is(span_of(text, length), expected);
}

/* A string, or an array that holds it (RFC 7519 §4.1.3). Skips what is neither. */
static bool takes_audience(struct json_reader *reader, const char *expected)
{
    bool found = false;

    if (json_peek(reader) == JSON_STRING)
        return takes_text(reader, expected);
    if (json_peek(reader) != JSON_ARRAY) {
        json_skip(reader);
        return false;
    }
    json_enter_array(reader);
    while (json_next_element(reader)) {
        if (json_peek(reader) == JSON_STRING)
            found |= takes_text(reader, expected);
        else
            json_skip(reader);
    }
    return found;
}

static int64_t take_date_ms(struct json_reader *reader)
{
    return (int64_t)(json_take_number(reader, -DATE_MAX_S, DATE_MAX_S) * 1000);
}

struct claims {
    bool issuer_is_ours;
    bool audience_is_ours;
    bool has_expiry;
    int64_t expires_ms;
    int64_t valid_from_ms; /* the later of nbf and iat */
};

static void take_claims(struct json_reader *reader, const char *audience, struct claims *claims)
{
    struct span key;

    json_enter_object(reader);
    while (json_next_key(reader, &key)) {
        if (span_is(key, "iss")) {
            claims->issuer_is_ours = takes_text(reader, TOKEN_ISSUER);
        } else if (span_is(key, "aud")) {
            claims->audience_is_ours = takes_audience(reader, audience);
        } else if (span_is(key, "exp")) {
            claims->has_expiry = true;
            claims->expires_ms = take_date_ms(reader);
        } else if (span_is(key, "nbf") || span_is(key, "iat")) {
            int64_t from_ms = take_date_ms(reader);
            if (from_ms > claims->valid_from_ms)
                claims->valid_from_ms = from_ms;
        } else {
            json_skip(reader);
        }
    }
}

enum token_problem token_claims_check(struct span text, const char *audience, int64_t leeway_ms,
                                      int64_t now_ms, int64_t *ret_expires_ms)
{
    struct claims claims = {.valid_from_ms = INT64_MIN};
    struct json_reader reader;

    json_reader_init(&reader, text);
    take_claims(&reader, audience, &claims);
    if (json_finish(&reader) < 0)
        return TOKEN_PROBLEM_MALFORMED;
    if (!claims.issuer_is_ours)
        return TOKEN_PROBLEM_ISSUER;
    if (!claims.audience_is_ours)
        return TOKEN_PROBLEM_AUDIENCE;
    if (!claims.has_expiry || now_ms >= claims.expires_ms + leeway_ms)
        return TOKEN_PROBLEM_EXPIRED;
    if (claims.valid_from_ms > now_ms + leeway_ms)
        return TOKEN_PROBLEM_NOT_YET;
    *ret_expires_ms = claims.expires_ms + leeway_ms;
    return TOKEN_PROBLEM_NONE;
}

enum token_problem token_header_check(struct span header)
{
    struct json_reader reader;
    struct span key;
    bool has_algorithm = false, is_critical = false, is_repeated = false;
    bool is_hs256 = false;

    json_reader_init(&reader, header);
    json_enter_object(&reader);
    while (json_next_key(&reader, &key)) {
        if (span_is(key, "alg")) {
            is_repeated |= has_algorithm;
            has_algorithm = true;
            is_hs256 = takes_text(&reader, "HS256");
        } else {
            is_critical |= span_is(key, "crit");
            json_skip(&reader);
        }
    }
    if (json_finish(&reader) < 0 || is_repeated || is_critical)
        return TOKEN_PROBLEM_MALFORMED;
    return is_hs256 ? TOKEN_PROBLEM_NONE : TOKEN_PROBLEM_ALGORITHM;
}
