#include "edge/protocol/frame.h"

#include <errno.h>
#include <stdlib.h>

#include "common/contract/rules.h"
#include "common/text/utf8.h"

enum {
    FIN = 0x80, /* first byte */
    RSV1 = 0x40,
    RSV2_RSV3 = 0x30,
    OPCODE = 0x0f,
    CONTROL = 0x08, /* the bit of the opcode that control frames have */
    MASKED = 0x80,  /* second byte */
    LENGTH = 0x7f,
    LENGTH_IN_16 = 126,
    LENGTH_IN_64 = 127,
    CLIENT_HEADER_MAX = 14,
    MASK_LENGTH = 4,
    PROTOCOL_ERROR = 1002,
    INVALID_DATA = 1007,
    TOO_BIG = 1009,
};

/* The header of a client's frame. */
struct frame_head {
    uint64_t length;
    uint8_t mask[MASK_LENGTH];
    uint8_t opcode;
    bool final;
};

struct frame_partial {
    uint8_t header[CLIENT_HEADER_MAX];
    uint8_t header_length; /* > 0: a header is cut after so many bytes */
    bool in_payload;       /* the payload of `head` is under way, `received` bytes are in */
    bool in_message;       /* its frames gather in `message` */
    bool is_text;
    bool is_compressed;
    struct utf8_state utf8;
    struct frame_head head;
    uint64_t received;
    struct buffer message;
    char control[FRAME_CONTROL_MAX];
};

void frame_decoder_init(struct frame_decoder *decoder, const struct frame_rules *rules,
                        bool deflate)
{
    ASSERT(!deflate || rules->engine);
    *decoder = (struct frame_decoder){.rules = rules, .deflate = deflate};
}

void frame_decoder_fini(struct frame_decoder *decoder)
{
    if (!decoder->partial)
        return;
    buffer_fini(&decoder->partial->message);
    free(decoder->partial);
    decoder->partial = NULL;
}

bool frame_decoder_is_partial(const struct frame_decoder *decoder)
{
    const struct frame_partial *partial = decoder->partial;
    return partial && !decoder->finished &&
           (partial->header_length > 0 || partial->in_payload || partial->in_message);
}

void frame_decoder_release(struct frame_decoder *decoder)
{
    if (decoder->partial && !frame_decoder_is_partial(decoder))
        frame_decoder_fini(decoder);
}

size_t frame_decoder_held_bytes(const struct frame_decoder *decoder)
{
    return decoder->partial ? sizeof(*decoder->partial) + decoder->partial->message.capacity : 0;
}

static struct frame_partial *need_partial(struct frame_decoder *decoder)
{
    if (!decoder->partial)
        decoder->partial = xcalloc(1, sizeof(*decoder->partial));
    return decoder->partial;
}

static bool is_in_message(const struct frame_decoder *decoder)
{
    return decoder->partial && decoder->partial->in_message;
}

static void advance(struct frame_input *input, size_t length)
{
    input->data += length;
    input->length -= length;
}

/* Ends the decoder with an error event. */
static int fail(struct frame_decoder *decoder, uint16_t code, const char *text,
                struct frame_event *ret_event)
{
    decoder->finished = true;
    *ret_event = (struct frame_event){.type = FRAME_ERROR, .code = code, .data = span_text(text)};
    return 0;
}

/* The first byte: RFC 6455 §5.2 (reserved bits, opcodes), §5.4 (fragmentation), §5.5 (control
 * frames are whole), RFC 7692 §6 (RSV1 on the first frame of a message). NULL when it is good. */
static const char *check_first_byte(const struct frame_decoder *decoder, uint8_t byte)
{
    uint8_t opcode = byte & OPCODE;
    bool is_start = opcode == FRAME_OPCODE_TEXT || opcode == FRAME_OPCODE_BINARY;
    bool is_control = opcode >= FRAME_OPCODE_CLOSE && opcode <= FRAME_OPCODE_PONG;
    if (byte & RSV2_RSV3)
        return "reserved bit set";
    if (!is_start && !is_control && opcode != FRAME_OPCODE_CONTINUATION)
        return "reserved opcode";
    if ((byte & RSV1) && !(decoder->deflate && is_start))
        return "reserved bit set";
    if (is_control && !(byte & FIN))
        return "fragmented control frame";
    if (is_start && is_in_message(decoder))
        return "message inside a message";
    if (opcode == FRAME_OPCODE_CONTINUATION && !is_in_message(decoder))
        return "continuation of nothing";
    return NULL;
}

