/* What a set of links shows in /metrics, by the role of its peers. */
#include "common/process/metrics.h"
#include "tests/unit/wire/link_scene.h"

/* The binder's peer is an edge, the connector's a router: their figures do not mix. */
static void measure(const struct scene *scene)
{
    link_set_measure(scene->binder.set, LABEL_PEER_UNKNOWN);
    link_set_measure(scene->connector.set, LABEL_PEER_ROUTER);
}

static uint64_t value(enum metric metric, enum metric_label_peer peer)
{
    return (uint64_t)metric_get_label(metric, peer);
}

static void expect_sums(const struct scene *scene)
{
    const struct link_counters *binder = link_set_counters(scene->binder.set);
    const struct link_counters *connector = link_set_counters(scene->connector.set);
    static const enum metric_label_peer edge = LABEL_PEER_EDGE, stranger = LABEL_PEER_UNKNOWN;
    assert_int_equal(value(METRIC_LINK_PACKETS_SENT, edge) +
                         value(METRIC_LINK_PACKETS_SENT, stranger),
                     binder->packets_sent);
    assert_int_equal(value(METRIC_LINK_PACKETS_RECEIVED, edge) +
                         value(METRIC_LINK_PACKETS_RECEIVED, stranger),
                     binder->packets_received);
    assert_int_equal(value(METRIC_LINK_BYTES_RECEIVED, edge) +
                         value(METRIC_LINK_BYTES_RECEIVED, stranger),
                     binder->bytes_received);
    assert_int_equal(value(METRIC_LINK_PACKETS_SENT, LABEL_PEER_ROUTER), connector->packets_sent);
    assert_int_equal(value(METRIC_LINK_BYTES_SENT, LABEL_PEER_ROUTER), connector->bytes_sent);
    assert_int_equal(value(METRIC_LINK_BYTES_RECEIVED, LABEL_PEER_ROUTER),
                     connector->bytes_received);
}

static void test_before_anybody_came(void **state)
{
    struct scene *scene = *state;
    link_set_measure(NULL, LABEL_PEER_ROUTER);
    scene_bind(scene);
    scene_connect(scene);
    measure(scene);
    assert_int_equal(value(METRIC_LINK_PEERS, LABEL_PEER_ROUTER), 0);
    assert_int_equal(value(METRIC_LINK_PEERS, LABEL_PEER_EDGE), 0);
}

static void test_traffic_has_the_role_of_the_peer(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    for (int turn = 0; turn < 50; turn++) {
        side_say(&scene->binder, 3, 100);
        side_say(&scene->connector, 2, 1000);
        loop_turn(scene->loop, 0);
    }
    measure(scene);
    assert_true(value(METRIC_LINK_BUFFERED, LABEL_PEER_EDGE) > 0);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    measure(scene);
    expect_sums(scene);
    assert_int_equal(value(METRIC_LINK_PEERS, LABEL_PEER_EDGE), 1);
    assert_int_equal(value(METRIC_LINK_PEERS, LABEL_PEER_ROUTER), 1);
    assert_int_equal(value(METRIC_LINK_PEERS, LABEL_PEER_WORKER), 0);
    assert_true(value(METRIC_LINK_BYTES_RECEIVED, LABEL_PEER_EDGE) > 100000);
    /* The greeting is of no session yet at the binder. */
    assert_in_range(value(METRIC_LINK_PACKETS_RECEIVED, LABEL_PEER_UNKNOWN), 1, 10);
    assert_int_equal(value(METRIC_LINK_MALFORMED, LABEL_PEER_EDGE), 0);
    assert_int_equal(value(METRIC_LINK_LOST, LABEL_PEER_EDGE), 0);
}

static void test_what_goes_wrong_has_a_role_too(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    side_say(&scene->binder, 5, 1000);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    tcp_proxy_swallow(&scene->proxy);
    side_say(&scene->binder, 5, 1000);
    TURN_UNTIL(scene, scene->binder.silences == 1 && scene->connector.silences == 1);
    measure(scene);
    assert_int_equal(value(METRIC_LINK_PEERS, LABEL_PEER_EDGE), 0); /* linked, but not alive */
    tcp_proxy_cut(&scene->proxy);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    measure(scene);
    expect_sums(scene);
    assert_true(value(METRIC_LINK_RESENDS, LABEL_PEER_EDGE) > 0);
    assert_int_equal(value(METRIC_LINK_LOST, LABEL_PEER_EDGE), 1);
    assert_int_equal(value(METRIC_LINK_PEERS, LABEL_PEER_EDGE), 1);
    assert_int_equal(value(METRIC_LINK_LOST, LABEL_PEER_ROUTER), 1);
    assert_int_equal(value(METRIC_LINK_RESYNCS, LABEL_PEER_ROUTER), 0);
    link_drop(scene->binder.link); /* the edge's next packet is a stranger's, and told so */
    TURN_UNTIL(scene, scene->connector.ups == 2);
    measure(scene);
    assert_int_equal(value(METRIC_LINK_RESYNCS, LABEL_PEER_ROUTER), 1);
    assert_true(value(METRIC_LINK_RESYNCS, LABEL_PEER_UNKNOWN) >= 1);
    link_set_destroy(&scene->connector.set);
    TURN_UNTIL(scene, scene->binder.downs == 2);
    link_set_measure(scene->binder.set, LABEL_PEER_UNKNOWN);
    assert_int_equal(value(METRIC_LINK_PEERS, LABEL_PEER_EDGE), 0);
}

#define MEASURE_TEST(function) \
    cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEASURE_TEST(test_before_anybody_came),
        MEASURE_TEST(test_traffic_has_the_role_of_the_peer),
        MEASURE_TEST(test_what_goes_wrong_has_a_role_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
