/* Links between honest sides whose connections hold: greeting, order, receipt, leaving, refusal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/unit/wire/link_scene.h"

static void test_greeting(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    assert_false(link_set_is_settled(scene->connector.set));
    assert_null(link_set_first(scene->connector.set));
    scene_settle(scene);
    assert_true(link_set_is_settled(scene->connector.set));
    assert_span(link_peer_name(scene->binder.link), "e1");
    assert_span(link_peer_role(scene->binder.link), "edge");
    assert_span(link_peer_name(scene->connector.link), "r1");
    assert_span(link_peer_role(scene->connector.link), "router");
    assert_string_equal(link_address(scene->binder.link), "e1");
    assert_true(strncmp(link_address(scene->connector.link), "127.0.0.1:", 10) == 0);
    assert_ptr_equal(link_set_first(scene->binder.set), scene->binder.link);
    assert_null(link_set_next(scene->binder.set, scene->binder.link));
    assert_int_equal(link_set_up_count(scene->binder.set), 1);
    assert_true(link_is_current(scene->binder.link, SCENE_PEER_TIMEOUT_MS));
    assert_null(link_data(scene->binder.link));
    link_set_data(scene->binder.link, scene);
    assert_ptr_equal(link_data(scene->binder.link), scene);
    assert_null(link_set_publish_endpoint(scene->binder.set));
}

static void test_connector_may_come_first(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    link_set_destroy(&scene->binder.set); /* only the port was wanted */
    scene_connect(scene);
    for (int i = 0; i < 20; i++)
        loop_turn(scene->loop, 10);
    scene_bind(scene);
    scene_settle(scene);
    assert_int_equal(scene->binder.ups, 1);
}

static void test_both_talk_in_order(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    for (int turn = 0; turn < 200; turn++) {
        side_say(&scene->binder, turn % 7, 10);
        side_say(&scene->connector, turn % 5, 1000);
        loop_turn(scene->loop, 0);
    }
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    TURN_UNTIL(scene, link_buffered_bytes(scene->binder.link) == 0 &&
                          link_buffered_bytes(scene->connector.link) == 0);
    const struct link_counters *counters = link_set_counters(scene->binder.set);
    assert_int_equal(counters->messages_received[MESSAGE_INDEX_METADATA], scene->connector.said);
    assert_int_equal(counters->malformed + counters->gaps + counters->resends, 0);
    assert_true(counters->packets_sent < 500); /* a turn is a packet */
}

static void test_receipt(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    struct link *link = scene->connector.link;
    assert_int_equal(link_number(link), 1);
    side_say(&scene->connector, 1, 0);
    assert_int_equal(link_number(link), 1);
    assert_int_equal(link_received(link), 0);
    assert_true(link_buffered_bytes(link) > 0);
    TURN_UNTIL(scene, scene->connector.received == 1);
    assert_int_equal(link_number(link), 2);
    assert_int_equal(link_received(link), 1);
    assert_int_equal(link_buffered_bytes(link), 0);
}

static void test_long_turn_is_split(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    struct link *link = scene->connector.link;
    side_say(&scene->connector, 1, LINK_PACKET_BYTES);
    assert_int_equal(link_number(link), 2); /* what comes next is in the next packet */
    side_say(&scene->connector, 1, 10);
    assert_int_equal(link_number(link), 2);
    TURN_UNTIL(scene, link_received(link) == 2);
    assert_int_equal(scene->binder.heard, 2);
}

static void acknowledge(struct side *side, struct link *link)
{
    (void)side;
    link_acknowledge_now(link);
}

static void test_acknowledgement_at_the_end_of_the_turn(void **state)
{
    struct scene *scene = *state;
    scene->binder.message = acknowledge;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    for (int i = 0; i < 10; i++) {
        side_say(&scene->connector, 1, 0);
        TURN_UNTIL(scene, scene->connector.received == scene->connector.said);
    }
    assert_int_equal(scene->connector.received, 10);
}

