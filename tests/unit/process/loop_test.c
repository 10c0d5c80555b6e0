#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/loop.h"

/* A readable descriptor with a name; what happens is written down in `story`. */
struct actor {
    struct loop_source source;
    struct loop_timer timer;
    struct loop_deferred deferred;
    struct loop_polled polled;
    char name;
    void (*act)(struct actor *actor);
};

static struct loop *loop;
static char story[1024];
static struct actor *other;
static bool work_is_there;

static void tell(char what)
{
    size_t length = strlen(story);
    assert_true(length + 1 < sizeof(story));
    story[length] = what;
    story[length + 1] = '\0';
}

static void happen(struct actor *actor)
{
    tell(actor->name);
    if (actor->act)
        actor->act(actor);
}

static void on_event(struct loop_source *source, uint32_t events)
{
    assert_true(events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP));
    happen(CONTAINER_OF(source, struct actor, source));
}

static void on_due(struct loop_timer *timer)
{
    happen(CONTAINER_OF(timer, struct actor, timer));
}

static void on_deferred(struct loop_deferred *deferred)
{
    happen(CONTAINER_OF(deferred, struct actor, deferred));
}

static bool has_work(struct loop_polled *polled)
{
    (void)polled;
    return work_is_there;
}

static void on_work(struct loop_polled *polled)
{
    happen(CONTAINER_OF(polled, struct actor, polled));
}

static struct actor *actor_new(char name, void (*act)(struct actor *actor))
{
    struct actor *actor = xcalloc(1, sizeof(*actor));
    actor->name = name;
    actor->act = act;
    actor->source.fd = -1;
    loop_timer_init(&actor->timer, on_due);
    loop_deferred_init(&actor->deferred, on_deferred);
    list_init(&actor->polled.link);
    actor->polled.has_work = has_work;
    actor->polled.on_work = on_work;
    return actor;
}

static void make_ready(struct actor *actor)
{
    actor->source.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    actor->source.events = EPOLLIN;
    actor->source.on_event = on_event;
    assert_int_equal(loop_add(loop, &actor->source), 0);
}

static void actor_free(struct actor *actor)
{
    int fd = actor->source.fd;
    loop_remove(loop, &actor->source);
    if (fd >= 0)
        close(fd);
    loop_timer_stop(loop, &actor->timer);
    loop_undefer(&actor->deferred);
    loop_remove_polled(&actor->polled);
    free(actor);
}

static void not_expected(void *context)
{
    (void)context;
    fail_msg("frozen");
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new(0, NULL, NULL);
    story[0] = '\0';
    work_is_there = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_destroy(&loop);
    assert_null(loop);
    loop_destroy(&loop);
    return 0;
}

static void defer_myself(struct actor *actor)
{
    loop_defer(loop, &actor->deferred);
    loop_defer(loop, &actor->deferred);
    actor->act = NULL;
}

static void test_order_of_a_turn(void **state)
{
    (void)state;
    struct actor *source = actor_new('s', defer_myself), *timer = actor_new('t', NULL);
    struct actor *polled = actor_new('p', NULL);
    make_ready(source);
    loop_timer_start(loop, &timer->timer, 0);
    loop_add_polled(loop, &polled->polled);
    work_is_there = true;
    loop_turn(loop, -1);
    assert_string_equal(story, "spts");
    actor_free(source);
    actor_free(timer);
    actor_free(polled);
}

static void free_the_other(struct actor *actor)
{
    (void)actor;
    if (other)
        actor_free(other);
    other = NULL;
}

/* Whichever comes first frees the other, whose event is in the same batch. */
static void test_removed_source_gets_no_event(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct actor *a = actor_new('x', free_the_other), *b = actor_new('x', NULL);
        make_ready(a);
        make_ready(b);
        other = b;
        story[0] = '\0';
        loop_turn(loop, -1);
        loop_turn(loop, 0);
        /* b may have come before a in the first turn, never after. */
        assert_null(other);
        assert_in_range(strlen(story), 2, 3);
        actor_free(a);
    }
}

