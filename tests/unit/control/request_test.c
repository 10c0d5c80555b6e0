#include "control/request.h"
#include "tests/unit/control/fake_link.h"
#include "tests/unit/unit.h"

/* Two edges, and a connection on each. */
#define EDGE_A "edge-0000a"
#define EDGE_B "edge-0000b"
#define ON_A   EDGE_A "0123456789abcdef"
#define ON_B   EDGE_B "0123456789abcdef"

static struct loop *loop;
static struct channel_map map;
static struct edge_set edges;
static struct request_set set;
static struct link link_a, link_b;
static struct edge *edge_a, *edge_b;
static size_t finished, missed;
static size_t poll_begins, poll_ends;

static struct edge *add_edge(const char *id, struct link *link)
{
    struct edge *edge = edge_set_get(&edges, span_text(id));
    fake_link_init(link);
    edge_set_on_roll(&edges, edge, true);
    edge_linked(edge, link);
    edge_announced(&edges, edge);
    return edge;
}

static int set_up(void **state)
{
    (void)state;
    finished = missed = poll_begins = poll_ends = 0;
    loop = loop_new(0, NULL, NULL);
    channel_map_init(&map);
    edge_set_init(&edges, &map, 5000);
    request_set_init(&set, loop, &edges, &map);
    edge_a = add_edge(EDGE_A, &link_a);
    edge_b = add_edge(EDGE_B, &link_b);
    request_set_warm(&set);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_set_fini(&edges);
    request_set_fini(&set);
    channel_map_fini(&map);
    fake_link_fini(&link_a);
    fake_link_fini(&link_b);
    loop_destroy(&loop);
    return 0;
}

static void on_finished(void *context, const struct request *request)
{
    (void)context;
    finished++;
    missed = request->missed;
}

static void on_polling(void *context, bool is_polling)
{
    (void)context;
    *(is_polling ? &poll_begins : &poll_ends) += 1;
}

static struct request *make(const char *events)
{
    const struct command_limits limits = COMMAND_LIMITS_DEFAULT;
    struct command_list list;
    struct contract_error error;
    struct buffer text = {0};

    buffer_append_format(&text, "{\"events\":[%s]}", events);
    size_t length = text.length;
    char *body = buffer_take(&text);
    assert_int_equal(
        command_list_parse(span_of(body, length), COMMAND_IN_CONTROL, &limits, &list, &error), 0);
    struct request *request = request_new_rest(&set, &list, &body, length, span_text("an origin"));
    assert_null(body);
    request->on_finished = on_finished;
    request->on_polling = on_polling;
    return request;
}

static void run(const char *events)
{
    request_begin(make(events));
}

#define TEXT_TO(id)   "{\"type\":\"TEXT\",\"connectionId\":\"" id "\",\"data\":\"hi\"}"
#define SUBSCRIBE(id) "{\"type\":\"SUBSCRIBE\",\"connectionId\":\"" id "\",\"channel\":\"room\"}"
#define PUBLISH       "{\"type\":\"PUBLISH_TEXT\",\"channelId\":\"room\",\"data\":\"all\"}"
#define POLL(id, timeout) \
    "{\"type\":\"POLL_FOR_CONNECTION\",\"connectionId\":\"" id "\",\"timeout\":" #timeout "}"

static size_t sent(struct link *link, struct fake_link_command *ret_last)
{
    static struct fake_link_command commands[FAKE_LINK_COMMANDS];
    size_t count = fake_link_take(link, commands);
    *ret_last = count > 0 ? commands[count - 1] : (struct fake_link_command){.number = 0};
    return count;
}

static void nothing_to_do_is_done(void **state)
{
    (void)state;
    run("");
    assert_int_equal(finished, 1);
    assert_int_equal(set.count, 0);
    assert_int_equal(set.rest_bytes, 0);
}

static void a_command_goes_to_the_edge_in_its_id(void **state)
{
    struct fake_link_command last;
    (void)state;

    run(TEXT_TO(ON_B));
    assert_int_equal(sent(&link_a, &last), 0);
    assert_int_equal(sent(&link_b, &last), 1);
    assert_int_equal(last.type, COMMAND_TEXT);
    assert_true(span_is(last.target, ON_B));
    assert_true(span_is(last.data, "hi"));
    assert_true(span_is(last.origin, "an origin"));
    assert_int_equal(finished, 0);
    assert_true(set.rest_bytes > 0);
    edge_receipt(&edges, edge_b, 1, 1);
    assert_int_equal(finished, 1);
    assert_int_equal(missed, 0);
    assert_int_equal(set.rest_bytes, 0);
}

static void all_receipts_are_needed_in_any_order(void **state)
{
    (void)state;
    run(TEXT_TO(ON_A) "," TEXT_TO(ON_B) "," TEXT_TO(ON_A));
    edge_receipt(&edges, edge_a, 2, 2);
    edge_receipt(&edges, edge_b, 1, 1);
    assert_int_equal(finished, 0);
    edge_receipt(&edges, edge_a, 1, 1);
    assert_int_equal(finished, 1);
}

