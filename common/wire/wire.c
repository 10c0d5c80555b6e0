#include "common/wire/wire.h"

#include <errno.h>
#include <msgpack/pack.h>
#include <stdlib.h>

#include "common/wire/reader.h"

/* ---- names ---- */

const char *message_name(enum message_id id)
{
    switch (id) {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) \
    case MESSAGE_##NAME:                         \
        return #NAME;
#include "common/wire/messages.def"
    }
    return "UNKNOWN";
}

enum message_index message_index(enum message_id id)
{
    switch (id) {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) \
    case MESSAGE_##NAME:                         \
        return MESSAGE_INDEX_##NAME;
#include "common/wire/messages.def"
    }
    base_assert_failed("a message id", __FILE__, __LINE__);
}

enum message_id message_at(enum message_index index)
{
    static const enum message_id ids[] = {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose) [MESSAGE_INDEX_##NAME] = MESSAGE_##NAME,
#include "common/wire/messages.def"
    };
    ASSERT((size_t)index < ARRAY_LENGTH(ids));
    return ids[index];
}

/* ---- encoding ---- */

static int append_to_buffer(void *buffer, const char *data, size_t length)
{
    buffer_append(buffer, data, length);
    return 0;
}

static void put_u64(msgpack_packer *packer, uint64_t value)
{
    msgpack_pack_uint64(packer, value);
}

static void put_bytes(msgpack_packer *packer, struct span bytes)
{
    msgpack_pack_bin(packer, bytes.length);
    msgpack_pack_bin_body(packer, bytes.data, bytes.length);
}

#define COUNT_FIELD(type, name, bound, meaning)  +1
#define COUNT_LIST(record, name, bound, meaning) +1
#define PUT_U64(value)                           put_u64(packer, value);
#define PUT_BYTES(value)                         put_bytes(packer, value);
#define PUT_FIELD(type, name, bound, meaning)    PUT_##type(from->name)
#define PUT_LIST(record, name, bound, meaning)    \
    msgpack_pack_array(packer, from->name.count); \
    for (size_t i = 0; i < from->name.count; i++) \
        put_record_##record(packer, &from->name.items[i]);

#define RECORD(name, fields)                                                                \
    static void put_record_##name(msgpack_packer *packer, const struct record_##name *from) \
    {                                                                                       \
        msgpack_pack_array(packer, 0 fields(COUNT_FIELD, COUNT_LIST));                      \
        fields(PUT_FIELD, PUT_LIST)                                                         \
    }
#define MESSAGE(id, NAME, name, fields, purpose)                                   \
    void wire_put_##name(struct buffer *buffer, const struct message_##name *from) \
    {                                                                              \
        msgpack_packer packer[1];                                                  \
        msgpack_packer_init(packer, buffer, append_to_buffer);                     \
        msgpack_pack_array(packer, 1 fields(COUNT_FIELD, COUNT_LIST));             \
        put_u64(packer, (id));                                                     \
        fields(PUT_FIELD, PUT_LIST)                                                \
    }
#include "common/wire/messages.def"

void wire_put_message(struct buffer *buffer, const struct wire_message *message)
{
    switch (message->id) {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose)    \
    case MESSAGE_##NAME:                            \
        wire_put_##name(buffer, &message->as.name); \
        return;
#include "common/wire/messages.def"
    }
    base_assert_failed("a message id", __FILE__, __LINE__);
}

/* ---- the arena ---- */

enum { CHUNK_BYTES = 64 << 10, KEPT_CHUNK_BYTES = 1 << 20 };

struct wire_arena_chunk {
    struct wire_arena_chunk *next;
    size_t used;
    size_t capacity;
    max_align_t data[];
};

void wire_decoder_init(struct wire_decoder *decoder)
{
    *decoder = (struct wire_decoder){0};
}