static struct actor *successor;

static void replace_the_other(struct actor *actor)
{
    (void)actor;
    if (!other)
        return;
    int fd = other->source.fd;
    loop_remove(loop, &other->source);
    successor->source = other->source;
    successor->source.fd = fd; /* the same number, and it is not ready */
    uint64_t count;
    assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
    assert_int_equal(loop_add(loop, &successor->source), 0);
    free(other);
    other = NULL;
}

/* The stale event carries the number of a descriptor that now belongs to somebody else. */
static void test_reused_descriptor_gets_no_stale_event(void **state)
{
    (void)state;
    struct actor *first = actor_new('1', replace_the_other), *last = actor_new('2', NULL);
    successor = actor_new('!', NULL);
    other = last;
    make_ready(first);
    make_ready(last);
    loop_turn(loop, -1);
    loop_turn(loop, 0);
    assert_null(strchr(story, '!'));
    actor_free(first);
    actor_free(successor);
}

static void remove_myself(struct actor *actor)
{
    actor_free(actor);
}

static void test_source_may_free_itself(void **state)
{
    (void)state;
    struct actor *actor = actor_new('a', remove_myself);
    make_ready(actor);
    loop_turn(loop, -1);
    loop_turn(loop, 0);
    assert_string_equal(story, "a");
}

static void test_add_and_modify(void **state)
{
    (void)state;
    struct actor *actor = actor_new('a', NULL), *twin = actor_new('b', NULL);
    make_ready(actor);
    twin->source = actor->source;
    assert_int_equal(loop_add(loop, &twin->source), -EEXIST);
    loop_modify(loop, &actor->source, 0);
    loop_turn(loop, 0);
    assert_string_equal(story, "");
    loop_modify(loop, &actor->source, EPOLLIN);
    loop_modify(loop, &actor->source, EPOLLIN);
    loop_turn(loop, 0);
    assert_string_equal(story, "a");
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    twin->source.fd = file;
    assert_int_equal(loop_add(loop, &twin->source), -EPERM);
    close(file);
    twin->source.fd = -1;
    loop_remove(loop, &twin->source); /* harmless */
    free(twin);
    actor_free(actor);
}

static void hand_over_to_the_other(struct actor *actor)
{
    loop_hand_over(loop, &actor->source, &other->source);
}

static void test_another_takes_over(void **state)
{
    (void)state;
    struct actor *first = actor_new('a', hand_over_to_the_other);
    other = actor_new('b', NULL);
    make_ready(first);
    other->source.on_event = on_event;
    int fd = first->source.fd;
    loop_turn(loop, 0);
    assert_int_equal(first->source.fd, -1);
    assert_int_equal(other->source.fd, fd);
    assert_int_equal(other->source.events, EPOLLIN);
    loop_turn(loop, 0);
    assert_string_equal(story, "ab");
    loop_modify(loop, &other->source, 0);
    loop_turn(loop, 0);
    assert_string_equal(story, "ab");
    actor_free(first);
    actor_free(other);
}

static void test_many_more_sources_than_a_batch(void **state)
{
    (void)state;
    enum { MANY = 400 };
    static struct actor *actors[MANY];
    for (int i = 0; i < MANY; i++) {
        actors[i] = actor_new('.', remove_myself);
        make_ready(actors[i]);
    }
    for (int turn = 0; turn < 2; turn++) {
        size_t before = strlen(story);
        loop_turn(loop, 0);
        assert_true(strlen(story) > before);
        story[0] = '\0';
    }
    loop_turn(loop, 0);
    assert_string_equal(story, "");
}

