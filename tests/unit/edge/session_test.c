/* Sessions with router and controls: what is said again, what is not done twice, and leaving. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants those first. */
#include <cmocka.h>

#include "common/contract/command.h"
#include "common/process/log.h"
#include "common/wire/session.h"
#include "edge/joins.h"
#include "tests/unit/edge/ring_fixture.h"

static struct record_command_body text_for(size_t number, const char *text)
{
    return (struct record_command_body){
        .type = COMMAND_TEXT, .target = ring_id(&ring, number), .data = span_text(text)};
}

static struct record_command_body subscribe_to(size_t number, const char *channel)
{
    return (struct record_command_body){
        .type = COMMAND_SUBSCRIBE, .target = ring_id(&ring, number), .channel = span_text(channel)};
}

/* ---- the router ---- */

static void test_a_new_router_is_told_everything_unfinished(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    client_text(fd, "1");
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 TEXT:1");
    client_text(fd, "2");
    ring_expect(&ring, &ring.router, "BATCH #0 2-2 TEXT:2");
    client_text(fd, "3");
    int pending = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #1 0-0 meta OPEN");
    ring_restart_peer(&ring, &ring.router);
    ring_expect(&ring, &ring.router, "ADOPT connections=2 returning=1");
    /* Twice, since the order of connections is free. */
    int again = 0;
    for (int i = 0; i < 3; i++) {
        const char *line = ring_expect(&ring, &ring.router, "BATCH ");
        if (strncmp(line, "#0 1-1 meta TEXT:1", 18) == 0)
            again |= 1;
        if (strcmp(line, "#0 2-2 TEXT:2") == 0)
            again |= again & 1 ? 2 : 0; /* behind the first */
        if (strncmp(line, "#1 0-0 meta OPEN", 16) == 0)
            again |= 4;
    }
    assert_int_equal(again, 7);
    ring_ack(&ring, 0, 1, ACK_DELIVERED, 0);
    ring_expect(&ring, &ring.router, "BATCH #0 3-3 TEXT:3");
    assert_int_equal(ring.edge->in_stage[STAGE_OPEN], 1); /* no client noticed */
    close(fd);
    close(pending);
}

static void test_the_other_router_takes_over(void **state)
{
    (void)state;
    ring_stop(&ring);
    ring_start_with_second(&ring, NULL);
    struct peer *first = ring_home(&ring), *other = ring_other(&ring);
    int fd = client_shake(&ring, "");
    ring_expect(&ring, first, "BATCH #0 0-0 meta OPEN");
    ring_expect_none(&ring, other, "ADOPT");
    link_set_destroy(&first->set); /* says BYE */
    first->edge = NULL;
    ring_expect(&ring, other, "ADOPT connections=1 returning=1");
    ring_expect(&ring, other, "BATCH #0 0-0 meta OPEN");
    assert_ptr_equal(ring_home(&ring), other);
    ring_ack(&ring, 0, 0, ACK_REFUSED, 0);
    assert_non_null(strstr(client_answer(&ring, fd), "HTTP/1.1 403 "));
    close(fd);
}

/* (PEER_TIMEOUT is longer than the restart here, in which nobody turns the loop.) */
static void test_nobody_is_admitted_without_a_home(void **state)
{
    (void)state;
    ring.router.is_deaf = true;
    ring_restart_peer(&ring, &ring.router);
    ring_expect(&ring, &ring.router, "ADOPT connections=0 returning=1");
    /* A moment without one is a restart, which clients need not notice; then they are told. */
    int early = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #0 0-0 meta OPEN");
    close(early);
    while (!ring.edge->is_pressed)
        ring_turn(&ring);
    int fd = client_shake(&ring, "");
    assert_non_null(strstr(client_answer(&ring, fd), "HTTP/1.1 503 "));
    close(fd);
}

