/* The published path: numbered packets to an edge go by XPUB once its subscription is seen. */
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "common/base/random.h"
#include "common/wire/session.h"
#include "tests/unit/wire/link_scene.h"

static void bind_with_publisher(struct scene *scene)
{
    struct link_options options = side_options(&scene->binder, "control", "c1");
    assert_int_equal(link_set_bind(scene->loop, &options, "tcp://127.0.0.1:0", "tcp://127.0.0.1:0",
                                   "edge,webhook-worker", &scene->binder.set),
                     0);
    assert_non_null(link_set_publish_endpoint(scene->binder.set));
}

static void connect_role(struct scene *scene, struct side *side, const char *role, const char *name)
{
    struct link_options options = side_options(side, role, name);
    assert_int_equal(link_set_connect(scene->loop, &options,
                                      strstr(link_set_endpoint(scene->binder.set), "//") + 2,
                                      "control", &side->set),
                     0);
    TURN_UNTIL(scene, side->link);
}

static uint64_t published(const struct scene *scene)
{
    return link_set_counters(scene->binder.set)->published;
}

/* Says things until the published path is in use. */
static void until_published(struct scene *scene)
{
    uint64_t before = published(scene);
    while (published(scene) == before) {
        side_say(&scene->binder, 1, 10);
        TURN_UNTIL(scene, scene_all_is_heard(scene));
    }
}

static void test_published_in_order_with_the_rest(void **state)
{
    struct scene *scene = *state;
    bind_with_publisher(scene);
    connect_role(scene, &scene->connector, "edge", "e1");
    TURN_UNTIL(scene, scene->binder.link);
    /* From the first moment on, while the path changes under it. */
    for (int turn = 0; turn < 300; turn++) {
        side_say(&scene->binder, turn % 5, 100);
        side_say(&scene->connector, turn % 3, 100);
        loop_turn(scene->loop, turn % 2);
    }
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    const struct link_counters *counters = link_set_counters(scene->binder.set);
    assert_true(counters->published > 10);
    assert_int_equal(link_set_counters(scene->connector.set)->gaps, 0);
    assert_int_equal(link_set_counters(scene->connector.set)->duplicates, 0);
}

static void test_workers_get_all_directly(void **state)
{
    struct scene *scene = *state;
    bind_with_publisher(scene);
    connect_role(scene, &scene->connector, "webhook-worker", "w1");
    TURN_UNTIL(scene, scene->binder.link);
    for (int i = 0; i < 20; i++) {
        side_say(&scene->binder, 1, 10);
        TURN_UNTIL(scene, scene_all_is_heard(scene));
    }
    assert_int_equal(published(scene), 0);
}

/* One name is the beginning of the other: each still gets only its own. */
static void test_topics_do_not_overlap(void **state)
{
    struct scene *scene = *state;
    struct side longer = {0};
    bind_with_publisher(scene);
    connect_role(scene, &scene->connector, "edge", "e1");
    TURN_UNTIL(scene, scene->binder.link);
    until_published(scene);
    scene->binder.link = NULL;
    connect_role(scene, &longer, "edge", "e1x");
    TURN_UNTIL(scene, scene->binder.link);
    uint64_t heard = scene->connector.heard;
    for (uint64_t before = published(scene); published(scene) < before + 5;) {
        side_say(&scene->binder, 1, 10);
        TURN_UNTIL(scene, longer.heard == scene->binder.said);
    }
    assert_int_equal(scene->connector.heard, heard);
    assert_int_equal(link_set_counters(scene->connector.set)->malformed, 0);
    link_set_destroy(&longer.set);
}

/* As if the connection had lost them: they count as sent, and never were. */
static void lose(struct scene *scene, int count)
{
    struct link *link = scene->binder.link;
    side_say(&scene->binder, count, 10);
    stream_sender_push(&link->sender, buffer_span(&link->packet));
    buffer_clear(&link->packet);
    stream_sender_advance(&link->sender);
}

