#include "edge/protocol/handshake.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "common/contract/rules.h"
#include "common/text/base64.h"

enum {
    KEY_LENGTH = 24, /* base64 of 16 bytes */
    NONCE_LENGTH = 16,
};

/* Every server appends it to the key: RFC 6455 §1.3. */
static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static int refuse(struct refusal *ret_refusal, int status, const char *detail)
{
    *ret_refusal = (struct refusal){.status = status, .detail = detail};
    return -EBADMSG;
}

/* Is the token in one of the comma-separated lists of that header? */
static bool header_has_token(const struct request *request, const char *name, const char *token)
{
    size_t position = 0;
    struct span list;
    while (request_header_next(request, name, &position, &list))
        while (list.data)
            if (span_equal_nocase(span_trim(span_split(&list, ',')), span_text(token)))
                return true;
    return false;
}

static bool key_is_valid(struct span key)
{
    char nonce[KEY_LENGTH];
    size_t length;
    return key.length == KEY_LENGTH && base64_decode(key, nonce, &length) == 0 &&
           length == NONCE_LENGTH;
}

static void compute_accept(struct span key, char ret_accept[HANDSHAKE_ACCEPT_LENGTH + 1])
{
    char text[KEY_LENGTH + sizeof(accept_guid) - 1];
    unsigned char digest[SHA_DIGEST_LENGTH];
    memcpy(text, key.data, KEY_LENGTH);
    memcpy(text + KEY_LENGTH, accept_guid, sizeof(accept_guid) - 1);
    SHA1((const unsigned char *)text, sizeof(text), digest);
    EVP_EncodeBlock((unsigned char *)ret_accept, digest, SHA_DIGEST_LENGTH);
}

/* RFC 6455 §4.2.1, items 1 to 6. */
static int check_upgrade(const struct request *request, struct span *ret_key,
                         struct refusal *ret_refusal)
{
    struct span version;
    if (request->is_head || !header_has_token(request, "upgrade", "websocket"))
        return refuse(ret_refusal, 426, "This is a WebSocket endpoint.");
    if (!header_has_token(request, "connection", "upgrade"))
        return refuse(ret_refusal, 400, "Connection: Upgrade is missing.");
    int r = request_header(request, "sec-websocket-version", &version);
    if (r == -EEXIST)
        return refuse(ret_refusal, 400, "Repeated Sec-WebSocket-Version.");
    if (r < 0 || !span_is(version, "13"))
        return refuse(ret_refusal, 426, "Only version 13 of the WebSocket protocol is spoken.");
    if (request_header(request, "sec-websocket-key", ret_key) < 0 || !key_is_valid(*ret_key))
        return refuse(ret_refusal, 400, "Missing, repeated or malformed Sec-WebSocket-Key.");
    return 0;
}

/* Whether `list`, "a,b,c", has this element. */
static bool list_has(struct span list, struct span element)
{
    while (list.data)
        if (span_equal(span_split(&list, ','), element))
            return true;
    return false;
}

/* Adds the elements of one header to `out`, "a,b,c". They are tokens, each offered once (RFC 6455
 * §4.1 item 10); empty list elements do not count (RFC 9110 §5.6.1). -EINVAL when not. */
static int add_subprotocols(struct buffer *out, struct span list, size_t *count)
{
    while (list.data) {
        struct span element = span_trim(span_split(&list, ','));
        if (element.length == 0)
            continue;
        if (!rules_is_token(element) || *count == HANDSHAKE_SUBPROTOCOLS_MAX ||
            list_has(buffer_span(out), element))
            return -EINVAL;
        if ((*count)++ > 0)
            buffer_append_byte(out, ',');
        buffer_append_span(out, element);
    }
    return 0;
}

static int read_subprotocols(const struct request *request, char **ret_subprotocols,
                             struct refusal *ret_refusal)
{
    struct buffer joined = {0};
    struct span list;
    size_t position = 0, count = 0;
    while (request_header_next(request, "sec-websocket-protocol", &position, &list)) {
        size_t before = count;
        if (add_subprotocols(&joined, list, &count) < 0 || count == before) {
            buffer_fini(&joined);
            return refuse(ret_refusal, 400, "Malformed Sec-WebSocket-Protocol.");
        }
    }
    *ret_subprotocols = count > 0 ? buffer_take(&joined) : NULL;
    return 0;
}

/* All headers are read even when one was acceptable: the rest must be well-formed too. */
static int read_extensions(const struct request *request, bool allow_deflate,
                           struct deflate_parameters *ret_deflate, struct refusal *ret_refusal)
{
    struct deflate_parameters chosen = {0};
    struct span offers;
    size_t position = 0;
    while (request_header_next(request, "sec-websocket-extensions", &position, &offers)) {
        struct deflate_parameters parameters;
        int r = deflate_negotiate(offers, &parameters);
        if (r == -EBADMSG)
            return refuse(ret_refusal, 400, "Malformed Sec-WebSocket-Extensions.");
        if (r == 0 && allow_deflate && chosen.window_bits == 0)
            chosen = parameters;
    }
    *ret_deflate = chosen;
    return 0;
}

int handshake_init(struct handshake *ret_handshake, const struct request *request,
                   bool allow_deflate, struct refusal *ret_refusal)
{
    struct handshake handshake = {0};
    struct span key;
    int r = check_upgrade(request, &key, ret_refusal);
    if (r == 0)
        r = read_extensions(request, allow_deflate, &handshake.deflate, ret_refusal);
    if (r == 0)
        r = read_subprotocols(request, &handshake.subprotocols, ret_refusal);
    if (r < 0)
        return r;
    compute_accept(key, handshake.accept);
    *ret_handshake = handshake;
    return 0;
}

void handshake_fini(struct handshake *handshake)
{
    free(handshake->subprotocols);
    *handshake = (struct handshake){0};
}

struct span handshake_subprotocols(const struct handshake *handshake)
{
    return span_text(handshake->subprotocols);
}

bool handshake_offers(const struct handshake *handshake, struct span subprotocol)
{
    return subprotocol.length > 0 && list_has(handshake_subprotocols(handshake), subprotocol);
}

void handshake_append_accepted(struct buffer *out, const struct handshake *handshake,
                               struct span subprotocol, const struct response_header *headers,
                               size_t header_count)
{
    buffer_append_format(out,
                         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                         handshake->accept);
    if (handshake_offers(handshake, subprotocol)) {
        buffer_append_text(out, "Sec-WebSocket-Protocol: ");
        buffer_append_span(out, subprotocol);
        buffer_append_text(out, "\r\n");
    }
    if (handshake->deflate.window_bits != 0) {
        buffer_append_text(out, "Sec-WebSocket-Extensions: ");
        deflate_append_answer(out, &handshake->deflate);
        buffer_append_text(out, "\r\n");
    }
    response_headers_append(out, headers, header_count);
    buffer_append_text(out, "\r\n");
}