/* The second: RFC 6455 §5.1 (clients mask), §5.5 (control frames are short). */
static const char *check_second_byte(uint8_t first, uint8_t second)
{
    if (!(second & MASKED))
        return "frame not masked";
    if ((first & CONTROL) && (second & LENGTH) > FRAME_CONTROL_MAX)
        return "control frame too long";
    return NULL;
}

static size_t header_size(const uint8_t *header)
{
    uint8_t length = header[1] & LENGTH;
    return 2 + MASK_LENGTH + (size_t)(length == LENGTH_IN_16 ? 2 : length == LENGTH_IN_64 ? 8 : 0);
}

/* Reads a complete header. RFC 6455 §5.2: the length takes as few bytes as it can, and its
 * highest bit is 0. NULL when it is good. */
static const char *read_head(const uint8_t *header, struct frame_head *ret_head)
{
    uint8_t short_length = header[1] & LENGTH;
    size_t length_end = header_size(header) - MASK_LENGTH;
    uint64_t length = length_end == 2 ? short_length : 0;
    for (size_t i = 2; i < length_end; i++)
        length = length << 8 | header[i];
    if ((short_length == LENGTH_IN_16 && length < LENGTH_IN_16) ||
        (short_length == LENGTH_IN_64 && length <= UINT16_MAX))
        return "length not minimal";
    if (length > INT64_MAX)
        return "length out of range";
    *ret_head = (struct frame_head){
        .length = length, .opcode = header[0] & OPCODE, .final = (header[0] & FIN) != 0};
    memcpy(ret_head->mask, header + length_end, MASK_LENGTH);
    return NULL;
}

/* Does a data frame of this length exceed the limit, with what its message has so far? Compressed
 * bytes may be a little more than what they stand for; the inflater then counts exactly. */
static bool is_too_big(const struct frame_decoder *decoder, bool compressed, uint64_t length)
{
    uint64_t limit = decoder->rules->message_limit;
    uint64_t so_far = is_in_message(decoder) ? decoder->partial->message.length : 0;
    if (compressed)
        limit += limit / 16 + 64;
    return so_far > limit || length > limit - so_far;
}

/* The first frame of a message that is not here as a whole. The memory of an earlier message went
 * with the call after its event, so the text's state and the buffer are new. */
static void begin_message(struct frame_decoder *decoder, uint8_t opcode, bool compressed)
{
    struct frame_partial *partial = need_partial(decoder);
    ASSERT(partial->message.length == 0);
    partial->in_message = true;
    partial->is_text = opcode == FRAME_OPCODE_TEXT;
    partial->is_compressed = compressed;
}

/* A whole message. `checked`: its text was checked piece by piece. */
static int deliver(struct frame_decoder *decoder, bool is_text, bool compressed, bool checked,
                   struct span message, struct frame_event *ret_event)
{
    if (compressed) {
        int r = deflate_inflate(decoder->rules->engine, message, decoder->rules->message_limit,
                                &message);
        if (r == -EMSGSIZE)
            return fail(decoder, TOO_BIG, "message too big", ret_event);
        if (r < 0)
            return fail(decoder, INVALID_DATA, "invalid compressed data", ret_event);
    }
    if (is_text && !checked && !utf8_is_valid(message))
        return fail(decoder, INVALID_DATA, "invalid UTF-8", ret_event);
    *ret_event = (struct frame_event){.type = is_text ? FRAME_TEXT : FRAME_BINARY, .data = message};
    return 0;
}

static int deliver_close(struct frame_decoder *decoder, struct span payload,
                         struct frame_event *ret_event)
{
    uint16_t code = FRAME_NO_CODE;
    if (payload.length == 1)
        return fail(decoder, PROTOCOL_ERROR, "malformed close frame", ret_event);
    if (payload.length >= 2) {
        code = (uint16_t)((uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1]);
        payload = span_of(payload.data + 2, payload.length - 2);
        if (rules_check_close_code(code))
            return fail(decoder, PROTOCOL_ERROR, "invalid close code", ret_event);
        if (!utf8_is_valid(payload))
            return fail(decoder, INVALID_DATA, "invalid UTF-8", ret_event);
    }
    decoder->finished = true;
    *ret_event = (struct frame_event){.type = FRAME_CLOSE, .code = code, .data = payload};
    return 0;
}