static void test_the_snapshot_comes_in_pages(void **state)
{
    enum { CONNECTIONS = 60 };
    char *large = xcalloc(1, 10001);
    int fds[CONNECTIONS];
    size_t pages = 0, seen = 0;
    (void)state;
    memset(large, '1', 10000);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        fds[i] = client_open(&ring, i);
        const struct record_command_body metadata = {.type = COMMAND_SET_METADATA,
                                                     .target = ring_id(&ring, i),
                                                     .data = span_of(large, 10000)};
        ring_command(&ring, &metadata);
    }
    const struct record_command_body subscribe = subscribe_to(59, "room");
    ring_command(&ring, &subscribe);
    ring_expect(&ring, &ring.router, "SUBSCRIBED #59 room");
    bool is_last = false;
    while (!is_last) {
        const struct message_pull pull = {.snapshot = 7, .restart = pages == 0};
        wire_put_pull(link_packet(ring.router.edge), &pull);
        const char *page = ring_expect(&ring, &ring.router, "PAGE 7");
        is_last = strncmp(page, " last", 5) == 0;
        for (const char *at = page; (at = strchr(at, '#')); at++) {
            assert_int_equal(strtoul(at + 1, NULL, 10), seen++); /* the oldest first */
            assert_non_null(strstr(at, ":open"));
        }
        if (is_last)
            assert_non_null(strstr(page, "#59:open[room]"));
        if (++pages == 1) {
            close(fds[0]); /* told already; its CLOSE is a fact of its own */
            ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1006:");
            ring_ack(&ring, 0, 1, ACK_DELIVERED, 0);
        }
    }
    assert_int_equal(seen, CONNECTIONS);
    assert_true(pages >= 3);
    const struct message_pull beyond = {.snapshot = 7};
    wire_put_pull(link_packet(ring.router.edge), &beyond);
    assert_string_equal(ring_expect(&ring, &ring.router, "PAGE 7"), " last");
    for (size_t i = 1; i < CONNECTIONS; i++)
        close(fds[i]);
    free(large);
}

static void test_expired_is_death(void **state)
{
    int status;
    (void)state;
    int fd = client_open(&ring, 0);
    pid_t child = fork();
    if (child == 0) {
        log_threshold = LOG_LEVEL_ERROR;
        edge_die(ring.edge, "the test says so");
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_FROZEN);
    client_expect(&ring, fd, "\x88\x11\x03\xf4service restart", 19);
    client_expect_end(&ring, fd);
}

/* ---- controls ---- */

static void test_a_repeated_number_is_receipted_but_not_applied(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    struct record_command_body text = text_for(0, "once");
    uint64_t number = ring_command(&ring, &text);
    char line[32];
    snprintf(line, sizeof(line), "RECEIPT %u-%u", (unsigned)number, (unsigned)number);
    ring_expect(&ring, &ring.control, line);
    ring_command_numbered(&ring, number, (struct span){0}, 0, &text);
    ring_expect(&ring, &ring.control, line);
    text = text_for(0, "end");
    ring_command(&ring, &text);
    client_expect(&ring, fd,
                  "\x81\x04once\x81\x03"
                  "end",
                  11);
    close(fd);
}

static void test_a_repeated_origin_is_receipted_but_not_applied(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    static const struct {
        const char *origin; /* NULL: the connection itself */
        uint64_t first, index;
        bool applies;
    } cases[] = {
        {NULL, 1, 0, true},
        {NULL, 1, 0, false},
        {NULL, 1, 1, true},
        {NULL, 0, 5, false},
        {NULL, 2, 0, true},
        {"someone else", 1, 0, true},
        {"someone else", 1, 0, false},
        {"someone else", 1, 3, true},
        {"", 0, 0, true},
        {"", 0, 0, true},
    };
    struct buffer expected = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[4];
        snprintf(text, sizeof(text), "%zu", i);
        struct record_command_body body = text_for(0, text);
        body.index = cases[i].index;
        ring_command_numbered(&ring, ring.control.next_number++,
                              cases[i].origin ? span_text(cases[i].origin) : ring_id(&ring, 0),
                              cases[i].first, &body);
        if (cases[i].applies)
            buffer_append_format(&expected, "\x81\x01%zu", i);
    }
    client_expect(&ring, fd, expected.data, expected.length);
    ring_expect(&ring, &ring.control, "RECEIPT 2-11");
    buffer_fini(&expected);
    close(fd);
}