static void a_publish_reaches_the_members_edges_once_each(void **state)
{
    struct fake_link_command last;
    (void)state;

    run(PUBLISH);
    assert_int_equal(finished, 1); /* nobody is a member anywhere */
    run(SUBSCRIBE(ON_A) "," PUBLISH);
    assert_int_equal(sent(&link_a, &last), 2);
    assert_int_equal(last.type, COMMAND_PUBLISH_TEXT);
    assert_true(span_is(last.target, "room"));
    assert_int_equal(sent(&link_b, &last), 0);
    edge_join(&edges, edge_b, span_text("room"));
    run(PUBLISH);
    assert_int_equal(sent(&link_a, &last), 1);
    assert_int_equal(sent(&link_b, &last), 1);
}

static void what_cannot_be_there_is_missed_and_no_error(void **state)
{
    (void)state;
    run(TEXT_TO("nobody"));
    assert_int_equal(finished, 1);
    assert_int_equal(missed, 1);
    edge_bury(&edges, edge_a, 0);
    run(TEXT_TO(ON_A));
    assert_int_equal(finished, 2);
    assert_int_equal(missed, 1);
}

static void the_death_of_an_edge_counts_as_its_receipt(void **state)
{
    (void)state;
    edge_join(&edges, edge_b, span_text("room"));
    run(TEXT_TO(ON_A) "," PUBLISH);
    edge_bury(&edges, edge_a, 0);
    assert_int_equal(finished, 0);
    edge_bury(&edges, edge_b, 0);
    assert_int_equal(finished, 1);
    assert_int_equal(missed, 1); /* the message to the connection, not the publish */
}

static void a_poll_holds_back_what_follows(void **state)
{
    struct fake_link_command last;
    (void)state;

    run(TEXT_TO(ON_A) "," POLL(ON_A, 1000) "," TEXT_TO(ON_B));
    assert_int_equal(sent(&link_a, &last), 2);
    assert_int_equal(sent(&link_b, &last), 0);
    assert_int_equal(poll_begins, 1);
    edge_receipt(&edges, edge_a, 1, 2);
    assert_int_equal(finished, 0);
    edge_polled(edge_a, 2);
    assert_int_equal(poll_ends, 1);
    assert_int_equal(sent(&link_b, &last), 1);
    edge_receipt(&edges, edge_b, 1, 1);
    assert_int_equal(finished, 1);
}

static void a_poll_has_a_longest_time(void **state)
{
    struct fake_link_command last;
    (void)state;

    run(POLL(ON_A, 1) "," TEXT_TO(ON_B));
    edge_receipt(&edges, edge_a, 1, 1);
    while (poll_ends == 0)
        loop_turn(loop, 100);
    assert_int_equal(sent(&link_b, &last), 1);
}

static void a_poll_without_time_or_edge_does_not_wait(void **state)
{
    (void)state;
    run(POLL(ON_A, 0));
    assert_int_equal(finished, 1);
    run(POLL("nobody", 1000));
    assert_int_equal(finished, 2);
    assert_int_equal(poll_begins, 0);
}

static void begin_session_again(void)
{
    edge_unlinked(&edges, edge_a, 0);
    edge_linked(edge_a, &link_a);
}

static void a_poll_asked_again_still_ends(void **state)
{
    struct fake_link_command last;
    (void)state;

    run(POLL(ON_A, 10000));
    edge_receipt(&edges, edge_a, 1, 1);
    begin_session_again();
    assert_int_equal(sent(&link_a, &last), 2);
    assert_int_equal(last.number, 2); /* a new number: the edge would pass over the old one */
    edge_receipt(&edges, edge_a, 2, 2);
    assert_int_equal(finished, 0);
    edge_polled(edge_a, 2);
    assert_int_equal(finished, 1);
    assert_int_equal(set.count, 0);
    assert_int_equal(set.rest_bytes, 0);
}

/* Whatever an outbox still points to is not freed: each number is waited for. */
static void what_follows_a_poll_asked_again_is_waited_for(void **state)
{
    struct fake_link_command last;
    (void)state;

    run(POLL(ON_A, 10000) "," TEXT_TO(ON_A));
    edge_receipt(&edges, edge_a, 1, 1);
    begin_session_again();
    edge_polled(edge_a, 2);
    assert_int_equal(sent(&link_a, &last), 3);
    assert_int_equal(last.type, COMMAND_TEXT);
    edge_receipt(&edges, edge_a, 2, 2);
    assert_int_equal(finished, 0);
    edge_receipt(&edges, edge_a, 3, 3);
    assert_int_equal(finished, 1);
    assert_int_equal(set.count, 0);
}

