/* What waits for all clients together is bounded, and who takes nothing makes room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

#include "common/contract/command.h"
#include "edge/traffic.h"
#include "tests/unit/edge/ring_fixture.h"

enum { LIMIT = 4 << 20, SHARE = 1200000, TEXT = 10000 };

static char text[TEXT];
static int fds[RING_CLIENTS];

static struct connection *connection(size_t number)
{
    return connection_find(ring.edge, ring_id(&ring, number));
}

static void open_clients(size_t count)
{
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < count; i++)
        fds[i] = client_open(&ring, i);
}

static void close_clients(size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

/* Commands it, and waits until the edge has done it. What waits afterwards is within the limit,
 * but for the frames that share the last turn's memory. */
static void say(const struct record_command_body *body)
{
    char receipt[64];
    unsigned number = (unsigned)ring_command(&ring, body);
    snprintf(receipt, sizeof(receipt), "RECEIPT %u-%u", number, number);
    ring_expect(&ring, &ring.control, receipt);
    assert_true(shared_frames_bytes() + outbox_rings_bytes() < LIMIT + 2 * TEXT);
}

static void send_text(size_t number)
{
    say(&(struct record_command_body){
        .type = COMMAND_TEXT, .target = ring_id(&ring, number), .data = span_of(text, TEXT)});
}

/* So much waits for it, and the edge does not hear when its socket takes more: the kernel moves
 * some bytes on when it likes, which would change the order. */
static void stall(size_t number, size_t bytes)
{
    struct connection *stalled = connection(number);
    while (stalled->outbox.bytes < bytes)
        send_text(number);
    assert_int_equal(stalled->stage, STAGE_OPEN);
    loop_modify(ring.loop, &stalled->source, EPOLLIN);
}

static void read_all(size_t number)
{
    static char got[2 * TEXT];
    while (recv(fds[number], got, sizeof(got), MSG_DONTWAIT) > 0)
        ;
}

static void test_who_takes_nothing_makes_room(void **state)
{
    enum { FIRST, SECOND, THIRD, FAST, COUNT };
    (void)state;
    open_clients(COUNT);
    stall(FIRST, SHARE);
    stall(SECOND, SHARE);
    stall(FIRST, SHARE + TEXT); /* it is told more: that makes it no faster */
    while (connection(FIRST)->stage == STAGE_OPEN) {
        send_text(THIRD);
        assert_int_equal(connection(THIRD)->stage, STAGE_OPEN);
    }
    for (int i = 0; i < 200; i++) {
        send_text(FAST);
        read_all(FAST);
    }
    assert_int_equal(connection(SECOND)->stage, STAGE_OPEN);
    assert_int_equal(connection(THIRD)->stage, STAGE_OPEN);
    assert_int_equal(connection(FAST)->stage, STAGE_OPEN);
    close_clients(COUNT);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1013:too slow while the server is full");
}

/* Who takes some bytes is behind those who take none. */
static void test_progress_counts(void **state)
{
    enum { SLOW, STALLED, LAST, COUNT };
    (void)state;
    open_clients(COUNT);
    stall(SLOW, SHARE);
    stall(STALLED, SHARE);
    stall(LAST, LIMIT - 2 * SHARE - 10 * TEXT);
    size_t waiting = connection(SLOW)->outbox.bytes;
    traffic_watch(connection(SLOW));
    while (connection(SLOW)->outbox.bytes == waiting) {
        read_all(SLOW);
        ring_turn(&ring);
    }
    while (connection(STALLED)->stage == STAGE_OPEN)
        send_text(LAST);
    assert_int_equal(connection(SLOW)->stage, STAGE_OPEN);
    close_clients(COUNT);
}

/* Those who have ended hold what waits for them, too. */
static void test_the_ended_make_room_first(void **state)
{
    enum { LINGERING, CLOSING, OPEN, LAST, COUNT };
    (void)state;
    open_clients(COUNT);
    stall(OPEN, SHARE);
    stall(CLOSING, SHARE);
    stall(LINGERING, SHARE);
    client_frame(fds[LINGERING], 0x88, span_of("\x03\xe8", 2));
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1000:");
    assert_int_equal(ring.edge->lingering_count, 1);
    say(&(struct record_command_body){
        .type = COMMAND_CLOSE, .target = ring_id(&ring, CLOSING), .code = 1000});
    assert_int_equal(connection(CLOSING)->stage, STAGE_CLOSING);
    while (ring.edge->lingering_count > 0)
        send_text(LAST);
    assert_int_equal(connection(OPEN)->stage, STAGE_OPEN);
    while (connection(OPEN)->stage == STAGE_OPEN) /* it has waited for longer than … */
        send_text(LAST);
    assert_int_equal(connection(CLOSING)->stage, STAGE_CLOSING);
    while (connection(CLOSING)->stage == STAGE_CLOSING) /* … the one that is cut */
        send_text(LAST);
    ring_expect(&ring, &ring.router, "BATCH #1 1-1 CLOSE:1000:");
    assert_int_equal(connection(LAST)->stage, STAGE_OPEN);
    close_clients(COUNT);
}

/* One small message for many clients is little, its place in each queue is not. */
static void test_places_count(void **state)
{
    enum { COUNT = 40 };
    const struct record_command_body publish = {
        .type = COMMAND_PUBLISH_TEXT, .target = span_text("room"), .data = span_text("x")};
    size_t most = 0;
    (void)state;
    open_clients(COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        say(&(struct record_command_body){
            .type = COMMAND_SUBSCRIBE, .target = ring_id(&ring, i), .channel = span_text("room")});
        while (!connection(i)->is_blocked)
            send_text(i);
    }
    while (connection(0)->stage == STAGE_OPEN) {
        say(&publish);
        most = max_size(most, outbox_rings_bytes());
    }
    assert_true(most > LIMIT / 4);
    close_clients(COUNT);
}

static const char *crowded[] = {"SEND_QUEUE_LIMIT=4M", "EDGE_SEND_LIMIT=4M", "CLOSE_TIMEOUT=60s",
                                NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(test_who_takes_nothing_makes_room, crowded),
        RING_TEST(test_progress_counts, crowded),
        RING_TEST(test_the_ended_make_room_first, crowded),
        RING_TEST(test_places_count, crowded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
