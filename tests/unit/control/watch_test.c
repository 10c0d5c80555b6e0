#include "control/watch.h"

#include <stdlib.h>

#include "tests/unit/control/fake_link.h"
#include "tests/unit/unit.h"

#define ROOM span_text("room")

static struct channel_map map;
static struct edge_set edges;
static struct watch_set set;
static struct link first_link, second_link;
static size_t begun, published;

static void on_begun(struct follower *follower)
{
    (void)follower;
    begun++;
}

static void on_published(struct follower *follower, const struct message_watched *message)
{
    (void)follower;
    (void)message;
    published++;
}

static void leave_when_begun(struct follower *follower)
{
    begun++;
    watch_unfollow(&set, follower);
}

static struct follower a, b;

static int set_up(void **state)
{
    (void)state;
    begun = published = 0;
    a = b = (struct follower){.on_begun = on_begun, .on_published = on_published};
    channel_map_init(&map);
    edge_set_init(&edges, &map, 5000);
    watch_set_init(&set, &edges);
    fake_link_init(&first_link);
    fake_link_init(&second_link);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    watch_unfollow(&set, &a);
    watch_unfollow(&set, &b);
    watch_set_fini(&set);
    edge_set_fini(&edges);
    channel_map_fini(&map);
    fake_link_fini(&first_link);
    fake_link_fini(&second_link);
    return 0;
}

static struct edge *linked(const char *id, struct link *link)
{
    struct edge *edge = edge_set_get(&edges, span_text(id));
    edge_linked(edge, link);
    watch_edge_came(&set, edge);
    return edge;
}

static void unlinked(struct edge *edge)
{
    edge_unlinked(&edges, edge, 0);
    watch_edge_left(&set, edge);
}

/* "+room -room " of what was put into the link since the last call. */
static const char *told(struct link *link)
{
    static struct buffer text;
    struct wire_decoder decoder;
    struct wire_message message;
    struct span rest = buffer_span(&link->packet);

    buffer_clear(&text);
    wire_decoder_init(&decoder);
    wire_decoder_reset(&decoder);
    while (rest.length > 0) {
        assert_int_equal(wire_decode_next(&decoder, &rest, &message), 0);
        assert_int_equal(message.id, MESSAGE_WATCH);
        buffer_append_format(&text, "%c%.*s ", message.as.watch.is_on ? '+' : '-',
                             SPAN_ARGS(message.as.watch.channel));
    }
    wire_decoder_fini(&decoder);
    buffer_clear(&link->packet);
    buffer_append_byte(&text, '\0');
    return text.data;
}

static void say(struct edge *edge, const char *channel)
{
    const struct message_watched message = {.channel = span_text(channel)};
    watch_published(&set, edge, &message);
}

static void one_watch_for_all_who_follow(void **state)
{
    struct edge *edge = linked("edge-00001", &first_link);

    (void)state;
    watch_follow(&set, ROOM, &a);
    assert_string_equal(told(&first_link), "+room ");
    say(edge, "room"); /* not yet */
    assert_int_equal(begun + published, 0);
    watch_begun(&set, edge, ROOM);
    watch_begun(&set, edge, ROOM);
    assert_int_equal(begun, 1);
    watch_follow(&set, ROOM, &b);
    assert_string_equal(told(&first_link), "");
    assert_int_equal(begun, 2);
    say(edge, "room");
    say(edge, "elsewhere");
    assert_int_equal(published, 2);
    watch_unfollow(&set, &a);
    say(edge, "room");
    assert_int_equal(published, 3);
    assert_string_equal(told(&first_link), "");
    watch_unfollow(&set, &b);
    assert_string_equal(told(&first_link), "-room ");
    assert_int_equal(set.follower_count, 0);
    say(edge, "room");
    assert_int_equal(published, 3);
}

static void another_edge_takes_over(void **state)
{
    struct edge *first = linked("edge-00001", &first_link);

    (void)state;
    watch_follow(&set, ROOM, &a);
    watch_begun(&set, first, ROOM);
    struct edge *second = linked("edge-00002", &second_link);
    assert_string_equal(told(&second_link), "");
    unlinked(first);
    assert_string_equal(told(&second_link), "+room ");
    watch_begun(&set, first, ROOM); /* an old word */
    say(first, "room");
    say(second, "room");
    assert_int_equal(begun, 1);
    assert_int_equal(published, 0);
    watch_begun(&set, second, ROOM);
    say(second, "room");
    assert_int_equal(begun, 2);
    assert_int_equal(published, 1);
    /* One that is dead to all, but talks. */
    edge_bury(&edges, second, 0);
    watch_edge_left(&set, second);
    assert_string_equal(told(&second_link), "-room ");
    say(second, "room");
    assert_int_equal(published, 1);
    buffer_clear(&first_link.packet);
    edge_linked(first, &first_link);
    watch_edge_came(&set, first);
    assert_string_equal(told(&first_link), "+room ");
}

static void who_waits_for_an_edge_gets_the_first(void **state)
{
    (void)state;
    watch_follow(&set, ROOM, &a);
    watch_follow(&set, span_text("lobby"), &b);
    struct edge *edge = linked("edge-00001", &first_link);
    assert_int_equal(strlen(told(&first_link)), strlen("+room +lobby "));
    watch_begun(&set, edge, span_text("lobby"));
    assert_int_equal(begun, 1);
}

static void an_edge_with_a_member_is_preferred(void **state)
{
    struct edge *first = linked("edge-00001", &first_link);
    struct edge *second = linked("edge-00002", &second_link);

    (void)state;
    edge_join(&edges, first, ROOM);
    edge_join(&edges, second, span_text("lobby"));
    watch_follow(&set, ROOM, &a);
    watch_follow(&set, span_text("lobby"), &b);
    assert_string_equal(told(&first_link), "+room ");
    assert_string_equal(told(&second_link), "+lobby ");
}

static void who_leaves_when_called_takes_the_watch_along(void **state)
{
    struct edge *edge = linked("edge-00001", &first_link);

    (void)state;
    a.on_begun = b.on_begun = leave_when_begun;
    watch_follow(&set, ROOM, &a);
    watch_follow(&set, ROOM, &b);
    watch_begun(&set, edge, ROOM);
    assert_int_equal(begun, 2);
    assert_int_equal(set.by_channel.count, 0);
    assert_string_equal(told(&first_link), "+room -room ");
    watch_unfollow(&set, &a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_watch_for_all_who_follow),
        TEST(another_edge_takes_over),
        TEST(who_waits_for_an_edge_gets_the_first),
        TEST(an_edge_with_a_member_is_preferred),
        TEST(who_leaves_when_called_takes_the_watch_along),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
