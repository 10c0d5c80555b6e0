/* Links over connections that break, to peers that restart, fall silent or do not receive. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "tests/unit/wire/link_scene.h"

static void test_what_a_broken_connection_lost_comes_again(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    side_say(&scene->connector, 10, 100);
    side_say(&scene->binder, 10, 100);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    tcp_proxy_swallow(&scene->proxy);
    for (int i = 0; i < 20; i++) {
        side_say(&scene->connector, 10, 100);
        side_say(&scene->binder, 10, 100);
        loop_turn(scene->loop, 0);
    }
    TURN_UNTIL(scene, scene->proxy.swallowed_bytes > 40000);
    assert_int_equal(scene->binder.heard, 10);
    tcp_proxy_cut(&scene->proxy);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    assert_int_equal(scene->binder.heard, 210);
    assert_int_equal(scene->binder.ups, 1); /* the same session */
    assert_int_equal(scene->connector.ups, 1);
    assert_true(link_set_counters(scene->binder.set)->resends > 0);
    assert_true(link_set_counters(scene->connector.set)->resends > 0);
    assert_int_equal(link_set_counters(scene->binder.set)->malformed, 0);
}

/* Nothing comes after the loss: only the heartbeats tell. */
static void test_a_lost_tail_is_noticed(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    tcp_proxy_swallow(&scene->proxy);
    side_say(&scene->binder, 1, 1000);
    TURN_UNTIL(scene, scene->proxy.swallowed_bytes > 1000);
    tcp_proxy_cut(&scene->proxy);
    TURN_UNTIL(scene, scene->connector.heard == 1);
    assert_true(link_set_counters(scene->connector.set)->gaps >= 1);
    assert_int_equal(scene->connector.ups, 1);
}

static void test_cut_again_and_again(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    unsigned seed = (unsigned)random_below(UINT32_MAX);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int cut = 0; cut < 25; cut++) {
        for (int turn = rand() % 20; turn >= 0; turn--) {
            /* A session that ended here would begin again at 1: said counts from there. */
            side_say(&scene->connector, rand() % 10, (size_t)rand() % 3000);
            side_say(&scene->binder, rand() % 10, (size_t)rand() % 3000);
            loop_turn(scene->loop, rand() % 3);
        }
        if (rand() % 2)
            tcp_proxy_swallow(&scene->proxy);
        loop_turn(scene->loop, 1);
        tcp_proxy_cut(&scene->proxy);
        uint64_t heard = scene->binder.heard;
        if (rand() % 3)
            TURN_UNTIL(scene, scene->binder.heard > heard || scene_all_is_heard(scene));
        TURN_UNTIL(scene,
                   !link_is_full(scene->binder.link) && !link_is_full(scene->connector.link));
    }
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    assert_int_equal(scene->binder.ups, 1);
    assert_int_equal(scene->connector.ups, 1);
}

/* ---- restarts ---- */

/* As if it had been killed: nobody hears its BYE. */
static void kill_side(struct scene *scene, struct side *side)
{
    tcp_proxy_swallow(&scene->proxy);
    link_set_destroy(&side->set);
    tcp_proxy_cut(&scene->proxy);
    *side = (struct side){.ups = side->ups};
}

static void test_binder_restarts(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    side_say(&scene->connector, 50, 10);
    TURN_UNTIL(scene, scene->binder.heard == 50);
    kill_side(scene, &scene->binder);
    side_say(&scene->connector, 5, 10);
    scene_bind(scene);
    TURN_UNTIL(scene, scene->connector.ups == 2 && scene->binder.link);
    assert_int_equal(scene->connector.downs, 1);
    assert_int_equal(scene->connector.end, LINK_END_RESYNC);
    side_say(&scene->connector, 5, 10);
    side_say(&scene->binder, 5, 10);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
    assert_true(link_set_counters(scene->binder.set)->resyncs >= 1);
    assert_true(link_set_counters(scene->connector.set)->resyncs >= 1);
}

static void test_connector_restarts(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    side_say(&scene->binder, 50, 10);
    TURN_UNTIL(scene, scene->connector.heard == 50);
    kill_side(scene, &scene->connector);
    side_say(&scene->binder, 5, 10);
    scene_connect_by_proxy(scene);
    TURN_UNTIL(scene, scene->binder.ups == 2 && scene->connector.link);
    assert_int_equal(scene->binder.downs, 1);
    assert_int_equal(scene->binder.end, LINK_END_REPLACED);
    side_say(&scene->connector, 5, 10);
    side_say(&scene->binder, 5, 10);
    TURN_UNTIL(scene, scene_all_is_heard(scene));
}

/* ---- silence ---- */

