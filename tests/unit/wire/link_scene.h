/* Two sides of a link on one loop, over real ZeroMQ. Each side counts what happens to it and checks
 * that what it hears is 1, 2, 3 … of the session, none missing, none twice. */
#ifndef SLIP_UNIT_LINK_SCENE_H
#define SLIP_UNIT_LINK_SCENE_H

#include "common/base/clock.h"
#include "common/wire/link.h"
#include "tests/unit/unit.h"
#include "tests/unit/wire/tcp_proxy.h"

enum {
    SCENE_HEARTBEAT_MS = 50,
    SCENE_PEER_TIMEOUT_MS = 300,
    SCENE_BUFFER_BYTES = 1 << 20,
    SCENE_DEADLINE_MS = 20000, /* a test that waits this long has failed */
};

struct side {
    struct link_set *set;
    struct link *link; /* of the last on_up; NULL after on_down */
    unsigned ups, downs, silences, refusals;
    enum link_end end;
    char reason[128];
    uint64_t said;  /* in this session */
    uint64_t heard; /* in this session */
    uint64_t heard_in_all;
    uint64_t received; /* link_received() at the last on_received */
    /* What a test wants done in a callback; may be NULL. */
    void (*up)(struct side *side, struct link *link);
    void (*down)(struct side *side, struct link *link);
    void (*message)(struct side *side, struct link *link);
};

struct scene {
    struct loop *loop;
    struct loop *other; /* turned as well when there is one; for sides that scene_leave() */
    struct side binder;
    struct side connector;
    struct tcp_proxy proxy; /* used when its port is not 0 */
    int port;               /* of the binder */
};

/* cmocka's setup and teardown: *state is a struct scene with a loop and nothing else. */
int scene_setup(void **state);
int scene_teardown(void **state);

struct link_options side_options(struct side *side, const char *role, const char *name);

/* A binder "router" named "r1" that accepts edges and workers; at scene->port if that is not 0. */
void scene_bind(struct scene *scene);
/* A connector "edge" named "e1", directly or by the proxy (which is opened when needed). */
void scene_connect(struct scene *scene);
void scene_connect_by_proxy(struct scene *scene);
/* Turns until both sides are up. */
void scene_settle(struct scene *scene);

/* Destroys a set that lives on scene->other, while scene->loop goes on: it is listened to. */
void scene_leave(struct scene *scene, struct link_set **set);

/* Turns both loops once. */
void scene_turn(struct scene *scene);

/* Says the next `count` numbers, each with `padding` more bytes. */
void side_say(struct side *side, int count, size_t padding);

#define TURN_UNTIL(scene, condition)                                                      \
    for (int64_t turn_end_ms = clock_monotonic_ms() + SCENE_DEADLINE_MS; !(condition);) { \
        if (clock_monotonic_ms() > turn_end_ms)                                           \
            fail_msg("never: %s", #condition);                                            \
        scene_turn(scene);                                                                \
    }

/* Everything said by one is heard by the other. */
#define scene_all_is_heard(scene)                        \
    ((scene)->binder.heard == (scene)->connector.said && \
     (scene)->connector.heard == (scene)->binder.said)

#endif