static void test_timers_in_order(void **state)
{
    (void)state;
    static const int delays[] = {30, 10, 20, 10, 0, 30};
    struct actor *actors[6];
    for (int i = 0; i < 6; i++) {
        actors[i] = actor_new((char)('a' + i), NULL);
        loop_timer_start(loop, &actors[i]->timer, delays[i]);
    }
    loop_timer_stop(loop, &actors[2]->timer);
    assert_false(loop_timer_is_running(&actors[2]->timer));
    assert_true(loop_timer_is_running(&actors[0]->timer));
    int64_t start_ms = loop_now_ms(loop);
    while (strlen(story) < 5)
        loop_turn(loop, -1);
    assert_string_equal(story, "ebdaf");
    assert_true(loop_now_ms(loop) >= start_ms + 30);
    for (int i = 0; i < 6; i++)
        actor_free(actors[i]);
}

static void test_timer_moves(void **state)
{
    (void)state;
    struct actor *a = actor_new('a', NULL), *b = actor_new('b', NULL);
    loop_timer_start(loop, &a->timer, 5);
    loop_timer_start(loop, &b->timer, 10);
    loop_timer_start(loop, &a->timer, 15);
    while (strlen(story) < 2)
        loop_turn(loop, -1);
    assert_string_equal(story, "ba");
    actor_free(a);
    actor_free(b);
}

/* A heap against a plain model. */
static void test_timer_heap_under_random_changes(void **state)
{
    (void)state;
    enum { TIMERS = 200 };
    static struct actor *actors[TIMERS];
    int running = 0;
    srand(7);
    for (int i = 0; i < TIMERS; i++)
        actors[i] = actor_new('.', NULL);
    for (int i = 0; i < 5000; i++) {
        struct loop_timer *timer = &actors[rand() % TIMERS]->timer;
        if (rand() % 3)
            loop_timer_start(loop, timer, -(rand() % 50));
        else
            loop_timer_stop(loop, timer);
    }
    for (int i = 0; i < TIMERS; i++)
        running += loop_timer_is_running(&actors[i]->timer);
    assert_true(running > 0);
    loop_turn(loop, 0);
    assert_int_equal(strlen(story), running);
    for (int i = 0; i < TIMERS; i++) {
        assert_false(loop_timer_is_running(&actors[i]->timer));
        actor_free(actors[i]);
    }
}

static void start_again(struct actor *actor)
{
    loop_timer_start(loop, &actor->timer, 0);
}

static void test_timer_that_restarts_itself_waits_for_the_next_turn(void **state)
{
    (void)state;
    struct actor *actor = actor_new('a', start_again), *late = actor_new('b', NULL);
    loop_timer_start(loop, &actor->timer, 0);
    loop_timer_start(loop, &late->timer, 0);
    loop_turn(loop, -1);
    assert_string_equal(story, "ab");
    loop_turn(loop, -1);
    assert_string_equal(story, "aba");
    actor_free(actor);
    actor_free(late);
}

static void test_timer_may_free_itself_and_another(void **state)
{
    (void)state;
    struct actor *a = actor_new('a', free_the_other), *b = actor_new('b', NULL);
    struct actor *c = actor_new('c', remove_myself);
    other = b;
    loop_timer_start(loop, &a->timer, 0);
    loop_timer_start(loop, &b->timer, 0);
    loop_timer_start(loop, &c->timer, 0);
    loop_turn(loop, -1);
    assert_string_equal(story, "ac");
    actor_free(a);
}

static void defer_for_ever(struct actor *actor)
{
    loop_defer(loop, &actor->deferred);
}

static void test_deferred_rounds_are_bounded(void **state)
{
    (void)state;
    struct actor *actor = actor_new('d', defer_for_ever);
    loop_defer(loop, &actor->deferred);
    loop_turn(loop, -1);
    size_t rounds = strlen(story);
    assert_in_range(rounds, 2, 100);
    loop_turn(loop, -1); /* does not wait: work is left */
    assert_int_equal(strlen(story), 2 * rounds);
    actor_free(actor);
}

