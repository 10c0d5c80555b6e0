#include "edge/outbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

static int ends[2]; /* the socket, and the client's end of it */

static int setup(void **state)
{
    const int small = 4096;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static void push(struct outbox *outbox, const char *text)
{
    struct shared_frame *frame = shared_frame_new_raw(span_text(text));
    outbox_push(outbox, frame);
    shared_frame_unref(&frame);
}

static size_t receive(char *data, size_t size)
{
    ssize_t length = recv(ends[1], data, size, 0);
    return length > 0 ? (size_t)length : 0;
}

static void test_an_empty_one_is_written(void **state)
{
    struct outbox outbox = {0};
    size_t written = 1;
    (void)state;
    assert_int_equal(outbox_write(&outbox, ends[0], &written), 0);
    assert_int_equal(written, 0);
}

static void test_frames_leave_in_order(void **state)
{
    struct outbox outbox = {0};
    char data[400];
    size_t written;
    (void)state;
    for (int i = 0; i < 100; i++)
        push(&outbox, i % 2 ? "b-" : "a-");
    assert_int_equal(outbox.bytes, 200);
    assert_int_equal(outbox_write(&outbox, ends[0], &written), 0);
    assert_int_equal(written, 200);
    assert_true(outbox_is_empty(&outbox));
    assert_null(outbox.more); /* an idle connection holds no memory */
    assert_int_equal(receive(data, sizeof(data)), 200);
    for (int i = 0; i < 100; i++)
        assert_memory_equal(data + 2 * i, i % 2 ? "b-" : "a-", 2);
}

/* Whatever the socket takes at a time, the bytes come out as they went in. */
static void test_a_slow_reader_gets_every_byte(void **state)
{
    struct outbox outbox = {0};
    enum { TOTAL = 300000 };
    char *expected = malloc(TOTAL), *got = malloc(TOTAL);
    size_t made = 0, received = 0, written, sum = 0;
    bool was_blocked = false;
    (void)state;
    while (made < TOTAL) {
        size_t length = min_size(1 + made % 7919, TOTAL - made);
        for (size_t i = 0; i < length; i++)
            expected[made + i] = (char)((made + i) * 31 >> 3);
        struct shared_frame *frame = shared_frame_new_raw(span_of(expected + made, length));
        outbox_push(&outbox, frame);
        shared_frame_unref(&frame);
        made += length;
    }
    for (;;) {
        int rc = outbox_write(&outbox, ends[0], &written);
        sum += written;
        assert_true(rc == 0 || rc == -EAGAIN);
        assert_int_equal(outbox.bytes, TOTAL - sum);
        was_blocked |= rc == -EAGAIN;
        size_t length;
        while ((length = receive(got + received, min_size(1000, TOTAL - received))) > 0)
            received += length;
        if (rc == 0)
            break;
    }
    assert_true(was_blocked);
    assert_int_equal(received, TOTAL);
    assert_memory_equal(got, expected, TOTAL);
    free(expected);
    free(got);
}

static void test_dropping_keeps_what_has_begun(void **state)
{
    struct outbox outbox = {0};
    char *large = calloc(1, (1 << 20) + 8);
    size_t written;
    (void)state;
    push(&outbox, "never sent");
    outbox_drop_unsent(&outbox);
    assert_true(outbox_is_empty(&outbox));
    assert_int_equal(outbox.bytes, 0);
    struct shared_frame *frame = shared_frame_new_raw(span_of(large, 1 << 20));
    outbox_push(&outbox, frame);
    for (int i = 0; i < 10; i++)
        push(&outbox, "behind it");
    assert_int_equal(outbox_write(&outbox, ends[0], &written), -EAGAIN);
    assert_int_equal(outbox_weight(&outbox), outbox.bytes + 11 * sizeof(void *));
    assert_true(outbox_rings_bytes() > 11 * sizeof(void *));
    outbox_drop_unsent(&outbox);
    assert_int_equal(outbox.count, 1);
    assert_int_equal(frame->references, 2);
    assert_int_equal(outbox.bytes, (1 << 20) - written);
    assert_int_equal(outbox_rings_bytes(), 0);
    push(&outbox, "the last");
    enum { TOTAL = (1 << 20) + 8 };
    for (size_t received = 0; received < TOTAL;) {
        received += receive(large + received, TOTAL - received);
        assert_true(outbox_write(&outbox, ends[0], &written) != -EPIPE);
    }
    assert_memory_equal(large + TOTAL - 8, "the last", 8);
    assert_true(outbox_is_empty(&outbox));
    assert_int_equal(frame->references, 1);
    shared_frame_unref(&frame);
    free(large);
}

static bool push_pong(struct outbox *outbox, char payload)
{
    struct shared_frame *pong = shared_frame_new(FRAME_OPCODE_PONG, false, span_of(&payload, 1));
    bool is_one_more = outbox_push_pong(outbox, pong);
    shared_frame_unref(&pong);
    return is_one_more;
}

static void test_pongs_overtake_all_but_the_first_frame(void **state)
{
    static const char expected[] = "first\x8a\x01"
                                   "a\x8a\x01"
                                   "bsecondthird";
    struct outbox outbox = {0};
    char data[64];
    size_t written;
    (void)state;
    push(&outbox, "first");
    push(&outbox, "second");
    assert_true(push_pong(&outbox, 'a'));
    push(&outbox, "third");
    assert_true(push_pong(&outbox, 'b'));
    assert_int_equal(outbox.bytes, sizeof(expected) - 1);
    assert_int_equal(outbox_write(&outbox, ends[0], &written), 0);
    assert_int_equal(receive(data, sizeof(data)), sizeof(expected) - 1);
    assert_memory_equal(data, expected, sizeof(expected) - 1);
}

static void test_of_many_pongs_the_latest_is_kept(void **state)
{
    enum { PONG_BYTES = 3, SENT = OUTBOX_PONGS + 1 };
    struct outbox outbox = {0};
    char data[PONG_BYTES * SENT + 1];
    size_t written;
    (void)state;
    for (int i = 0; i < 1000; i++) /* the first is the first frame */
        assert_int_equal(push_pong(&outbox, (char)('A' + i % 26)), i < SENT);
    assert_int_equal(outbox.bytes, PONG_BYTES * SENT);
    assert_int_equal(outbox_write(&outbox, ends[0], &written), 0);
    assert_int_equal(receive(data, sizeof(data)), PONG_BYTES * SENT);
    for (int i = 0; i < SENT; i++)
        assert_int_equal(data[PONG_BYTES * i + 2], 'A' + (i < SENT - 1 ? i : 999) % 26);
    assert_true(outbox_is_empty(&outbox));
}

/* The ring's head goes back, also beyond its beginning. */
static void test_pongs_between_writes(void **state)
{
    struct outbox outbox = {0};
    char data[64];
    size_t written;
    (void)state;
    for (int i = 0; i < 20; i++) {
        for (int frames = 0; frames < i; frames++)
            push(&outbox, "-");
        assert_true(push_pong(&outbox, 'p'));
        push(&outbox, "=");
        assert_int_equal(outbox_write(&outbox, ends[0], &written), 0);
        assert_int_equal(receive(data, sizeof(data)), i + 4);
        assert_memory_equal(data + (i > 0 ? 1 : 0), "\x8a\x01p", 3);
        assert_int_equal(data[i + 3], '=');
    }
}

static void test_moving(void **state)
{
    struct outbox from = {0}, to = {0};
    char data[16];
    size_t written;
    (void)state;
    push(&from, "one");
    push(&from, "two");
    push(&from, "three");
    outbox_move(&to, &from);
    assert_true(outbox_is_empty(&from));
    assert_int_equal(outbox_write(&to, ends[0], &written), 0);
    assert_int_equal(receive(data, sizeof(data)), 11);
    assert_memory_equal(data, "onetwothree", 11);
}

static void test_a_broken_socket_is_told(void **state)
{
    struct outbox outbox = {0};
    size_t written;
    (void)state;
    close(ends[1]);
    ends[1] = dup(ends[0]);
    push(&outbox, "nobody reads this");
    assert_int_equal(outbox_write(&outbox, ends[0], &written), -EPIPE);
    outbox_fini(&outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_one_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_frames_leave_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_slow_reader_gets_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dropping_keeps_what_has_begun, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pongs_overtake_all_but_the_first_frame, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_of_many_pongs_the_latest_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pongs_between_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moving, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_broken_socket_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
