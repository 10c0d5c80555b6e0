/* Fixed pieces of the hot paths, whose instructions are counted (tests/bench/instructions/check):
 * the time that they take depends on the machine, the work that they do does not.
 *
 * `workloads NAME` prepares one, and runs it within measured(), which callgrind is told to count.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/contract/answer.h"
#include "common/contract/event.h"
#include "common/wire/wire.h"
#include "edge/outbox.h"
#include "edge/protocol/frame.h"

enum { EVENTS = 16, ROUNDS = 100, FRAMES = 64, MEMBERS = 256, TEXT_BYTES = 100 };

static const struct span connection = {"0123456789abcdefghijklmnop", 26};
static const struct span text = {"a line of text with a \"quotation\" in it, a tab\tand a word in "
                                 "français, so that it is 100 bytes "
                                 "long",
                                 TEXT_BYTES};
static const char metadata[] =
    "{\"headers\":{\"host\":\"localhost\",\"origin\":\"http://localhost\",\"user-agent\":\"Mozilla/"
    "5.0 "
    "(X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\"},"
    "\"ip\":\"127.0.0.1\"}";

/* ---- what is measured ---- */

static struct record_event wire_events[EVENTS];
static struct event events[EVENTS];
static struct buffer out;
static struct buffer in;
static struct wire_decoder decoder;

static void encode_batch(void)
{
    struct message_batch batch = {
        .connection = connection,
        .first = 1,
        .last = EVENTS,
        .metadata_known = 1,
        .metadata = span_text(metadata),
        .events = {.items = wire_events, .count = EVENTS},
    };
    for (int i = 0; i < ROUNDS; i++) {
        buffer_clear(&out);
        wire_put_batch(&out, &batch);
    }
}

static void decode_batch(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct span rest = buffer_span(&out);
        struct wire_message message;
        wire_decoder_reset(&decoder);
        int rc = wire_decode_next(&decoder, &rest, &message);
        ASSERT(rc == 0 && message.as.batch.events.count == EVENTS);
    }
}

static void write_request(void)
{
    struct event_group group = {
        .connection = connection,
        .metadata = span_text(metadata),
        .events = events,
        .event_count = EVENTS,
    };
    for (int i = 0; i < ROUNDS; i++) {
        buffer_clear(&out);
        event_request_append(&out, &group);
    }
}

static void parse_answer(void)
{
    static const struct command_limits limits = COMMAND_LIMITS_DEFAULT;
    for (int i = 0; i < ROUNDS; i++) {
        struct command_list list = {0};
        struct contract_error error;
        struct answer_connection about = {.id = connection};
        int rc = command_list_parse(buffer_span(&in), COMMAND_IN_ANSWER, &limits, &list, &error);
        ASSERT(rc == 0 && list.count == EVENTS);
        rc = answer_split(&list, &about, 1, &error);
        ASSERT(rc == 0);
        command_list_fini(&list);
    }
}

static struct frame_rules rules = {.message_limit = 1 << 20};

static void decode_frames(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct frame_decoder frames;
        struct frame_event event;
        buffer_clear(&out);
        buffer_append_span(&out, buffer_span(&in));
        struct frame_input input = {.data = out.data, .length = out.length};
        int count = 0;
        frame_decoder_init(&frames, &rules, false);
        while (frame_decode(&frames, &input, &event) == 0)
            count += event.type == FRAME_TEXT;
        ASSERT(count == FRAMES);
        frame_decoder_fini(&frames);
    }
}

static struct outbox outboxes[MEMBERS];
static int sink;

static void fan_out(void)
{
    struct shared_frame *frame = shared_frame_new(FRAME_OPCODE_TEXT, false, text);
    size_t written;
    for (int i = 0; i < MEMBERS; i++)
        outbox_push(&outboxes[i], frame);
    for (int i = 0; i < MEMBERS; i++) {
        int rc = outbox_write(&outboxes[i], sink, &written);
        ASSERT(rc == 0 && outbox_is_empty(&outboxes[i]));
    }
    shared_frame_unref(&frame);
}

/* ---- what it needs ---- */

static void prepare_events(void)
{
    for (int i = 0; i < EVENTS; i++) {
        wire_events[i] = (struct record_event){.kind = EVENT_TEXT, .data = text};
        events[i] = (struct event){.kind = EVENT_TEXT, .sequence = (uint64_t)i, .data = text};
    }
}

static void prepare_batch(void)
{
    prepare_events();
    encode_batch();
    wire_decoder_init(&decoder);
}

static void prepare_answer(void)
{
    buffer_append_text(&in, "{\"events\":[");
    for (int i = 0; i < EVENTS; i++)
        buffer_append_format(&in, "%s{\"type\":\"TEXT\",\"connectionId\":\"%.*s\",\"data\":\"%s\"}",
                             i ? "," : "", SPAN_ARGS(connection),
                             "a line of text with a \\\"quotation\\\" in it, a tab\\tand a word in "
                             "fran\\u00e7ais, so that something is escaped");
    buffer_append_text(&in, "]}");
}

static void prepare_frames(void)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    for (int i = 0; i < FRAMES; i++) {
        buffer_append_byte(&in, (char)0x81);
        buffer_append_byte(&in, (char)(0x80 | TEXT_BYTES));
        buffer_append(&in, mask, sizeof mask);
        buffer_append_span(&in, text);
        frame_unmask(in.data + in.length - TEXT_BYTES, TEXT_BYTES, mask, 0);
    }
}

/* A datagram that nobody reads is taken at once all the same, as by a socket with room. */
static void prepare_sink(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int deaf = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sink = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT(deaf >= 0 && sink >= 0);
    int rc = bind(deaf, (const struct sockaddr *)&address, length);
    ASSERT(rc == 0);
    rc = getsockname(deaf, (struct sockaddr *)&address, &length);
    ASSERT(rc == 0);
    rc = connect(sink, (const struct sockaddr *)&address, length);
    ASSERT(rc == 0);
}

static const struct workload {
    const char *name;
    void (*prepare)(void);
    void (*run)(void);
} workloads[] = {
    {"encode_batch", prepare_events, encode_batch},
    {"decode_batch", prepare_batch, decode_batch},
    {"write_request", prepare_events, write_request},
    {"parse_answer", prepare_answer, parse_answer},
    {"decode_frames", prepare_frames, decode_frames},
    {"fan_out", prepare_sink, fan_out},
};

/* Its own function, so that callgrind finds it. */
__attribute__((noinline)) static void measured(const struct workload *workload)
{
    workload->run();
    __asm__ volatile("");
}

int main(int count, char **arguments)
{
    for (size_t i = 0; i < ARRAY_LENGTH(workloads); i++) {
        const struct workload *workload = &workloads[i];
        if (count < 2) {
            puts(workload->name);
        } else if (strcmp(arguments[1], workload->name) == 0) {
            workload->prepare();
            measured(workload);
            return 0;
        }
    }
    return count < 2 ? 0 : 2;
}