static void test_deferred_may_be_taken_back_by_deferred(void **state)
{
    (void)state;
    struct actor *a = actor_new('a', free_the_other), *b = actor_new('b', NULL);
    struct actor *c = actor_new('c', NULL);
    other = b;
    loop_defer(loop, &a->deferred);
    loop_defer(loop, &b->deferred);
    loop_defer(loop, &c->deferred);
    loop_undefer(&c->deferred);
    loop_turn(loop, 0);
    assert_string_equal(story, "a");
    actor_free(a);
    actor_free(c);
}

static void work_done(struct actor *actor)
{
    (void)actor;
    work_is_there = false;
}

static void test_polled_work_keeps_the_loop_awake(void **state)
{
    (void)state;
    struct actor *polled = actor_new('p', work_done);
    loop_add_polled(loop, &polled->polled);
    work_is_there = true;
    loop_turn(loop, -1); /* would wait for ever otherwise */
    assert_string_equal(story, "p");
    loop_turn(loop, 0);
    assert_string_equal(story, "p");
    actor_free(polled);
}

static void test_polled_may_remove_itself_and_the_next(void **state)
{
    (void)state;
    struct actor *a = actor_new('a', free_the_other), *b = actor_new('b', NULL);
    struct actor *c = actor_new('c', remove_myself);
    other = b;
    loop_add_polled(loop, &a->polled);
    loop_add_polled(loop, &b->polled);
    loop_add_polled(loop, &c->polled);
    work_is_there = true;
    loop_turn(loop, 0);
    assert_string_equal(story, "ac");
    loop_turn(loop, 0);
    assert_string_equal(story, "aca");
    actor_free(a);
}

static void stop_after_deferring(struct actor *actor)
{
    loop_stop(loop);
    actor->act = NULL;
    loop_defer(loop, &actor->deferred);
}

static void test_run_until_stop(void **state)
{
    (void)state;
    struct actor *actor = actor_new('s', stop_after_deferring);
    loop_timer_start(loop, &actor->timer, 1);
    loop_run(loop);
    assert_string_equal(story, "ss"); /* what was deferred in the last turn still leaves */
    loop_run(loop);                   /* stopped is stopped */
    actor_free(actor);
}

static void nothing(int number)
{
    (void)number;
}

static void test_interrupted_wait(void **state)
{
    (void)state;
    const struct sigaction action = {.sa_handler = nothing};
    struct actor *actor = actor_new('t', NULL);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    loop_timer_start(loop, &actor->timer, 60000);
    int64_t before_ms = clock_monotonic_ms();
    ualarm(1000, 1000);
    loop_turn(loop, -1);
    ualarm(0, 0);
    assert_string_equal(story, "");
    assert_true(clock_monotonic_ms() - before_ms < 60000);
    actor_free(actor);
}

static void test_destroy_forgets_what_is_registered(void **state)
{
    (void)state;
    struct actor *actor = actor_new('a', NULL);
    make_ready(actor);
    int fd = actor->source.fd;
    loop_timer_start(loop, &actor->timer, 0);
    loop_defer(loop, &actor->deferred);
    loop_add_polled(loop, &actor->polled);
    loop_destroy(&loop);
    assert_int_equal(actor->source.fd, -1);
    assert_false(loop_timer_is_running(&actor->timer));
    assert_false(list_is_linked(&actor->deferred.link));
    assert_false(list_is_linked(&actor->polled.link));
    close(fd);
    free(actor);
}

/* Two waits of half the limit and more pass without an alarm. */
static void test_a_long_wait_is_not_frozen(void **state)
{
    (void)state;
    struct loop *careful = loop_new(2000, not_expected, NULL);
    struct actor *actor = actor_new('t', NULL);
    loop_timer_start(careful, &actor->timer, 2500);
    while (!*story)
        loop_turn(careful, -1);
    free(actor);
    loop_destroy(&careful);
}

static int report_fd;

