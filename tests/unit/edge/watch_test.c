/* Watches: what a control is told of a channel, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

#include "common/contract/command.h"
#include "tests/unit/edge/ring.h"

static struct ring ring;

static int set_up(void **state)
{
    static const char *const wanted[] = {"LINK_BUFFER_BYTES=4M", NULL};
    (void)state;
    ring_start(&ring, wanted);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ring_stop(&ring);
    return 0;
}

static void watch(bool is_on)
{
    const struct message_watch message = {.channel = span_text("room"), .is_on = is_on};
    wire_put_watch(link_packet(ring.control.edge), &message);
}

static void publish(enum command_type type, struct span data)
{
    const struct record_command_body body = {
        .type = type, .target = span_text("room"), .data = data};
    ring_command(&ring, &body);
}

static void subscribe(size_t number)
{
    const struct record_command_body body = {
        .type = COMMAND_SUBSCRIBE, .target = ring_id(&ring, number), .channel = span_text("room")};
    ring_command(&ring, &body);
}

static void test_without_and_with_a_member(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    watch(true);
    ring_expect(&ring, &ring.control, "JOIN room");
    ring_expect(&ring, &ring.control, "WATCHING room");
    publish(COMMAND_PUBLISH_TEXT, span_text("to nobody"));
    ring_expect(&ring, &ring.control, "WATCHED room TEXT:to nobody missed=0");
    subscribe(0);
    publish(COMMAND_PUBLISH_BINARY, span_text("x"));
    ring_expect(&ring, &ring.control, "WATCHED room BINARY:x missed=0");
    client_expect(&ring, fd, "\x82\x01x", 3);
    watch(true); /* once more changes nothing, and is confirmed */
    ring_expect(&ring, &ring.control, "WATCHING room");
    publish(COMMAND_PUBLISH_TEXT, span_text("y"));
    ring_expect(&ring, &ring.control, "WATCHED room TEXT:y missed=0");
    ring_expect_none(&ring, &ring.control, "WATCHED");
    watch(false);
    watch(false);
    publish(COMMAND_PUBLISH_TEXT, span_text("z"));
    ring_expect_none(&ring, &ring.control, "WATCHED");
    client_expect(&ring, fd, "\x81\x01y\x81\x01z", 6);
    close(fd);
}

static void test_a_repeated_command_is_told_once(void **state)
{
    (void)state;
    const struct record_command_body body = {
        .type = COMMAND_PUBLISH_TEXT, .target = span_text("room"), .data = span_text("x")};
    watch(true);
    ring_expect(&ring, &ring.control, "WATCHING room");
    ring_command_numbered(&ring, 1, span_text("key"), 0, &body);
    ring_command_numbered(&ring, 1, span_text("key"), 0, &body);
    ring_command_numbered(&ring, 2, span_text("key"), 0, &body);
    ring_expect(&ring, &ring.control, "WATCHED room");
    ring_expect_none(&ring, &ring.control, "WATCHED");
}

static void test_a_watched_channel_is_kept(void **state)
{
    (void)state;
    watch(true);
    ring_expect(&ring, &ring.control, "WATCHING room");
    struct channel *channel = channel_find(&ring.edge->channels, span_text("room"));
    assert_false(list_is_linked(&channel->empty_link));
    watch(false);
    while (!list_is_linked(&channel->empty_link))
        ring_turn(&ring);
    watch(true);
    ring_expect(&ring, &ring.control, "WATCHING room");
    assert_false(list_is_linked(&channel->empty_link));
    watch(false);
    while (!list_is_linked(&channel->empty_link))
        ring_turn(&ring);
    channel->empty_since_ms -= CHANNEL_LINGER_MS;
    ring_expect(&ring, &ring.control, "LEAVE room");
    assert_null(channel_find(&ring.edge->channels, span_text("room")));
}

static void test_a_watch_ends_with_its_session(void **state)
{
    (void)state;
    watch(true);
    ring_expect(&ring, &ring.control, "WATCHING room");
    ring_restart_peer(&ring, &ring.control);
    ring_expect(&ring, &ring.control, "JOIN room");
    ring_expect(&ring, &ring.control, "ANNOUNCED 1");
    publish(COMMAND_PUBLISH_TEXT, span_text("x"));
    ring_expect(&ring, &ring.control, "RECEIPT 1-1");
    ring_expect_none(&ring, &ring.control, "WATCHED");
}

static void test_what_the_link_has_no_room_for_is_counted(void **state)
{
    size_t too_long = ring.config.link_buffer_bytes / 2 + 1;
    char *text = xcalloc(1, too_long);

    (void)state;
    watch(true);
    ring_expect(&ring, &ring.control, "WATCHING room");
    memset(text, 'x', too_long);
    publish(COMMAND_PUBLISH_TEXT, span_of(text, too_long));
    publish(COMMAND_PUBLISH_TEXT, span_of(text, too_long));
    publish(COMMAND_PUBLISH_TEXT, span_text("short"));
    ring_expect(&ring, &ring.control, "WATCHED room TEXT:short missed=2");
    publish(COMMAND_PUBLISH_TEXT, span_text("next"));
    ring_expect(&ring, &ring.control, "WATCHED room TEXT:next missed=0");
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_and_with_a_member),
        TEST(test_a_repeated_command_is_told_once),
        TEST(test_a_watched_channel_is_kept),
        TEST(test_a_watch_ends_with_its_session),
        TEST(test_what_the_link_has_no_room_for_is_counted),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
