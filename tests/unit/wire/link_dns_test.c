/* A connector whose peers come and go in DNS: getaddrinfo here knows one more name, "peers.test",
 * and what it resolves to is the test's to say. */
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/session.h"
#include "tests/unit/wire/link_scene.h"

/* ---- a name server ---- */

enum { PEERS = 3 };

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int error; /* instead of an answer */
    char hosts[PEERS][16];
    size_t count;
    unsigned asked;
} names;

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                            struct addrinfo **ret_found)
{
    look_up *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, ret_found);
}

static int answer(const char *service, const struct addrinfo *hints, struct addrinfo **ret_found)
{
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    names.asked++;
    if (names.error)
        return names.error;
    *ret_found = NULL;
    for (size_t i = 0; i < names.count; i++) {
        struct addrinfo *found = NULL;
        if (real_getaddrinfo(names.hosts[i], service, hints, &found) != 0)
            abort();
        found->ai_next = *ret_found;
        *ret_found = found;
    }
    return names.count ? 0 : EAI_NONAME;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_found)
{
    if (!node || strcmp(node, "peers.test") != 0)
        return real_getaddrinfo(node, service, hints, ret_found);
    pthread_mutex_lock(&names_lock);
    int rc = answer(service, hints, ret_found);
    pthread_mutex_unlock(&names_lock);
    return rc;
}

static unsigned times_asked(void)
{
    pthread_mutex_lock(&names_lock);
    unsigned asked = names.asked;
    pthread_mutex_unlock(&names_lock);
    return asked;
}

/* From now on: these peers (127.0.0.1 …), or this error. */
static void set_names(int error, unsigned peers)
{
    pthread_mutex_lock(&names_lock);
    names.error = error;
    names.count = 0;
    for (unsigned i = 0; i < PEERS; i++)
        if (peers & 1u << i)
            snprintf(names.hosts[names.count++], sizeof names.hosts[0], "127.0.0.%u", i + 1);
    pthread_mutex_unlock(&names_lock);
}

/* Turns until what was set has been answered, twice to be sure that one answer began after. */
#define TURN_UNTIL_ASKED(scene)                       \
    do {                                              \
        unsigned asked = times_asked();               \
        TURN_UNTIL(scene, times_asked() > asked + 2); \
    } while (0)

/* ---- peers at 127.0.0.1, 127.0.0.2 …, all with the same port ---- */

static struct side peers[PEERS];

static void bind_peer(struct scene *scene, unsigned index)
{
    char name[16], endpoint[64];
    snprintf(name, sizeof name, "r%u", index);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.%u:%d", index + 1, scene->port);
    struct link_options options = side_options(&peers[index], "router", name);
    assert_int_equal(
        link_set_bind(scene->other, &options, endpoint, NULL, "edge", &peers[index].set), 0);
    if (!scene->port)
        scene->port = atoi(strrchr(link_set_endpoint(peers[index].set), ':') + 1);
}

static void connect_by_name(struct scene *scene)
{
    struct link_options options = side_options(&scene->connector, "edge", "e1");
    char addresses[64];
    options.resolve_interval_ms = 20;
    snprintf(addresses, sizeof addresses, "peers.test:%d", scene->port);
    assert_int_equal(
        link_set_connect(scene->loop, &options, addresses, "router", &scene->connector.set), 0);
}

static int setup(void **state)
{
    scene_setup(state);
    struct scene *scene = *state;
    scene->other = loop_new(0, NULL, NULL);
    memset(peers, 0, sizeof peers);
    for (unsigned i = 0; i < PEERS; i++)
        bind_peer(scene, i);
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    link_set_destroy(&scene->connector.set);
    for (unsigned i = 0; i < PEERS; i++)
        link_set_destroy(&peers[i].set);
    return scene_teardown(state);
}

static size_t ups(const struct scene *scene)
{
    return link_set_up_count(scene->connector.set);
}

static size_t targets(const struct scene *scene)
{
    size_t count = 0;
    LIST_FOR_EACH(&scene->connector.set->links, each)
        count++;
    return count;
}

/* ---- tests ---- */