static void free_chunks(struct wire_arena_chunk *chunk)
{
    while (chunk) {
        struct wire_arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void wire_decoder_fini(struct wire_decoder *decoder)
{
    free_chunks(decoder->chunks);
    wire_decoder_init(decoder);
}

void wire_decoder_reset(struct wire_decoder *decoder)
{
    struct wire_arena_chunk *kept = decoder->chunks;
    if (kept && kept->capacity > KEPT_CHUNK_BYTES) {
        free_chunks(kept);
        kept = NULL;
    }
    if (kept) {
        free_chunks(kept->next);
        kept->next = NULL;
        kept->used = 0;
    }
    *decoder = (struct wire_decoder){.chunks = kept};
}

/* NULL when the frame has used up its budget. */
static void *arena_take(struct wire_decoder *decoder, size_t count, size_t size)
{
    if (count > (decoder->budget_bytes - decoder->used_bytes) / size)
        return NULL;
    size_t bytes = count * size;
    decoder->used_bytes += bytes;
    struct wire_arena_chunk *chunk = decoder->chunks;
    if (!chunk || bytes > chunk->capacity - chunk->used) {
        size_t capacity = max_size(bytes, CHUNK_BYTES);
        chunk = xmalloc(sizeof *chunk + capacity);
        *chunk = (struct wire_arena_chunk){.next = decoder->chunks, .capacity = capacity};
        decoder->chunks = chunk;
    }
    void *place = (char *)chunk->data + chunk->used;
    chunk->used += bytes; /* every record is a multiple of its alignment, and none is above 8 */
    return place;
}

/* ---- decoding ---- */

#define TAKE_U64(bound)   reader_u64(reader, (bound))
#define TAKE_BYTES(bound) reader_bytes(reader, (bound))
#define TAKE_FIELD(type, name, bound, meaning) \
    if (present > 0) {                         \
        to->name = TAKE_##type(bound);         \
        present--;                             \
    }
#define TAKE_LIST(record, name, bound, meaning)                  \
    if (present > 0) {                                           \
        take_list_##record(reader, decoder, (bound), &to->name); \
        present--;                                               \
    }

/* `present` fields were written by the sender: perhaps fewer than we know, perhaps more. */
#define RECORD(name, fields)                                                            \
    static void take_list_##name(struct reader *reader, struct wire_decoder *decoder,   \
                                 size_t bound, struct record_##name##_list *ret_list);  \
    static void take_record_##name(struct reader *reader, struct wire_decoder *decoder, \
                                   struct record_##name *to)                            \
    {                                                                                   \
        size_t present = reader_array(reader, SIZE_MAX);                                \
        (void)decoder;                                                                  \
        *to = (struct record_##name){0};                                                \
        fields(TAKE_FIELD, TAKE_LIST) reader_skip(reader, present);                     \
    }                                                                                   \
    static void take_list_##name(struct reader *reader, struct wire_decoder *decoder,   \
                                 size_t bound, struct record_##name##_list *ret_list)   \
    {                                                                                   \
        size_t count = reader_array(reader, bound);                                     \
        if (count == 0)                                                                 \
            return;                                                                     \
        struct record_##name *items = arena_take(decoder, count, sizeof *items);        \
        if (!items) {                                                                   \
            reader_fail(reader);                                                        \
            return;                                                                     \
        }                                                                               \
        for (size_t i = 0; i < count; i++)                                              \
            take_record_##name(reader, decoder, &items[i]);                             \
        *ret_list = (struct record_##name##_list){.items = items, .count = count};      \
    }
#define MESSAGE(id, NAME, name, fields, purpose)                                         \
    static void take_message_##name(struct reader *reader, struct wire_decoder *decoder, \
                                    size_t present, struct message_##name *to)           \
    {                                                                                    \
        (void)decoder;                                                                   \
        *to = (struct message_##name){0};                                                \
        fields(TAKE_FIELD, TAKE_LIST) reader_skip(reader, present);                      \
    }
#include "common/wire/messages.def"

/* False for an id that the table does not have. */
static bool take_message(struct reader *reader, struct wire_decoder *decoder, uint64_t id,
                         size_t present, struct wire_message *to)
{
    switch (id) {
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose)                     \
    case MESSAGE_##NAME:                                             \
        take_message_##name(reader, decoder, present, &to->as.name); \
        return true;
#include "common/wire/messages.def"
    default:
        reader_skip(reader, present);
        return false;
    }
}

int wire_decode_next(struct wire_decoder *decoder, struct span *rest,
                     struct wire_message *ret_message)
{
    if (decoder->budget_bytes == 0)
        decoder->budget_bytes = WIRE_ARENA_BASE_BYTES + WIRE_AMPLIFICATION * rest->length;
    struct reader reader;
    reader_init(&reader, *rest);
    size_t values = reader_array(&reader, SIZE_MAX);
    if (values == 0)
        return -EBADMSG;
    uint64_t id = reader_u64(&reader, UINT64_MAX);
    struct wire_message message;
    bool known = take_message(&reader, decoder, id, values - 1, &message);
    if (reader.failed)
        return -EBADMSG;
    *rest = reader_rest(&reader);
    if (!known)
        return -ENOTSUP;
    message.id = (enum message_id)id;
    *ret_message = message;
    return 0;
}

/* ---- packets ---- */

enum { HEADER_FIELDS = 6 };

void packet_header_put(struct buffer *buffer, const struct packet_header *header)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, buffer, append_to_buffer);
    msgpack_pack_array(&packer, HEADER_FIELDS);
    put_u64(&packer, header->version);
    put_u64(&packer, header->from);
    put_u64(&packer, header->to);
    put_u64(&packer, header->number);
    put_u64(&packer, header->sent);
    put_u64(&packer, header->received);
}

int packet_header_take(struct span *rest, struct packet_header *ret_header)
{
    struct reader reader;
    reader_init(&reader, *rest);
    size_t fields = reader_array(&reader, SIZE_MAX);
    struct packet_header header = {.version = fields > 0 ? reader_u64(&reader, UINT64_MAX) : 0};
    if (reader.failed || header.version == 0)
        return -EBADMSG;
    if (header.version != WIRE_VERSION) {
        ret_header->version = header.version;
        return -ENOTSUP;
    }
    if (fields < HEADER_FIELDS)
        return -EBADMSG;
    header.from = reader_u64(&reader, UINT64_MAX);
    header.to = reader_u64(&reader, UINT64_MAX);
    header.number = reader_u64(&reader, UINT64_MAX);
    header.sent = reader_u64(&reader, UINT64_MAX);
    header.received = reader_u64(&reader, UINT64_MAX);
    reader_skip(&reader, fields - HEADER_FIELDS);
    if (reader.failed)
        return -EBADMSG;
    *rest = reader_rest(&reader);
    *ret_header = header;
    return 0;
}