static void test_silence_is_told_once_and_ends_well(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    tcp_proxy_swallow(&scene->proxy);
    TURN_UNTIL(scene, scene->binder.silences && scene->connector.silences);
    TURN_UNTIL(scene, link_silent_ms(scene->binder.link) > 2 * SCENE_PEER_TIMEOUT_MS);
    assert_int_equal(scene->binder.silences, 1);
    assert_int_equal(scene->connector.silences, 1);
    assert_false(link_is_current(scene->binder.link, SCENE_PEER_TIMEOUT_MS));
    tcp_proxy_cut(&scene->proxy);
    TURN_UNTIL(scene, link_is_current(scene->binder.link, SCENE_PEER_TIMEOUT_MS) &&
                          link_is_current(scene->connector.link, SCENE_PEER_TIMEOUT_MS));
    assert_int_equal(scene->binder.ups, 1);
    tcp_proxy_swallow(&scene->proxy);
    TURN_UNTIL(scene, scene->binder.silences == 2); /* a second silence is news again */
}

static void test_binder_forgets_who_is_silent_for_long(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    tcp_proxy_swallow(&scene->proxy);
    TURN_UNTIL(scene, scene->binder.downs == 1);
    assert_int_equal(scene->binder.end, LINK_END_FORGOTTEN);
    assert_int_equal(link_set_up_count(scene->binder.set), 0);
    assert_int_equal(scene->connector.downs, 0); /* it does not know */
    tcp_proxy_cut(&scene->proxy);
    TURN_UNTIL(scene, scene->connector.ups == 2 && scene->binder.ups == 2);
    assert_int_equal(scene->connector.end, LINK_END_RESYNC);
}

/* ---- a peer that does not receive ---- */

static void test_overflow_ends_the_session(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    tcp_proxy_swallow(&scene->proxy);
    bool was_full = false;
    for (int i = 0; i < 30 && scene->binder.link; i++) {
        was_full |= link_is_full(scene->binder.link);
        assert_true(link_buffered_bytes(scene->binder.link) < 3 * SCENE_BUFFER_BYTES);
        side_say(&scene->binder, 1, 100000);
        loop_turn(scene->loop, 0);
    }
    assert_true(was_full);
    assert_int_equal(scene->binder.downs, 1);
    assert_int_equal(scene->binder.end, LINK_END_OVERFLOW);
    assert_int_equal(link_set_counters(scene->binder.set)->overflows, 1);
    tcp_proxy_cut(&scene->proxy);
    TURN_UNTIL(scene, scene->connector.ups == 2 && scene->binder.link);
    side_say(&scene->binder, 5, 10);
    TURN_UNTIL(scene, scene->connector.heard == 5);
}

static void test_connector_overflows_too(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    tcp_proxy_swallow(&scene->proxy);
    for (int i = 0; i < 30 && scene->connector.link; i++) {
        side_say(&scene->connector, 1, 100000);
        loop_turn(scene->loop, 0);
    }
    assert_int_equal(scene->connector.end, LINK_END_OVERFLOW);
    tcp_proxy_cut(&scene->proxy);
    TURN_UNTIL(scene, scene->connector.ups == 2 && scene->binder.ups == 2);
    assert_int_equal(scene->binder.end, LINK_END_REPLACED);
}

static void test_one_packet_above_the_bound_passes(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    side_say(&scene->connector, 1, 3 * SCENE_BUFFER_BYTES);
    TURN_UNTIL(scene, scene->binder.heard == 1);
    assert_int_equal(scene->connector.downs, 0);
}

static void test_a_packet_that_no_frame_can_hold_ends_the_session(void **state)
{
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect(scene);
    scene_settle(scene);
    struct buffer *packet = link_packet(scene->connector.link);
    memset(buffer_reserve(packet, LINK_FRAME_BYTES), 0, LINK_FRAME_BYTES);
    buffer_commit(packet, LINK_FRAME_BYTES);
    TURN_UNTIL(scene, scene->connector.downs == 1);
    assert_int_equal(scene->connector.end, LINK_END_OVERFLOW);
    TURN_UNTIL(scene, scene->connector.ups == 2);
}

/* ---- the name server ---- */

static void test_target_that_is_gone_is_forgotten(void **state)
{
    /* "localhost" stays in DNS for ever; a numeric address stays listed for ever: a silent target
     * that is still listed must not go. */
    struct scene *scene = *state;
    scene_bind(scene);
    scene_connect_by_proxy(scene);
    scene_settle(scene);
    tcp_proxy_swallow(&scene->proxy);
    TURN_UNTIL(scene, link_silent_ms(scene->connector.link) > 3 * SCENE_PEER_TIMEOUT_MS);
    assert_int_equal(scene->connector.downs, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_broken_connection_lost_comes_again),
        TEST(test_a_lost_tail_is_noticed),
        TEST(test_cut_again_and_again),
        TEST(test_binder_restarts),
        TEST(test_connector_restarts),
        TEST(test_silence_is_told_once_and_ends_well),
        TEST(test_binder_forgets_who_is_silent_for_long),
        TEST(test_overflow_ends_the_session),
        TEST(test_connector_overflows_too),
        TEST(test_one_packet_above_the_bound_passes),
        TEST(test_a_packet_that_no_frame_can_hold_ends_the_session),
        TEST(test_target_that_is_gone_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
