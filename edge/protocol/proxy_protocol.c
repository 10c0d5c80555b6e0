#include "edge/protocol/proxy_protocol.h"

#include <errno.h>

enum {
    LINE_MAX_BYTES = 107, /* of version 1, with its CRLF: section 2.1 of the specification */
    BINARY_HEADER = 16,   /* of version 2: signature, command, family, length */
    COMMAND = 12,         /* where they stand */
    FAMILY = 13,
    LENGTH = 14,
};

static const char line_signature[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const char binary_signature[] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                        '\n', 'Q',  'U',  'I',  'T',  '\n'};

/* What a family of version 2 carries: source and destination address, then two ports. */
static const struct {
    uint8_t family;
    uint8_t source_bytes; /* 0: none that we can use */
    uint8_t block_bytes;  /* what must be there at least */
} families[] = {
    {0x00, 0, 0},   {0x11, 4, 12},  {0x12, 4, 12},  {0x21, 16, 36},
    {0x22, 16, 36}, {0x31, 0, 216}, {0x32, 0, 216},
};

/* Compares what is there of a signature. */
static bool may_start_with(struct span received, const char *signature, size_t length)
{
    return memcmp(received.data, signature, min_size(received.length, length)) == 0;
}

/* "TCP4 source destination port port" without the line end, after "PROXY ". */
static int parse_tcp(struct span rest, struct proxy_header *header)
{
    struct client_address source, destination;
    uint64_t port;
    bool is_v6 = span_is(span_split(&rest, ' '), "TCP6");
    struct span source_text = span_split(&rest, ' ');
    struct span destination_text = span_split(&rest, ' ');
    struct span source_port = span_split(&rest, ' ');
    if (client_address_parse(source_text, &source) < 0 ||
        client_address_parse(destination_text, &destination) < 0 ||
        span_to_u64(source_port, UINT16_MAX, &port) < 0 || span_to_u64(rest, UINT16_MAX, &port) < 0)
        return -EBADMSG;
    bool source_is_v6 = memchr(source_text.data, ':', source_text.length) != NULL;
    bool destination_is_v6 = memchr(destination_text.data, ':', destination_text.length) != NULL;
    if (source_is_v6 != is_v6 || destination_is_v6 != is_v6)
        return -EBADMSG;
    header->has_source = true;
    header->source = source;
    return 0;
}

static int parse_line(struct span received, struct proxy_header *ret_header)
{
    size_t searched = min_size(received.length, LINE_MAX_BYTES);
    const char *end = memchr(received.data, '\n', searched);
    if (!end)
        return searched == LINE_MAX_BYTES ? -EBADMSG : -EAGAIN;
    size_t length = (size_t)(end - received.data);
    if (length <= sizeof(line_signature) || received.data[length - 1] != '\r')
        return -EBADMSG;
    struct proxy_header header = {.consumed = length + 1};
    struct span rest =
        span_of(received.data + sizeof(line_signature), length - 1 - sizeof(line_signature));
    if (span_starts_with(rest, span_text("TCP4 ")) || span_starts_with(rest, span_text("TCP6 "))) {
        int r = parse_tcp(rest, &header);
        if (r < 0)
            return r;
    } else if (!span_is(rest, "UNKNOWN") && !span_starts_with(rest, span_text("UNKNOWN "))) {
        return -EBADMSG;
    }
    *ret_header = header;
    return 0;
}

static int parse_binary(struct span received, struct proxy_header *ret_header)
{
    const uint8_t *bytes = (const uint8_t *)received.data;
    if (received.length > COMMAND && bytes[COMMAND] != 0x20 && bytes[COMMAND] != 0x21)
        return -EBADMSG;
    if (received.length < BINARY_HEADER)
        return -EAGAIN;
    size_t block = (size_t)bytes[LENGTH] << 8 | bytes[LENGTH + 1];
    if (block > PROXY_PROTOCOL_MAX - BINARY_HEADER)
        return -EBADMSG;
    bool is_local = bytes[COMMAND] == 0x20;
    struct proxy_header header = {.consumed = BINARY_HEADER + block};
    size_t i = 0;
    while (i < ARRAY_LENGTH(families) && families[i].family != bytes[FAMILY])
        i++;
    /* What a LOCAL header says about addresses is to be ignored, right or wrong (section 2.2). */
    if (!is_local && (i == ARRAY_LENGTH(families) || block < families[i].block_bytes))
        return -EBADMSG;
    if (received.length < header.consumed)
        return -EAGAIN;
    if (!is_local && families[i].source_bytes > 0) {
        header.has_source = true;
        header.source = client_address_of_bytes(bytes + BINARY_HEADER, families[i].source_bytes);
    }
    *ret_header = header;
    return 0;
}

int proxy_protocol_parse(struct span received, struct proxy_header *ret_header)
{
    if (received.length == 0)
        return -EAGAIN;
    if (may_start_with(received, binary_signature, sizeof(binary_signature)))
        return parse_binary(received, ret_header);
    if (may_start_with(received, line_signature, sizeof(line_signature)))
        return parse_line(received, ret_header);
    return -EBADMSG;
}