static void test_an_origin_outlives_its_connection(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0), other = client_open(&ring, 1);
    struct record_command_body body = text_for(1, "goodbye");
    client_frame(fd, 0x88, (struct span){0});
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE");
    ring_answer(&ring, 0, 1, &body);
    client_expect(&ring, other, "\x81\x07goodbye", 9);
    ring_ack(&ring, 0, 1, ACK_DELIVERED, 0);
    while (ring.edge->connections.count > 1)
        ring_turn(&ring);
    ring_answer(&ring, 0, 1, &body);
    body = text_for(1, "end");
    ring_command(&ring, &body);
    client_expect(&ring, other,
                  "\x81\x03"
                  "end",
                  5);
    close(fd);
    close(other);
}

static void test_a_new_control_hears_of_the_channels(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    const struct record_command_body subscribe = subscribe_to(0, "room");
    ring_command(&ring, &subscribe);
    ring_expect(&ring, &ring.control, "JOIN room");
    ring_expect(&ring, &ring.control, "RECEIPT ");
    ring_restart_peer(&ring, &ring.control);
    ring_expect(&ring, &ring.control, "JOIN room");
    ring_expect(&ring, &ring.control, "ANNOUNCED 1");
    /* Its numbers begin anew, and are not mistaken for the old one's. */
    const struct record_command_body publish = {
        .type = COMMAND_PUBLISH_TEXT, .target = span_text("room"), .data = span_text("x")};
    ring_command(&ring, &publish);
    ring_expect(&ring, &ring.control, "RECEIPT 1-1");
    client_expect(&ring, fd, "\x81\x01x", 3);
    close(fd);
}

static void test_the_first_subscribe_waits_for_all_controls(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    struct controls *controls = &ring.edge->controls;
    const struct record_command_body subscribe = subscribe_to(0, "room");
    uint64_t number = ring_command(&ring, &subscribe);
    struct channel *channel = NULL;
    while (!channel) {
        ring_turn(&ring);
        channel = channel_find(&ring.edge->channels, span_text("room"));
    }
    /* Until the control has received the JOIN there is no receipt for it. */
    if (channel->join) {
        struct control *control =
            TABLE_ENTRY(table_first(&controls->by_name), struct control, link_by_name);
        assert_int_equal(control->references, 1);
    }
    char line[32];
    snprintf(line, sizeof(line), "RECEIPT %u-", (unsigned)number);
    ring_expect(&ring, &ring.control, "JOIN room");
    ring_expect(&ring, &ring.control, line);
    assert_null(channel->join);
    close(fd);
}

static void test_joins_under_way_keep_no_room_for_those_that_are_done(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    struct controls *controls = &ring.edge->controls;
    struct control *control =
        TABLE_ENTRY(table_first(&controls->by_name), struct control, link_by_name);
    struct connection *connection = LIST_FIRST(&ring.edge->in_order, struct connection, order_link);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct channel *channel;
        char name[16];
        snprintf(name, sizeof(name), "room %u", (unsigned)i);
        assert_int_equal(channel_subscribe(&ring.edge->channels, &connection->memberships,
                                           span_text(name), &channel),
                         CHANNEL_FIRST_MEMBER);
        joins_begin(controls, channel);
        control->waits[control->wait_count - 1].number = i;
        joins_received(controls, control, i - 1); /* one is always under way */
        assert_ptr_equal(control->waits[control->waits_done].join, channel->join);
    }
    assert_true(control->wait_capacity <= 16);
    joins_release(controls, control);
    close(fd);
}

static struct channel *first_subscribe(struct span name)
{
    struct connection *connection = LIST_FIRST(&ring.edge->in_order, struct connection, order_link);
    struct channel *channel;
    assert_int_equal(
        channel_subscribe(&ring.edge->channels, &connection->memberships, name, &channel),
        CHANNEL_FIRST_MEMBER);
    return channel;
}

/* What on_silent has released must not be waited for anew: it is called once a silence. */
static void test_a_control_is_waited_for_until_it_is_silent(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    struct controls *controls = &ring.edge->controls;
    struct link *link = link_set_first(controls->links);
    int64_t silent_since_ms = loop_now_ms(ring.loop) - ring.config.peer_timeout_ms;
    link->heard_ms = silent_since_ms + 1;
    struct channel *before = first_subscribe(span_text("before"));
    joins_begin(controls, before);
    assert_non_null(before->join);
    joins_release(controls, link_data(link));
    link->heard_ms = silent_since_ms;
    link->silence_told = true;
    struct channel *then = first_subscribe(span_text("then"));
    joins_begin(controls, then);
    assert_null(then->join);
    close(fd);
}

