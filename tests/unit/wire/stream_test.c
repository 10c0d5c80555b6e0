#include "common/wire/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "tests/unit/unit.h"

/* ---- sender ---- */

static uint64_t push(struct stream_sender *sender, const char *text)
{
    return stream_sender_push(sender, span_text(text));
}

static void assert_peek(const struct stream_sender *sender, uint64_t number, const char *text)
{
    uint64_t got = 0;
    const struct stream_packet *packet = stream_sender_peek(sender, &got);
    assert_non_null(packet);
    assert_int_equal(got, number);
    assert_span(span_of(packet->data, packet->length), text);
}

static void test_sender_numbers_and_keeps(void **state)
{
    (void)state;
    struct stream_sender sender;
    uint64_t number;
    stream_sender_init(&sender);
    assert_null(stream_sender_peek(&sender, &number));
    assert_int_equal(push(&sender, "one"), 1);
    assert_int_equal(push(&sender, "two"), 2);
    assert_int_equal(sender.bytes, 6 + 2 * STREAM_PACKET_OVERHEAD_BYTES);
    assert_peek(&sender, 1, "one");
    assert_int_equal(sender.sent, 0);
    assert_false(stream_sender_advance(&sender));
    assert_peek(&sender, 2, "two");
    assert_false(stream_sender_advance(&sender));
    assert_null(stream_sender_peek(&sender, &number));
    assert_int_equal(sender.sent, 2);
    assert_int_equal(stream_sender_received(&sender), 0);
    assert_int_equal(stream_sender_count(&sender), 2);
    assert_int_equal(stream_sender_acknowledge(&sender, 1), 1);
    assert_int_equal(stream_sender_acknowledge(&sender, 1), 0);
    assert_int_equal(stream_sender_acknowledge(&sender, 0), 0);
    assert_int_equal(stream_sender_received(&sender), 1);
    assert_int_equal(sender.bytes, 3 + STREAM_PACKET_OVERHEAD_BYTES);
    stream_sender_fini(&sender);
    assert_int_equal(sender.bytes, 0);
}

static void test_sender_refuses_lies(void **state)
{
    (void)state;
    struct stream_sender sender;
    stream_sender_init(&sender);
    push(&sender, "one");
    assert_int_equal(stream_sender_acknowledge(&sender, 1), -EPROTO); /* kept, but not sent */
    assert_int_equal(stream_sender_rewind(&sender, 2), -EPROTO);
    assert_int_equal(stream_sender_rewind(&sender, UINT64_MAX), -EPROTO);
    stream_sender_advance(&sender);
    assert_int_equal(stream_sender_acknowledge(&sender, 2), -EPROTO);
    assert_int_equal(stream_sender_acknowledge(&sender, UINT64_MAX), -EPROTO);
    assert_int_equal(stream_sender_count(&sender), 1);
    stream_sender_fini(&sender);
}

static void test_sender_rewinds(void **state)
{
    (void)state;
    struct stream_sender sender;
    uint64_t number;
    stream_sender_init(&sender);
    push(&sender, "1"), push(&sender, "2"), push(&sender, "3");
    for (int i = 0; i < 3; i++)
        assert_false(stream_sender_advance(&sender));
    assert_int_equal(stream_sender_rewind(&sender, 2), 0);
    assert_peek(&sender, 2, "2");
    assert_true(stream_sender_advance(&sender));
    /* Never forward, and not before what was received. */
    assert_int_equal(stream_sender_rewind(&sender, 4), 0);
    assert_peek(&sender, 3, "3");
    assert_int_equal(stream_sender_acknowledge(&sender, 2), 1);
    assert_int_equal(stream_sender_rewind(&sender, 0), 0);
    assert_peek(&sender, 3, "3");
    /* Received while it waits to be sent again: it need not be. */
    assert_int_equal(stream_sender_acknowledge(&sender, 3), 1);
    assert_null(stream_sender_peek(&sender, &number));
    assert_int_equal(push(&sender, "4"), 4);
    assert_peek(&sender, 4, "4");
    stream_sender_fini(&sender);
}

static void test_sender_ring_grows_in_order(void **state)
{
    (void)state;
    struct stream_sender sender;
    stream_sender_init(&sender);
    uint64_t pushed = 0, taken = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < round; i++) {
            char text[24];
            snprintf(text, sizeof text, "%d", (int)++pushed);
            push(&sender, text);
        }
        for (int i = 0; i < round / 2; i++) {
            char text[24];
            snprintf(text, sizeof text, "%d", (int)++taken);
            assert_peek(&sender, taken, text);
            stream_sender_advance(&sender);
            assert_int_equal(stream_sender_acknowledge(&sender, taken), 1);
        }
    }
    stream_sender_fini(&sender);
}

/* ---- receiver ---- */

enum { PATIENCE_MS = 250 };