static void test_each_address_is_a_peer(void **state)
{
    struct scene *scene = *state;
    set_names(0, 7);
    connect_by_name(scene);
    TURN_UNTIL(scene, link_set_is_settled(scene->connector.set));
    assert_int_equal(ups(scene), 3);
    TURN_UNTIL_ASKED(scene);
    assert_int_equal(targets(scene), 3);
    assert_int_equal(scene->connector.ups, 3);
}

static void test_peer_is_added(void **state)
{
    struct scene *scene = *state;
    set_names(0, 1);
    connect_by_name(scene);
    TURN_UNTIL(scene, link_set_is_settled(scene->connector.set));
    assert_int_equal(ups(scene), 1);
    set_names(0, 3);
    TURN_UNTIL(scene, ups(scene) == 2);
    assert_int_equal(scene->connector.downs, 0);
}

static void test_not_settled_before_the_first_answer(void **state)
{
    struct scene *scene = *state;
    set_names(EAI_AGAIN, 0);
    connect_by_name(scene);
    TURN_UNTIL_ASKED(scene);
    assert_false(link_set_is_settled(scene->connector.set));
    set_names(EAI_NONAME, 0); /* an answer: but nobody is there */
    TURN_UNTIL_ASKED(scene);
    assert_false(link_set_is_settled(scene->connector.set));
    set_names(0, 2);
    TURN_UNTIL(scene, link_set_is_settled(scene->connector.set));
}

static void test_dns_alone_takes_nobody_away(void **state)
{
    struct scene *scene = *state;
    set_names(0, 3);
    connect_by_name(scene);
    TURN_UNTIL(scene, link_set_is_settled(scene->connector.set));
    set_names(EAI_NONAME, 0);
    TURN_UNTIL_ASKED(scene);
    int64_t until_ms = clock_monotonic_ms() + 2 * SCENE_PEER_TIMEOUT_MS;
    TURN_UNTIL(scene, clock_monotonic_ms() > until_ms);
    assert_int_equal(ups(scene), 2);
    assert_int_equal(scene->connector.downs, 0);
}

/* Stopped, not gone: it does not say BYE, its sockets stay. */
static void stop_peer(unsigned index)
{
    loop_timer_stop(peers[index].set->loop, &peers[index].link->tick);
    list_remove(&peers[index].link->link); /* nobody to say BYE to, either */
}

static void test_silent_and_absent_is_forgotten(void **state)
{
    struct scene *scene = *state;
    set_names(0, 1);
    connect_by_name(scene);
    TURN_UNTIL(scene, link_set_is_settled(scene->connector.set));
    struct link *stopped = peers[0].link;
    stop_peer(0);
    TURN_UNTIL(scene, scene->connector.silences == 1); /* listed: it stays */
    assert_int_equal(ups(scene), 1);
    set_names(EAI_AGAIN, 0); /* no answer is no absence */
    TURN_UNTIL_ASKED(scene);
    assert_int_equal(ups(scene), 1);
    set_names(0, 2);
    TURN_UNTIL(scene, scene->connector.downs == 1);
    assert_int_equal(scene->connector.end, LINK_END_FORGOTTEN);
    TURN_UNTIL(scene, targets(scene) == 1 && ups(scene) == 1);
    list_append(&peers[0].set->links, &stopped->link);
}

static void test_bye_and_absent_is_gone(void **state)
{
    struct scene *scene = *state;
    set_names(0, 3);
    connect_by_name(scene);
    TURN_UNTIL(scene, link_set_is_settled(scene->connector.set));
    scene_leave(scene, &peers[1].set);
    TURN_UNTIL(scene, scene->connector.downs == 1);
    TURN_UNTIL_ASKED(scene);
    assert_int_equal(targets(scene), 2); /* it may come back */
    assert_false(link_set_is_settled(scene->connector.set));
    set_names(0, 1);
    TURN_UNTIL(scene, targets(scene) == 1);
    assert_true(link_set_is_settled(scene->connector.set));
    bind_peer(scene, 1);
    set_names(0, 3);
    TURN_UNTIL(scene, ups(scene) == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_address_is_a_peer),
        TEST(test_peer_is_added),
        TEST(test_not_settled_before_the_first_answer),
        TEST(test_dns_alone_takes_nobody_away),
        TEST(test_silent_and_absent_is_forgotten),
        TEST(test_bye_and_absent_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