static size_t join_bytes(struct span channel)
{
    struct buffer packet = {0};
    wire_put_join(&packet, &(struct message_join){.channel = channel});
    size_t bytes = packet.length;
    buffer_fini(&packet);
    return bytes;
}

/* A channel whose JOIN is so long, about 1000 or 2000 bytes. */
static size_t subscribe_with_join_of(size_t number, size_t bytes)
{
    char name[4096];
    memset(name, 'n', sizeof(name));
    name[snprintf(name, sizeof(name), "%zu", number)] = '-';
    struct span channel = span_of(name, 1000);
    channel.length -= join_bytes(channel) - bytes;
    assert_int_equal(join_bytes(channel), bytes);
    (void)first_subscribe(channel);
    return bytes;
}

/* The packet that carries ANNOUNCED may be full with it, and no later one ever come. */
static void test_announced_may_be_what_fills_a_packet(void **state)
{
    enum { JOIN_BYTES = 1000 };
    size_t left = LINK_PACKET_BYTES - 1, number = 0;
    (void)state;
    int fd = client_open(&ring, 0);
    while (left >= 2 * JOIN_BYTES)
        left -= subscribe_with_join_of(number++, JOIN_BYTES);
    (void)subscribe_with_join_of(number, left);
    ring_restart_peer(&ring, &ring.control);
    ring_expect(&ring, &ring.control, "ANNOUNCED");
    struct link *link = link_set_first(ring.edge->controls.links);
    while (link_received(link) + 1 < link_number(link))
        ring_turn(&ring);
    const struct control *control = link_data(link);
    assert_int_equal(control->announced, link_received(link));
    assert_true(control->is_announced);
    close(fd);
}

static void test_an_unknown_command_is_receipted(void **state)
{
    (void)state;
    const struct record_command_body strange = {.type = 31, .target = span_text("x")};
    log_threshold = LOG_LEVEL_ERROR;
    ring_command(&ring, &strange);
    ring_expect(&ring, &ring.control, "RECEIPT 1-1");
    const struct message_command empty = {.number = ring.control.next_number++};
    wire_put_command(link_packet(ring.control.edge), &empty);
    ring_expect(&ring, &ring.control, "RECEIPT 2-2");
}

static void test_an_empty_channel_is_left_lazily(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    const struct record_command_body subscribe = subscribe_to(0, "room");
    ring_command(&ring, &subscribe);
    ring_expect(&ring, &ring.router, "SUBSCRIBED #0 room");
    close(fd);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE");
    ring_expect_none(&ring, &ring.control, "LEAVE");
    struct channel *channel = channel_find(&ring.edge->channels, span_text("room"));
    channel->empty_since_ms -= CHANNEL_LINGER_MS;
    assert_string_equal(ring_expect(&ring, &ring.control, "LEAVE room "), "2");
    assert_null(channel_find(&ring.edge->channels, span_text("room")));
}

/* ---- leaving ---- */

static void test_draining(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    int pending = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #1");
    edge_drain(ring.edge);
    client_expect(&ring, fd, "\x88\x0c\x03\xe9going away", 14);
    client_frame(fd, 0x88, span_text("\x03\xe9"));
    client_expect_end(&ring, fd);
    assert_non_null(strstr(client_answer(&ring, pending), "HTTP/1.1 503 "));
    close(pending);
    ring_expect(&ring, &ring.router, "BATCH #0 1-1 CLOSE:1001:going away");
    ring_ack(&ring, 0, 1, ACK_DELIVERED, 0);
    ring_ack(&ring, 1, 0, ACK_REFUSED, 0);
    ring_expect(&ring, &ring.router, "LEAVING");
    while (!ring.has_stopped)
        ring_turn(&ring);
    assert_int_equal(ring.edge->connections.count, 0);
}