static int deliver_control(struct frame_decoder *decoder, uint8_t opcode, struct span payload,
                           struct frame_event *ret_event)
{
    if (opcode == FRAME_OPCODE_CLOSE)
        return deliver_close(decoder, payload, ret_event);
    *ret_event = (struct frame_event){.type = opcode == FRAME_OPCODE_PING ? FRAME_PING : FRAME_PONG,
                                      .data = payload};
    return 0;
}

/* Adds unmasked bytes to the message. False: they make its text invalid. */
static bool gather(struct frame_partial *partial, struct span chunk)
{
    if (partial->is_text && !partial->is_compressed && !utf8_feed(&partial->utf8, chunk))
        return false;
    buffer_append_span(&partial->message, chunk);
    return true;
}

/* The last frame of the gathered message is complete. */
static int finish_message(struct frame_decoder *decoder, struct frame_event *ret_event)
{
    struct frame_partial *partial = decoder->partial;
    bool checked = partial->is_text && !partial->is_compressed;
    partial->in_message = false;
    if (checked && !utf8_is_complete(&partial->utf8))
        return fail(decoder, INVALID_DATA, "invalid UTF-8", ret_event);
    return deliver(decoder, partial->is_text, partial->is_compressed, checked,
                   buffer_span(&partial->message), ret_event);
}

/* Saves what the input has of a header that is cut; or returns it complete, validated as far as
 * it goes either way. 0: *ret_header is complete; 1: cut or wrong, *ret_result is the answer. */
static int take_header(struct frame_decoder *decoder, struct frame_input *input,
                       uint8_t ret_header[CLIENT_HEADER_MAX], struct frame_event *ret_event,
                       int *ret_result)
{
    struct frame_partial *partial = decoder->partial;
    size_t before = partial ? partial->header_length : 0;
    if (before > 0)
        memcpy(ret_header, partial->header, before);
    size_t length = before + min_size(CLIENT_HEADER_MAX - before, input->length);
    memcpy(ret_header + before, input->data, length - before);
    const char *error = check_first_byte(decoder, ret_header[0]);
    if (!error && length >= 2)
        error = check_second_byte(ret_header[0], ret_header[1]);
    if (error) {
        *ret_result = fail(decoder, PROTOCOL_ERROR, error, ret_event);
        return 1;
    }
    if (length < 2 || length < header_size(ret_header)) {
        partial = need_partial(decoder);
        memcpy(partial->header, ret_header, length);
        partial->header_length = (uint8_t)length;
        advance(input, length - before);
        *ret_result = -EAGAIN;
        return 1;
    }
    advance(input, header_size(ret_header) - before);
    if (partial)
        partial->header_length = 0;
    return 0;
}

/* The input holds the rest of the frame under way, or a part of it: takes that much. 0: event;
 * 1: no event, go on; -EAGAIN. */
static int take_payload(struct frame_decoder *decoder, struct frame_input *input,
                        struct frame_event *ret_event)
{
    struct frame_partial *partial = decoder->partial;
    const struct frame_head *head = &partial->head;
    uint64_t missing = head->length - partial->received;
    size_t length = missing < input->length ? (size_t)missing : input->length;
    struct span chunk = span_of(input->data, length);
    frame_unmask(input->data, length, head->mask, (size_t)(partial->received % MASK_LENGTH));
    advance(input, length);
    if (head->opcode & CONTROL)
        memcpy(partial->control + partial->received, chunk.data, length);
    else if (!gather(partial, chunk))
        return fail(decoder, INVALID_DATA, "invalid UTF-8", ret_event);
    partial->received += length;
    if (partial->received < head->length)
        return -EAGAIN;
    partial->in_payload = false;
    if (head->opcode & CONTROL)
        return deliver_control(decoder, head->opcode,
                               span_of(partial->control, (size_t)head->length), ret_event);
    return head->final ? finish_message(decoder, ret_event) : 1;
}

/* A header is complete: delivers its frame from the input if that holds all of what is to be
 * delivered, else goes over to gathering. 0: event; 1: the payload is to be taken. */