static void test_heartbeats_keep_an_idle_link(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    uint64_t before = link_set_counters(scene->binder.set)->packets_received;
    TURN_UNTIL(scene, link_set_counters(scene->binder.set)->packets_received >= before + 20);
    assert_int_equal(scene->binder.silences + scene->connector.silences, 0);
    assert_true(link_silent_ms(scene->connector.link) < SCENE_PEER_TIMEOUT_MS);
    assert_int_equal(scene->binder.ups, 1);
}

/* ---- leaving ---- */

static void test_connector_leaves_after_all_was_heard(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    side_say(&scene->connector, 2000, 500);
    link_set_destroy(&scene->connector.set);
    TURN_UNTIL(scene, scene->binder.downs == 1);
    assert_int_equal(scene->binder.end, LINK_END_BYE);
    assert_int_equal(scene->binder.heard, 2000);
    assert_int_equal(link_set_up_count(scene->binder.set), 0);
}

static void test_binder_leaves_after_all_was_heard(void **state)
{
    struct scene *scene = *state;
    struct loop *own = scene->loop;
    scene->loop = loop_new(0, NULL, NULL);
    scene_bind(scene);
    scene->other = scene->loop;
    scene->loop = own;
    scene_connect(scene);
    scene_settle(scene);
    side_say(&scene->binder, 2000, 500);
    scene_leave(scene, &scene->binder.set);
    TURN_UNTIL(scene, scene->connector.downs == 1);
    assert_int_equal(scene->connector.end, LINK_END_BYE);
    assert_int_equal(scene->connector.heard, 2000);
    assert_false(link_set_is_settled(scene->connector.set));
    scene_bind(scene); /* it comes back */
    TURN_UNTIL(scene, scene->connector.ups == 2);
}

static void drop(struct side *side, struct link *link)
{
    side->up = side->message = NULL;
    link_drop(link);
    assert_false(link_is_up(link));
    assert_int_equal(link_end(link), LINK_END_DROPPED);
    /* What is said now goes nowhere, and harms nothing. */
    wire_put_pull(link_packet(link), &(struct message_pull){.snapshot = 1});
    link_acknowledge_now(link);
    link_drop(link);
}

static void test_binder_drops(void **state)
{
    struct scene *scene = *state;
    scene->binder.message = drop;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    side_say(&scene->connector, 3, 0); /* the second and third are for nobody */
    TURN_UNTIL(scene, scene->binder.ups == 2 && scene->connector.ups == 2);
    assert_int_equal(scene->binder.heard_in_all, 1);
    assert_int_equal(scene->connector.end, LINK_END_RESYNC);
    side_say(&scene->connector, 3, 0);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
}

static void test_connector_drops(void **state)
{
    struct scene *scene = *state;
    scene->connector.message = drop;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    side_say(&scene->binder, 3, 0);
    TURN_UNTIL(scene, scene->binder.ups == 2 && scene->connector.ups == 2);
    assert_int_equal(scene->connector.heard_in_all, 1);
    assert_int_equal(scene->binder.end, LINK_END_REPLACED);
}

static void test_drop_while_coming_up(void **state)
{
    struct scene *scene = *state;
    scene->binder.up = drop;
    scene_bind(scene);
    scene_connect(scene);
    TURN_UNTIL(scene, scene->binder.ups == 2 && scene->connector.link);
    scene->connector.up = drop;
    link_drop(scene->connector.link);
    TURN_UNTIL(scene, scene->connector.ups >= 3 && scene->connector.link && scene->binder.link);
    TURN_UNTIL(scene, link_is_current(scene->binder.link, SCENE_PEER_TIMEOUT_MS));
    side_say(&scene->binder, 5, 5);
    TURN_UNTIL(scene, scene->connector.heard == 5);
}

/* ---- refusal ---- */

static void connect_as(struct scene *scene, const char *stack, const char *role,
                       const char *expect_role)
{
    struct link_options options = side_options(&scene->connector, role, "e1");
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", scene->port);
    options.stack = stack;
    assert_int_equal(
        link_set_connect(scene->loop, &options, address, expect_role, &scene->connector.set), 0);
}

