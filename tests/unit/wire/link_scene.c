#include "tests/unit/wire/link_scene.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static void on_up(void *context, struct link *link)
{
    struct side *side = context;
    assert_true(link_is_up(link));
    side->link = link;
    side->ups++;
    side->said = side->heard = side->received = 0;
    if (side->up)
        side->up(side, link);
}

static void on_down(void *context, struct link *link)
{
    struct side *side = context;
    assert_false(link_is_up(link));
    side->downs++;
    side->end = link_end(link);
    if (side->link == link)
        side->link = NULL;
    if (side->down)
        side->down(side, link);
}

static void on_message(void *context, struct link *link, const struct wire_message *message)
{
    struct side *side = context;
    assert_true(link_is_up(link));
    assert_int_equal(message->id, MESSAGE_METADATA);
    uint64_t number;
    assert_int_equal(span_to_u64(message->as.metadata.connection, UINT64_MAX, &number), 0);
    assert_int_equal(number, ++side->heard);
    side->heard_in_all++;
    if (side->message)
        side->message(side, link);
}

static void on_received(void *context, struct link *link)
{
    struct side *side = context;
    if (link != side->link)
        return; /* an earlier peer's, of a binder with several */
    assert_true(link_received(link) > side->received);
    side->received = link_received(link);
}

static void on_silent(void *context, struct link *link)
{
    struct side *side = context;
    assert_true(link_silent_ms(link) >= SCENE_PEER_TIMEOUT_MS);
    side->silences++;
}

static void on_refused(void *context, struct link *link, struct span reason)
{
    struct side *side = context;
    assert_false(link_is_up(link));
    side->refusals++;
    snprintf(side->reason, sizeof side->reason, "%.*s", SPAN_ARGS(reason));
}

struct link_options side_options(struct side *side, const char *role, const char *name)
{
    return (struct link_options){
        .role = role,
        .stack = "stack",
        .name = name,
        .heartbeat_ms = SCENE_HEARTBEAT_MS,
        .peer_timeout_ms = SCENE_PEER_TIMEOUT_MS,
        .resolve_interval_ms = 100,
        .buffer_bytes = SCENE_BUFFER_BYTES,
        .handlers = {on_up, on_down, on_message, on_received, on_silent, on_refused},
        .context = side,
    };
}

int scene_setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    scene->loop = loop_new(0, NULL, NULL);
    *state = scene;
    return 0;
}

int scene_teardown(void **state)
{
    struct scene *scene = *state;
    link_set_destroy(&scene->connector.set);
    link_set_destroy(&scene->binder.set);
    if (scene->proxy.port)
        tcp_proxy_close(&scene->proxy);
    loop_destroy(&scene->loop);
    loop_destroy(&scene->other);
    free(scene);
    return 0;
}

void scene_bind(struct scene *scene)
{
    struct link_options options = side_options(&scene->binder, "router", "r1");
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", scene->port);
    /* A binder that has just left this port may be lingering. */
    int rc = -EADDRINUSE;
    TURN_UNTIL(scene,
               (rc = link_set_bind(scene->loop, &options, endpoint, NULL, "edge, webhook-worker",
                                   &scene->binder.set)) != -EADDRINUSE);
    assert_int_equal(rc, 0);
    scene->port = atoi(strrchr(link_set_endpoint(scene->binder.set), ':') + 1);
    assert_true(scene->port > 0);
}

static void connect_to(struct scene *scene, int port)
{
    struct link_options options = side_options(&scene->connector, "edge", "e1");
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    assert_int_equal(
        link_set_connect(scene->loop, &options, address, "router", &scene->connector.set), 0);
}

void scene_connect(struct scene *scene)
{
    connect_to(scene, scene->port);
}

void scene_connect_by_proxy(struct scene *scene)
{
    if (!scene->proxy.port)
        tcp_proxy_open(&scene->proxy, scene->loop, scene->port);
    connect_to(scene, scene->proxy.port);
}

void scene_settle(struct scene *scene)
{
    TURN_UNTIL(scene, scene->binder.link && scene->connector.link);
}

void scene_turn(struct scene *scene)
{
    loop_turn(scene->loop, scene->other ? 2 : 10);
    if (scene->other)
        loop_turn(scene->other, 2);
}

struct leaving {
    struct link_set **set;
    atomic_bool has_left;
};

static void *leave(void *argument)
{
    struct leaving *leaving = argument;
    link_set_destroy(leaving->set);
    leaving->has_left = true;
    return NULL;
}

void scene_leave(struct scene *scene, struct link_set **set)
{
    struct leaving leaving = {.set = set};
    struct loop *other = scene->other;
    pthread_t thread;
    scene->other = NULL; /* the thread's, meanwhile */
    assert_int_equal(pthread_create(&thread, NULL, leave, &leaving), 0);
    TURN_UNTIL(scene, leaving.has_left);
    pthread_join(thread, NULL);
    scene->other = other;
}

void side_say(struct side *side, int count, size_t padding)
{
    assert_non_null(side->link);
    char *metadata = xcalloc(1, padding);
    for (int i = 0; i < count; i++) {
        char number[24];
        snprintf(number, sizeof number, "%ju", (uintmax_t)++side->said);
        struct message_metadata message = {
            .connection = span_text(number),
            .metadata = span_of(metadata, padding),
        };
        wire_put_metadata(link_packet(side->link), &message);
    }
    free(metadata);
}