static int begin_frame(struct frame_decoder *decoder, const uint8_t *header,
                       struct frame_input *input, struct frame_event *ret_event)
{
    struct frame_head head;
    bool compressed = (header[0] & RSV1) != 0;
    const char *error = read_head(header, &head);
    if (error)
        return fail(decoder, PROTOCOL_ERROR, error, ret_event);
    bool is_control = (head.opcode & CONTROL) != 0;
    bool is_start = !is_control && head.opcode != FRAME_OPCODE_CONTINUATION;
    if (!is_control &&
        is_too_big(decoder, is_start ? compressed : decoder->partial->is_compressed, head.length))
        return fail(decoder, TOO_BIG, "message too big", ret_event);
    if (head.length <= input->length && (is_control || (is_start && head.final))) {
        struct span payload = span_of(input->data, (size_t)head.length);
        frame_unmask(input->data, payload.length, head.mask, 0);
        advance(input, payload.length);
        return is_control ? deliver_control(decoder, head.opcode, payload, ret_event)
                          : deliver(decoder, head.opcode == FRAME_OPCODE_TEXT, compressed, false,
                                    payload, ret_event);
    }
    if (is_start)
        begin_message(decoder, head.opcode, compressed);
    struct frame_partial *partial = need_partial(decoder);
    partial->head = head;
    partial->received = 0;
    partial->in_payload = true;
    return 1;
}

int frame_decode(struct frame_decoder *decoder, struct frame_input *input,
                 struct frame_event *ret_event)
{
    uint8_t header[CLIENT_HEADER_MAX];
    frame_decoder_release(decoder);
    while (input->length > 0 && !decoder->finished) {
        int r = 1;
        if (!decoder->partial || !decoder->partial->in_payload) {
            if (take_header(decoder, input, header, ret_event, &r) != 0)
                return r;
            r = begin_frame(decoder, header, input, ret_event);
        }
        if (r == 1)
            r = take_payload(decoder, input, ret_event);
        if (r != 1)
            return r;
    }
    advance(input, input->length);
    return -EAGAIN;
}

void frame_unmask(char *data, size_t length, const uint8_t mask[4], size_t offset)
{
    uint8_t turned[8];
    uint64_t wide, word;
    size_t i = 0;
    for (size_t k = 0; k < sizeof(turned); k++)
        turned[k] = mask[(offset + k) % MASK_LENGTH];
    memcpy(&wide, turned, sizeof(wide));
    for (; length - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        word ^= wide;
        memcpy(data + i, &word, sizeof(word));
    }
    for (size_t k = 0; i + k < length; k++)
        data[i + k] = (char)((uint8_t)data[i + k] ^ turned[k]);
}

size_t frame_write_header(char ret_header[FRAME_HEADER_MAX], enum frame_opcode opcode,
                          bool compressed, uint64_t payload_length)
{
    uint8_t *header = (uint8_t *)ret_header;
    size_t length_bytes = payload_length < LENGTH_IN_16 ? 0 : payload_length <= UINT16_MAX ? 2 : 8;
    header[0] = (uint8_t)(FIN | (compressed ? RSV1 : 0) | opcode);
    header[1] = (uint8_t)(length_bytes == 0   ? payload_length
                          : length_bytes == 2 ? LENGTH_IN_16
                                              : LENGTH_IN_64);
    for (size_t i = 0; i < length_bytes; i++)
        header[2 + i] = (uint8_t)(payload_length >> 8 * (length_bytes - 1 - i));
    return 2 + length_bytes;
}

void frame_append(struct buffer *out, enum frame_opcode opcode, bool compressed,
                  struct span payload)
{
    ASSERT(!(opcode & CONTROL) || (payload.length <= FRAME_CONTROL_MAX && !compressed));
    char header[FRAME_HEADER_MAX];
    size_t header_length = frame_write_header(header, opcode, compressed, payload.length);
    buffer_reserve(out, header_length + payload.length);
    buffer_append(out, header, header_length);
    buffer_append_span(out, payload);
}

void frame_append_close(struct buffer *out, uint16_t code, struct span reason)
{
    char payload[FRAME_CONTROL_MAX];
    size_t length = 0;
    if (!rules_check_close_code(code)) {
        reason.length = min_size(reason.length, FRAME_REASON_MAX);
        reason.length = utf8_valid_length(reason);
        payload[0] = (char)(uint8_t)(code >> 8);
        payload[1] = (char)(uint8_t)code;
        if (reason.length > 0)
            memcpy(payload + 2, reason.data, reason.length);
        length = 2 + reason.length;
    }
    frame_append(out, FRAME_OPCODE_CLOSE, false, span_of(payload, length));
}