static void test_receiver_delivers_in_order_once(void **state)
{
    (void)state;
    struct stream_receiver receiver;
    stream_receiver_init(&receiver);
    assert_int_equal(stream_receiver_take(&receiver, 1, 10, 0), STREAM_DELIVER);
    assert_int_equal(stream_receiver_take(&receiver, 1, 10, 0), STREAM_DUPLICATE);
    assert_int_equal(stream_receiver_take(&receiver, 3, 10, 0), STREAM_GAP);
    assert_int_equal(stream_receiver_take(&receiver, 2, 10, 0), STREAM_DELIVER);
    assert_int_equal(stream_receiver_take(&receiver, 3, 10, 0), STREAM_DELIVER);
    assert_int_equal(receiver.next, 4);
    assert_int_equal(receiver.owed_packets, 4); /* a duplicate is acknowledged again */
    assert_int_equal(receiver.owed_bytes, 40);
    stream_receiver_told(&receiver);
    assert_int_equal(receiver.owed_packets, 0);
}

static void test_receiver_asks_at_once_after_a_gap(void **state)
{
    (void)state;
    struct stream_receiver receiver;
    stream_receiver_init(&receiver);
    assert_int_equal(stream_receiver_take(&receiver, 2, 1, 1000), STREAM_GAP);
    assert_true(stream_receiver_is_missing(&receiver));
    assert_true(stream_receiver_asks(&receiver, PATIENCE_MS, 1000));
    /* Not again for what is on its way, and then ever more rarely. */
    assert_int_equal(stream_receiver_take(&receiver, 3, 1, 1001), STREAM_GAP);
    assert_false(stream_receiver_asks(&receiver, PATIENCE_MS, 1001));
    assert_false(stream_receiver_asks(&receiver, PATIENCE_MS, 1019));
    assert_true(stream_receiver_asks(&receiver, PATIENCE_MS, 1020));
    assert_false(stream_receiver_asks(&receiver, PATIENCE_MS, 1059));
    assert_true(stream_receiver_asks(&receiver, PATIENCE_MS, 1060));
    /* Progress: the next loss is asked for without the long pause. */
    assert_int_equal(stream_receiver_take(&receiver, 1, 1, 1061), STREAM_DELIVER);
    assert_int_equal(stream_receiver_take(&receiver, 3, 1, 1061), STREAM_GAP);
    assert_false(stream_receiver_asks(&receiver, PATIENCE_MS, 1061));
    assert_true(stream_receiver_asks(&receiver, PATIENCE_MS, 1080));
}

static void test_receiver_repeats_for_ever_but_rarely(void **state)
{
    (void)state;
    struct stream_receiver receiver;
    stream_receiver_init(&receiver);
    assert_int_equal(stream_receiver_take(&receiver, 2, 1, 0), STREAM_GAP);
    int asked = 0;
    for (int64_t now = 0; now < 100000; now++)
        asked += stream_receiver_asks(&receiver, PATIENCE_MS, now);
    assert_in_range(asked, 100, 110); /* every fourth patience, after a quick start */
}

static void test_receiver_is_patient_with_a_tail(void **state)
{
    (void)state;
    struct stream_receiver receiver;
    stream_receiver_init(&receiver);
    assert_false(stream_receiver_asks(&receiver, PATIENCE_MS, 0));
    stream_receiver_note_sent(&receiver, 2, 1000);
    assert_true(stream_receiver_is_missing(&receiver));
    assert_false(stream_receiver_asks(&receiver, PATIENCE_MS, 1249));
    assert_int_equal(stream_receiver_take(&receiver, 1, 1, 1249), STREAM_DELIVER);
    assert_false(stream_receiver_asks(&receiver, PATIENCE_MS, 1498)); /* there is progress */
    assert_true(stream_receiver_asks(&receiver, PATIENCE_MS, 1499));
    assert_int_equal(stream_receiver_take(&receiver, 2, 1, 1500), STREAM_DELIVER);
    assert_false(stream_receiver_is_missing(&receiver));
    assert_false(stream_receiver_asks(&receiver, PATIENCE_MS, 9999));
    stream_receiver_note_sent(&receiver, 1, 9999); /* an old heartbeat */
    assert_false(stream_receiver_is_missing(&receiver));
}

/* ---- both, over a pipe that loses, repeats and reorders ---- */

enum { PIPE_FRAMES = 512, PACKETS = 400 };

struct frame {
    uint64_t number; /* 0: a heartbeat */
    uint64_t sent;
    uint64_t received;
    uint64_t resend; /* 0: none is asked for */
    uint64_t value;
    bool is_forward;
};

struct pipe {
    struct frame frames[PIPE_FRAMES];
    size_t count;
    unsigned loss, repeat, disorder; /* per cent */
};

static bool happens(unsigned per_cent)
{
    return (unsigned)rand() % 100 < per_cent;
}