/* A few at a time, each once, and also who is accepted while the others are told. */
static void test_everybody_is_told_to_go(void **state)
{
    enum { CLIENTS = 40 };
    int fds[CLIENTS + 1];
    size_t parts = 0;
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++)
        fds[i] = client_open(&ring, i);
    fds[CLIENTS] = client_shake(&ring, "");
    ring_expect(&ring, &ring.router, "BATCH #40");
    edge_drain(ring.edge);
    for (size_t before = CLIENTS; before == CLIENTS;) {
        ring_turn(&ring);
        before = ring.edge->in_stage[STAGE_OPEN];
    }
    const struct record_command_body accept = {.type = COMMAND_ACCEPT,
                                               .target = ring_id(&ring, CLIENTS)};
    ring_answer(&ring, CLIENTS, 0, &accept);
    assert_non_null(strstr(client_answer(&ring, fds[CLIENTS]), "HTTP/1.1 101 "));
    for (size_t before = 0; before > 0 || parts == 0;) {
        size_t open = ring.edge->in_stage[STAGE_OPEN];
        parts += open != before;
        before = open;
        ring_turn(&ring);
    }
    assert_true(parts > 1);
    for (size_t i = 0; i <= CLIENTS; i++) {
        client_expect(&ring, fds[i], "\x88\x0c\x03\xe9going away", 14);
        client_frame(fds[i], 0x88, span_text("\x03\xe9"));
        client_expect_end(&ring, fds[i]);
        close(fds[i]);
    }
}

static void test_what_is_left_is_handed_over(void **state)
{
    (void)state;
    int fd = client_open(&ring, 0);
    for (int i = 1; i <= 7; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%d", i);
        client_text(fd, text);
    }
    ring_expect(&ring, &ring.router, "BATCH #0 1-");
    ring_expect(&ring, &ring.router, "BATCH #0 ");
    edge_drain(ring.edge);
    client_expect(&ring, fd, "\x88\x0c\x03\xe9going away", 14);
    client_frame(fd, 0x88, span_text("\x03\xe9"));
    client_expect_end(&ring, fd);
    /* Nobody acknowledges anything: after a while the rest is sent all the same. */
    unsigned first, last = 0;
    bool is_closed = false;
    while (!is_closed) {
        const char *line = ring_expect(&ring, &ring.router, "BATCH #0 ");
        assert_int_equal(sscanf(line, "%u-%u", &first, &last), 2);
        assert_true(last - first < 2);
        is_closed = strstr(line, "CLOSE:1001:") != NULL;
    }
    assert_int_equal(first, 8);
    ring_expect(&ring, &ring.router, "LEAVING");
    while (!ring.has_stopped)
        ring_turn(&ring);
}

static const char *impatient[] = {"PEER_TIMEOUT=3s", NULL};
static const char *quick[] = {"DRAIN_SECONDS=200ms", "CLOSE_TIMEOUT=200ms", "BATCH_EVENTS=2", NULL};
static const char *unhurried[] = {"DRAIN_SECONDS=1s", NULL};

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(test_a_new_router_is_told_everything_unfinished, NULL),
        RING_TEST(test_the_other_router_takes_over, NULL),
        RING_TEST(test_nobody_is_admitted_without_a_home, impatient),
        RING_TEST(test_the_snapshot_comes_in_pages, NULL),
        RING_TEST(test_expired_is_death, NULL),
        RING_TEST(test_a_repeated_number_is_receipted_but_not_applied, NULL),
        RING_TEST(test_a_repeated_origin_is_receipted_but_not_applied, NULL),
        RING_TEST(test_an_origin_outlives_its_connection, NULL),
        RING_TEST(test_a_new_control_hears_of_the_channels, NULL),
        RING_TEST(test_the_first_subscribe_waits_for_all_controls, NULL),
        RING_TEST(test_joins_under_way_keep_no_room_for_those_that_are_done, NULL),
        RING_TEST(test_a_control_is_waited_for_until_it_is_silent, NULL),
        RING_TEST(test_announced_may_be_what_fills_a_packet, NULL),
        RING_TEST(test_an_unknown_command_is_receipted, NULL),
        RING_TEST(test_an_empty_channel_is_left_lazily, NULL),
        RING_TEST(test_draining, quick),
        RING_TEST(test_everybody_is_told_to_go, unhurried),
        RING_TEST(test_what_is_left_is_handed_over, quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