static void a_poll_asked_again_ends_with_its_edge(void **state)
{
    (void)state;
    run(POLL(ON_A, 10000));
    edge_receipt(&edges, edge_a, 1, 1);
    begin_session_again();
    edge_bury(&edges, edge_a, 0);
    assert_int_equal(finished, 1);
    assert_int_equal(set.count, 0);
}

/* The edge has applied number 1, which we do not know: the question under number 2 is answered. */
static void a_poll_that_lost_receipt_and_answer_ends(void **state)
{
    struct fake_link_command last;
    (void)state;

    run(POLL(ON_A, 10000));
    begin_session_again();
    assert_int_equal(sent(&link_a, &last), 3); /* number 1 in both sessions */
    edge_receipt(&edges, edge_a, 1, 1);
    assert_int_equal(finished, 0);
    edge_receipt(&edges, edge_a, 2, 2);
    edge_polled(edge_a, 2);
    assert_int_equal(finished, 1);
    assert_int_equal(set.count, 0);
}

static void a_cold_control_waits(void **state)
{
    struct fake_link_command last;
    (void)state;

    set.is_warm = false;
    run(TEXT_TO(ON_A));
    run(TEXT_TO(ON_A) "," TEXT_TO(ON_A));
    assert_int_equal(sent(&link_a, &last), 0);
    request_set_warm(&set);
    assert_int_equal(sent(&link_a, &last), 3);
    edge_receipt(&edges, edge_a, 1, 1);
    assert_int_equal(finished, 1);
}

static void an_abandoned_request_goes_on_in_silence(void **state)
{
    struct fake_link_command last;
    (void)state;

    struct request *request = make(POLL(ON_A, 1000) "," TEXT_TO(ON_B));
    request_begin(request);
    request_abandon(request);
    edge_receipt(&edges, edge_a, 1, 1);
    edge_polled(edge_a, 1);
    assert_int_equal(sent(&link_b, &last), 1);
    assert_int_equal(set.count, 1);
    edge_receipt(&edges, edge_b, 1, 1);
    assert_int_equal(finished, 0);
    assert_int_equal(set.count, 0);
}

static void a_full_link_refuses_whom_it_concerns(void **state)
{
    (void)state;
    edge_join(&edges, edge_a, span_text("room"));
    link_a.is_full = true;
    struct request *to_a = make(TEXT_TO(ON_B) "," TEXT_TO(ON_A));
    struct request *to_b = make(TEXT_TO(ON_B) "," TEXT_TO("nobody"));
    struct request *to_room = make(PUBLISH);
    assert_false(request_is_admissible(to_a));
    assert_true(request_is_admissible(to_b));
    assert_false(request_is_admissible(to_room));
    request_destroy(&to_a);
    request_destroy(&to_b);
    request_destroy(&to_room);
    assert_int_equal(set.count, 0);
    assert_int_equal(set.rest_bytes, 0);
}

static void what_a_worker_says_is_copied(void **state)
{
    struct fake_link_command last;
    char id[] = ON_A, data[] = "text", origin[] = "a connection";
    struct record_header header = {.name = span_text(id), .value = span_text(data)};
    struct record_command_body body = {.type = COMMAND_TEXT,
                                       .target = span_text(id),
                                       .data = span_text(data),
                                       .headers = {&header, 1}};
    struct message_commands message = {
        .origin = span_text(origin), .origin_first = 7, .commands = {&body, 1}};
    (void)state;

    struct request *request = request_new_commands(&set, &message);
    memset(id, 'x', sizeof id);
    memset(data, 'x', sizeof data);
    memset(origin, 'x', sizeof origin);
    request->on_finished = on_finished;
    assert_int_equal(set.rest_bytes, 0);
    request_begin(request);
    assert_int_equal(sent(&link_a, &last), 1);
    assert_true(span_is(last.target, ON_A));
    assert_true(span_is(last.data, "text"));
    assert_true(span_is(last.origin, "a connection"));
    edge_receipt(&edges, edge_a, 1, 1);
    assert_int_equal(finished, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(nothing_to_do_is_done),
        TEST(a_command_goes_to_the_edge_in_its_id),
        TEST(all_receipts_are_needed_in_any_order),
        TEST(a_publish_reaches_the_members_edges_once_each),
        TEST(what_cannot_be_there_is_missed_and_no_error),
        TEST(the_death_of_an_edge_counts_as_its_receipt),
        TEST(a_poll_holds_back_what_follows),
        TEST(a_poll_has_a_longest_time),
        TEST(a_poll_without_time_or_edge_does_not_wait),
        TEST(a_poll_asked_again_still_ends),
        TEST(what_follows_a_poll_asked_again_is_waited_for),
        TEST(a_poll_asked_again_ends_with_its_edge),
        TEST(a_poll_that_lost_receipt_and_answer_ends),
        TEST(a_cold_control_waits),
        TEST(an_abandoned_request_goes_on_in_silence),
        TEST(a_full_link_refuses_whom_it_concerns),
        TEST(what_a_worker_says_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