static void report(char what)
{
    if (write(report_fd, &what, 1) != 1)
        _exit(1);
}

static void report_frozen(void *context)
{
    (void)context;
    report('f');
}

static void report_and_stop_loop(struct actor *actor)
{
    report(actor->name);
    loop_stop(loop);
}

static void be_stopped(struct actor *actor)
{
    (void)actor;
    report('b');
    raise(SIGSTOP);
    report('a');
}

/* In the child: two ready sources, of which the first stops the process; then the rest. */
static void child_frozen_in_a_callback(void)
{
    loop = loop_new(200, report_frozen, NULL);
    struct actor *first = actor_new('1', be_stopped),
                 *second = actor_new('2', report_and_stop_loop);
    make_ready(first);
    make_ready(second);
    loop_run(loop);
    _exit(0);
}

static void report_that_it_runs(struct actor *actor)
{
    report(actor->name);
    loop_timer_start(loop, &other->timer, 150);
}

/* In the child: a timer that is due while the process is stopped in the wait. */
static void child_frozen_in_the_wait(void)
{
    loop = loop_new(200, report_frozen, NULL);
    struct actor *first = actor_new('r', report_that_it_runs);
    other = actor_new('t', report_and_stop_loop);
    loop_timer_start(loop, &first->timer, 0);
    loop_run(loop);
    _exit(0);
}

static void stand_still(pid_t child, int64_t duration_ms)
{
    int status;
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    int64_t end_ms = clock_boottime_ms() + duration_ms;
    while (clock_boottime_ms() < end_ms)
        usleep(1000);
    kill(child, SIGCONT);
}

static void run_frozen(void (*run_child)(void), bool stop_it, const char *expected)
{
    int fds[2], status;
    char said[16] = "";
    size_t length = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        report_fd = fds[1];
        run_child();
    }
    close(fds[1]);
    if (stop_it) {
        assert_int_equal(read(fds[0], said, 1), 1);
        length = 1;
        kill(child, SIGSTOP);
    }
    stand_still(child, 400);
    ssize_t got;
    while ((got = read(fds[0], said + length, sizeof(said) - 1 - length)) > 0)
        length += (size_t)got;
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(said, expected);
}

/* before, after the stop; frozen; only then the next callback. */
static void test_frozen_in_a_callback(void **state)
{
    (void)state;
    run_frozen(child_frozen_in_a_callback, false, "baf2");
}

static void test_frozen_in_the_wait(void **state)
{
    (void)state;
    run_frozen(child_frozen_in_the_wait, true, "rft");
}

#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_order_of_a_turn),
        LOOP_TEST(test_removed_source_gets_no_event),
        LOOP_TEST(test_reused_descriptor_gets_no_stale_event),
        LOOP_TEST(test_source_may_free_itself),
        LOOP_TEST(test_add_and_modify),
        LOOP_TEST(test_another_takes_over),
        LOOP_TEST(test_many_more_sources_than_a_batch),
        LOOP_TEST(test_timers_in_order),
        LOOP_TEST(test_timer_moves),
        LOOP_TEST(test_timer_heap_under_random_changes),
        LOOP_TEST(test_timer_that_restarts_itself_waits_for_the_next_turn),
        LOOP_TEST(test_timer_may_free_itself_and_another),
        LOOP_TEST(test_deferred_rounds_are_bounded),
        LOOP_TEST(test_deferred_may_be_taken_back_by_deferred),
        LOOP_TEST(test_polled_work_keeps_the_loop_awake),
        LOOP_TEST(test_polled_may_remove_itself_and_the_next),
        LOOP_TEST(test_run_until_stop),
        LOOP_TEST(test_interrupted_wait),
        LOOP_TEST(test_destroy_forgets_what_is_registered),
        LOOP_TEST(test_a_long_wait_is_not_frozen),
        LOOP_TEST(test_frozen_in_a_callback),
        LOOP_TEST(test_frozen_in_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