static void put(struct pipe *pipe, struct frame frame)
{
    for (int copies = happens(pipe->repeat) ? 2 : 1; copies > 0; copies--)
        if (!happens(pipe->loss) && pipe->count < PIPE_FRAMES)
            pipe->frames[pipe->count++] = frame;
}

static bool get(struct pipe *pipe, struct frame *ret_frame)
{
    if (pipe->count == 0)
        return false;
    size_t at = happens(pipe->disorder) ? (size_t)rand() % pipe->count : 0;
    *ret_frame = pipe->frames[at];
    memmove(&pipe->frames[at], &pipe->frames[at + 1],
            (pipe->count - at - 1) * sizeof pipe->frames[0]);
    pipe->count--;
    return true;
}

struct scene {
    struct stream_sender sender;
    struct stream_receiver receiver;
    struct pipe pipe;
    uint64_t delivered;
    int64_t now_ms;
};

static void send_new_and_repeated(struct scene *scene)
{
    const struct stream_packet *packet;
    uint64_t number;
    while ((packet = stream_sender_peek(&scene->sender, &number))) {
        uint64_t value;
        memcpy(&value, packet->data, sizeof value);
        stream_sender_advance(&scene->sender);
        put(&scene->pipe,
            (struct frame){
                .is_forward = true, .number = number, .sent = scene->sender.sent, .value = value});
    }
}

static void answer(struct scene *scene)
{
    bool asks = stream_receiver_asks(&scene->receiver, PATIENCE_MS, scene->now_ms);
    put(&scene->pipe, (struct frame){.received = scene->receiver.next - 1,
                                     .resend = asks ? scene->receiver.next : 0});
}

static void arrive_forward(struct scene *scene, const struct frame *frame)
{
    stream_receiver_note_sent(&scene->receiver, frame->sent, scene->now_ms);
    if (frame->number > 0 &&
        stream_receiver_take(&scene->receiver, frame->number, 8, scene->now_ms) == STREAM_DELIVER)
        assert_int_equal(frame->value, ++scene->delivered * 17);
    answer(scene);
}

static void arrive_back(struct scene *scene, const struct frame *frame)
{
    assert_true(stream_sender_acknowledge(&scene->sender, frame->received) >= 0);
    if (frame->resend)
        assert_int_equal(stream_sender_rewind(&scene->sender, frame->resend), 0);
}

static void run_pipe(unsigned seed, unsigned loss, unsigned repeat, unsigned disorder)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    scene->pipe.loss = loss, scene->pipe.repeat = repeat, scene->pipe.disorder = disorder;
    stream_sender_init(&scene->sender);
    stream_receiver_init(&scene->receiver);
    srand(seed);
    uint64_t pushed = 0;
    for (int step = 0; stream_sender_received(&scene->sender) < PACKETS; step++) {
        if (step > 1000000)
            fail_msg("stuck at %d of %d, seed %u", (int)scene->delivered, PACKETS, seed);
        scene->now_ms += rand() % 20;
        if (pushed < PACKETS && happens(30)) {
            uint64_t value = ++pushed * 17;
            stream_sender_push(&scene->sender, span_of(&value, sizeof value));
        }
        send_new_and_repeated(scene);
        if (happens(5)) {
            put(&scene->pipe, (struct frame){.is_forward = true, .sent = scene->sender.sent});
            answer(scene);
        }
        struct frame frame;
        for (int i = rand() % 12; i > 0 && get(&scene->pipe, &frame); i--) {
            if (frame.is_forward)
                arrive_forward(scene, &frame);
            else
                arrive_back(scene, &frame);
        }
    }
    assert_int_equal(scene->delivered, PACKETS);
    assert_int_equal(scene->sender.bytes, 0);
    stream_sender_fini(&scene->sender);
    free(scene);
}

static void test_any_pipe(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        unsigned seed = (unsigned)random_below(UINT32_MAX);
        unsigned loss = (unsigned)i % 6 * 8, repeat = (unsigned)i % 5 * 10,
                 disorder = (unsigned)i % 4 * 20;
        print_message("seed %u: loses %u %%, repeats %u %%, reorders %u %%\n", seed, loss, repeat,
                      disorder);
        run_pipe(seed, loss, repeat, disorder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sender_numbers_and_keeps),
        cmocka_unit_test(test_sender_refuses_lies),
        cmocka_unit_test(test_sender_rewinds),
        cmocka_unit_test(test_sender_ring_grows_in_order),
        cmocka_unit_test(test_receiver_delivers_in_order_once),
        cmocka_unit_test(test_receiver_asks_at_once_after_a_gap),
        cmocka_unit_test(test_receiver_repeats_for_ever_but_rarely),
        cmocka_unit_test(test_receiver_is_patient_with_a_tail),
        cmocka_unit_test(test_any_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