static void assert_refused(struct scene *scene, const char *reason)
{
    TURN_UNTIL(scene, scene->connector.refusals == 1);
    assert_non_null(strstr(scene->connector.reason, reason));
    /* It asks again, and tells the program no second time. */
    uint64_t heard = link_set_counters(scene->connector.set)->packets_received;
    TURN_UNTIL(scene, link_set_counters(scene->connector.set)->packets_received > heard);
    assert_int_equal(scene->connector.refusals, 1);
    assert_int_equal(scene->connector.ups, 0);
    assert_false(link_set_is_settled(scene->connector.set));
}

static void test_other_stack_is_refused(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    connect_as(scene, "another", "edge", "router");
    assert_refused(scene, "stack");
    assert_int_equal(scene->binder.ups, 0);
    assert_true(link_set_counters(scene->binder.set)->refused >= 1);
}

static void test_other_role_is_refused(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    connect_as(scene, "stack", "control", "router");
    assert_refused(scene, "role");
    assert_int_equal(scene->binder.ups, 0);
}

static void test_connector_declines_another_role(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    connect_as(scene, "stack", "edge", "control");
    assert_refused(scene, "role");
    TURN_UNTIL(scene, scene->binder.downs == scene->binder.ups);
    assert_int_equal(scene->binder.end, LINK_END_BYE);
}

/* ---- several addresses, several peers ---- */

static void test_one_process_by_two_addresses_is_one_link(void **state)
{
    struct scene *scene = *state;
    struct link_options options = side_options(&scene->binder, "router", "r1");
    int rc = link_set_bind(scene->loop, &options, "tcp://[::]:0", NULL, "edge", &scene->binder.set);
    if (rc == -EAFNOSUPPORT || rc == -ENODEV || rc == -EADDRNOTAVAIL)
        skip(); /* a machine without IPv6 */
    assert_int_equal(rc, 0);
    const char *port = strrchr(link_set_endpoint(scene->binder.set), ':') + 1;
    char addresses[128];
    snprintf(addresses, sizeof addresses, "127.0.0.1:%s,[::1]:%s,127.0.0.1:%s", port, port, port);
    options = side_options(&scene->connector, "edge", "e1");
    assert_int_equal(
        link_set_connect(scene->loop, &options, addresses, "router", &scene->connector.set), 0);
    TURN_UNTIL(scene, link_set_is_settled(scene->connector.set));
    uint64_t refused = link_set_counters(scene->binder.set)->refused;
    assert_true(refused >= 1);
    side_say(&scene->connector, 10, 0);
    side_say(&scene->binder, 10, 0);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    TURN_UNTIL(scene, link_set_counters(scene->binder.set)->refused > refused); /* it asks again */
    assert_int_equal(scene->binder.ups, 1);
    assert_int_equal(scene->connector.ups, 1);
    assert_int_equal(scene->connector.refusals, 0);
    assert_int_equal(link_set_up_count(scene->connector.set), 1);
}

static void test_same_name_in_another_process_replaces(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    struct side second = {0};
    struct link_options options = side_options(&second, "edge", "e1");
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", scene->port);
    assert_int_equal(link_set_connect(scene->loop, &options, address, "router", &second.set), 0);
    TURN_UNTIL(scene, second.ups == 1);
    assert_int_equal(scene->binder.end, LINK_END_REPLACED);
    assert_int_equal(scene->binder.ups, 2);
    link_set_destroy(&scene->connector.set);
    TURN_UNTIL(scene, second.link && scene->binder.link);
    link_set_destroy(&second.set);
}

enum { MANY = 40 };