static void test_lost_tail_is_repaired_directly(void **state)
{
    struct scene *scene = *state;
    bind_with_publisher(scene);
    connect_role(scene, &scene->connector, "edge", "e1");
    TURN_UNTIL(scene, scene->binder.link);
    until_published(scene);
    uint64_t before = published(scene);
    lose(scene, 3);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    assert_int_equal(published(scene), before);
    assert_true(link_set_counters(scene->connector.set)->gaps >= 1);
    until_published(scene); /* and then the fast path is taken again */
    assert_int_equal(scene->connector.ups, 1);
}

static void test_loss_before_more_is_repaired(void **state)
{
    struct scene *scene = *state;
    bind_with_publisher(scene);
    connect_role(scene, &scene->connector, "edge", "e1");
    TURN_UNTIL(scene, scene->binder.link);
    until_published(scene);
    for (int round = 0; round < 20; round++) {
        lose(scene, 3);
        side_say(&scene->binder, 5, 10);
        loop_turn(scene->loop, 0);
        side_say(&scene->binder, 5, 10);
        TURN_UNTIL(scene, scene_all_is_heard(scene));
    }
    assert_int_equal(scene->connector.ups, 1);
    assert_int_equal(scene->connector.downs, 0);
}

/* What an unsubscription makes doubtful goes again, without being asked for. */
static void test_path_lost(void **state)
{
    struct scene *scene = *state;
    bind_with_publisher(scene);
    connect_role(scene, &scene->connector, "edge", "e1");
    TURN_UNTIL(scene, scene->binder.link);
    until_published(scene);
    lose(scene, 3);
    link_path_lost(scene->binder.link);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    assert_int_equal(link_set_counters(scene->connector.set)->gaps, 0);
}

static void test_edge_returns_with_its_subscription_standing(void **state)
{
    struct scene *scene = *state;
    bind_with_publisher(scene);
    connect_role(scene, &scene->connector, "edge", "e1");
    TURN_UNTIL(scene, scene->binder.link);
    until_published(scene);
    link_drop(scene->connector.link); /* its SUB stays connected */
    TURN_UNTIL(scene, scene->connector.ups == 2 && scene->binder.ups == 2);
    uint64_t before = published(scene);
    side_say(&scene->binder, 1, 10);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    assert_int_equal(published(scene), before + 1); /* at once: the binder knows */
}

/* Subscribers that nobody invited, and what else can be sent to an XPUB. */
static void test_strangers_at_the_publisher(void **state)
{
    struct scene *scene = *state;
    int linger = 0;
    bind_with_publisher(scene);
    connect_role(scene, &scene->connector, "edge", "e1");
    TURN_UNTIL(scene, scene->binder.link);
    void *context = zmq_ctx_new(), *stranger = zmq_socket(context, ZMQ_XSUB);
    zmq_setsockopt(stranger, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(stranger, link_set_publish_endpoint(scene->binder.set)), 0);
    static const char *const subscriptions[] = {"\001", "\001e1", "\001 \n", "\001nobody"};
    for (size_t i = 0; i < ARRAY_LENGTH(subscriptions); i++)
        zmq_send(stranger, subscriptions[i], strlen(subscriptions[i]), 0);
    for (int i = 0; i < 200; i++) {
        char noise[80];
        random_bytes(noise, sizeof noise);
        zmq_send(stranger, noise, sizeof noise, 0);
    }
    zmq_send(stranger, "\x02garbage", 8, 0);
    TURN_UNTIL(scene, link_set_counters(scene->binder.set)->malformed >= 1);
    until_published(scene);
    zmq_send(stranger, "\000e1", 4, 0); /* it never had that one */
    for (int i = 0; i < 20; i++) {
        side_say(&scene->binder, 1, 10);
        TURN_UNTIL(scene, scene_all_is_heard(scene));
    }
    zmq_close(stranger);
    zmq_ctx_term(context);
    assert_int_equal(scene->connector.downs, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_published_in_order_with_the_rest),
        TEST(test_workers_get_all_directly),
        TEST(test_topics_do_not_overlap),
        TEST(test_lost_tail_is_repaired_directly),
        TEST(test_loss_before_more_is_repaired),
        TEST(test_path_lost),
        TEST(test_edge_returns_with_its_subscription_standing),
        TEST(test_strangers_at_the_publisher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