static void test_many_peers(void **state)
{
    struct scene *scene = *state;
    struct side *sides = xcalloc(MANY, sizeof *sides);
    scene_bind(scene);
    for (int i = 0; i < MANY; i++) {
        char name[16], address[64];
        snprintf(name, sizeof name, "e%d", i);
        snprintf(address, sizeof address, "127.0.0.1:%d", scene->port);
        struct link_options options =
            side_options(&sides[i], i % 2 ? "edge" : "webhook-worker", name);
        assert_int_equal(link_set_connect(scene->loop, &options, address, "router", &sides[i].set),
                         0);
    }
    TURN_UNTIL(scene, link_set_up_count(scene->binder.set) == MANY);
    size_t seen = 0;
    for (struct link *link = link_set_first(scene->binder.set), *next; link; link = next) {
        next = link_set_next(scene->binder.set, link);
        seen++;
        if (seen % 2)
            link_drop(link); /* while walking */
    }
    assert_int_equal(seen, MANY);
    assert_int_equal(link_set_up_count(scene->binder.set), MANY / 2);
    TURN_UNTIL(scene, link_set_up_count(scene->binder.set) == MANY);
    for (int i = 0; i < MANY; i++)
        link_set_destroy(&sides[i].set);
    TURN_UNTIL(scene, link_set_up_count(scene->binder.set) == 0);
    free(sides);
}

static void test_names_are_looked_up(void **state)
{
    struct scene *scene = *state;
    struct link_options options = side_options(&scene->connector, "edge", "e1");
    char addresses[64];
    scene_bind(scene);
    snprintf(addresses, sizeof addresses, "localhost:%d", scene->port);
    assert_int_equal(
        link_set_connect(scene->loop, &options, addresses, "router", &scene->connector.set), 0);
    assert_false(link_set_is_settled(scene->connector.set));
    scene_settle(scene);
}

/* ---- wrong settings ---- */

static void test_bind_errors(void **state)
{
    struct scene *scene = *state;
    struct link_options options = side_options(&scene->binder, "router", "r1");
    struct link_set *set = NULL;
    scene_bind(scene);
    assert_int_equal(link_set_bind(scene->loop, &options, link_set_endpoint(scene->binder.set),
                                   NULL, "edge", &set),
                     -EADDRINUSE);
    assert_int_equal(link_set_bind(scene->loop, &options, "tcp://127.0.0.1:0",
                                   link_set_endpoint(scene->binder.set), "edge", &set),
                     -EADDRINUSE);
    assert_int_equal(link_set_bind(scene->loop, &options, "nonsense", NULL, "edge", &set), -EINVAL);
    assert_int_equal(link_set_bind(scene->loop, &options, "tcp://192.0.2.1:0", NULL, "edge", &set),
                     -EADDRNOTAVAIL);
    assert_null(set);
}

static void test_connect_errors(void **state)
{
    struct scene *scene = *state;
    struct link_options options = side_options(&scene->connector, "edge", "e1");
    static const char *const wrong[] = {"",   "host",     "host:0", "host:65536",
                                        ":1", "a:1,,b:2", "[::1:5", "a b:1"};
    struct link_set *set = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_equal(link_set_connect(scene->loop, &options, wrong[i], "router", &set),
                         -EINVAL);
    assert_null(set);
    link_set_destroy(&set);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_greeting),
        TEST(test_connector_may_come_first),
        TEST(test_both_talk_in_order),
        TEST(test_receipt),
        TEST(test_long_turn_is_split),
        TEST(test_acknowledgement_at_the_end_of_the_turn),
        TEST(test_heartbeats_keep_an_idle_link),
        TEST(test_connector_leaves_after_all_was_heard),
        TEST(test_binder_leaves_after_all_was_heard),
        TEST(test_binder_drops),
        TEST(test_connector_drops),
        TEST(test_drop_while_coming_up),
        TEST(test_other_stack_is_refused),
        TEST(test_other_role_is_refused),
        TEST(test_connector_declines_another_role),
        TEST(test_one_process_by_two_addresses_is_one_link),
        TEST(test_same_name_in_another_process_replaces),
        TEST(test_many_peers),
        TEST(test_names_are_looked_up),
        TEST(test_bind_errors),
        TEST(test_connect_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
