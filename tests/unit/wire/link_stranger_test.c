/* A binder among strangers: garbage by TCP and by ZeroMQ, newer versions, lies about sessions and
 * numbers. A good peer is linked all the time, and must not notice. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/random.h"
#include "tests/unit/wire/link_scene.h"

/* ---- a stranger with a DEALER, who builds packets by hand ---- */

struct stranger {
    void *context;
    void *zmq;
    uint64_t session;      /* its own */
    uint64_t peer_session; /* from the WELCOME */
    uint64_t received;
};

static void stranger_open(struct stranger *stranger, const struct scene *scene, const char *name)
{
    char endpoint[64], routing_id[64];
    int linger = 0;
    *stranger = (struct stranger){.context = zmq_ctx_new(), .session = random_nonzero_u64()};
    stranger->zmq = zmq_socket(stranger->context, ZMQ_DEALER);
    snprintf(routing_id, sizeof routing_id, "raw-%s", name);
    zmq_setsockopt(stranger->zmq, ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
    zmq_setsockopt(stranger->zmq, ZMQ_LINGER, &linger, sizeof linger);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", scene->port);
    assert_int_equal(zmq_connect(stranger->zmq, endpoint), 0);
}

static void stranger_close(struct stranger *stranger)
{
    zmq_close(stranger->zmq);
    zmq_ctx_term(stranger->context);
}

static void send_bytes(struct stranger *stranger, struct span bytes)
{
    assert_int_equal(zmq_send(stranger->zmq, bytes.data, bytes.length, ZMQ_DONTWAIT), bytes.length);
}

static void send_packet(struct stranger *stranger, uint64_t number, struct span messages)
{
    struct buffer frame = {0};
    packet_header_put(&frame, &(struct packet_header){
                                  .version = WIRE_VERSION,
                                  .from = stranger->session,
                                  .to = stranger->peer_session,
                                  .number = number,
                                  .sent = number,
                                  .received = stranger->received,
                              });
    buffer_append_span(&frame, messages);
    send_bytes(stranger, buffer_span(&frame));
    buffer_fini(&frame);
}

static void send_message(struct stranger *stranger, uint64_t number,
                         const struct wire_message *message)
{
    struct buffer body = {0};
    wire_put_message(&body, message);
    send_packet(stranger, number, buffer_span(&body));
    buffer_fini(&body);
}

static void send_metadata(struct stranger *stranger, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%ju", (uintmax_t)number);
    send_message(
        stranger, number,
        &(struct wire_message){.id = MESSAGE_METADATA, .as.metadata.connection = span_text(text)});
}

struct answer {
    struct packet_header header;
    enum message_id id; /* 0: none in it */
    uint64_t number;    /* RESEND's, REFUSED's code */
};

static struct answer parse_answer(struct span rest)
{
    struct answer answer = {0};
    struct wire_decoder decoder = {0};
    struct wire_message message = {0};
    assert_int_equal(packet_header_take(&rest, &answer.header), 0);
    if (rest.length > 0)
        assert_int_equal(wire_decode_next(&decoder, &rest, &message), 0);
    answer.id = message.id;
    if (message.id == MESSAGE_RESEND)
        answer.number = message.as.resend.from;
    if (message.id == MESSAGE_REFUSED)
        answer.number = message.as.refused.code;
    wire_decoder_fini(&decoder);
    return answer;
}

/* True when a packet with this message (0: a heartbeat) is among those that have come. */
static bool take_answer(struct stranger *stranger, enum message_id id, struct answer *ret_answer)
{
    char bytes[4096];
    int length;
    while ((length = zmq_recv(stranger->zmq, bytes, sizeof bytes, ZMQ_DONTWAIT)) >= 0) {
        *ret_answer = parse_answer(span_of(bytes, (size_t)length));
        if (ret_answer->id == id)
            return true;
    }
    return false;
}

static struct answer expect(struct scene *scene, struct stranger *stranger, enum message_id id)
{
    struct answer answer;
    TURN_UNTIL(scene, take_answer(stranger, id, &answer));
    return answer;
}

static void hello(struct stranger *stranger, const char *role, const char *name)
{
    send_message(stranger, 0,
                 &(struct wire_message){
                     .id = MESSAGE_HELLO,
                     .as.hello = {.role = span_text(role),
                                  .stack = span_text("stack"),
                                  .name = span_text(name),
                                  .version = span_text("0"),
                                  .incarnation = stranger->session},
                 });
}

static void stranger_greet(struct scene *scene, struct stranger *stranger, const char *name)
{
    hello(stranger, "edge", name);
    stranger->peer_session = expect(scene, stranger, MESSAGE_WELCOME).header.from;
    assert_true(stranger->peer_session != 0);
}

/* ---- the good peer ---- */

static struct side good;

static int setup(void **state)
{
    scene_setup(state);
    struct scene *scene = *state;
    good = (struct side){0};
    scene_bind(scene);
    struct link_options options = side_options(&good, "edge", "good");
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", scene->port);
    assert_int_equal(link_set_connect(scene->loop, &options, address, "router", &good.set), 0);
    TURN_UNTIL(scene, good.link);
    return 0;
}

/* It has noticed nothing, and is served. */
static int teardown(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < 10; i++) {
        uint64_t before = scene->binder.heard;
        scene->binder.heard = good.said;
        side_say(&good, 1, 10);
        uint64_t expected = good.said;
        TURN_UNTIL(scene, scene->binder.heard == expected);
        scene->binder.heard = before;
    }
    assert_int_equal(good.ups, 1);
    assert_int_equal(good.downs, 0);
    link_set_destroy(&good.set);
    return scene_teardown(state);
}

static const struct link_counters *counters(const struct scene *scene)
{
    return link_set_counters(scene->binder.set);
}

/* ---- tests ---- */

static int tcp_connect(const struct scene *scene)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)scene->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void test_garbage_by_tcp(void **state)
{
    struct scene *scene = *state;
    char noise[20000];
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for (int i = 0; i < 20; i++) {
        int fd = tcp_connect(scene);
        random_bytes(noise, sizeof noise);
        (void)!send(fd, i % 2 ? noise : request, i % 2 ? sizeof noise : sizeof request - 1,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
        loop_turn(scene->loop, 1);
        close(fd);
    }
    for (int i = 0; i < 10; i++)
        loop_turn(scene->loop, 10);
    assert_int_equal(scene->binder.ups, 1);
}

static void test_garbage_by_zeromq(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "garbage");
    static const char *const frames[] = {"",
                                         "hello",
                                         "\xc0",
                                         "\x96\x01\x02\x03\x04\x05",
                                         "\x96\x01\x01\x00\x01\x01\xff",
                                         "\x90",
                                         "\xdd\xff\xff\xff\xff",
                                         "\x96\xff\x02\x03\x04\x05\x06"};
    uint64_t before = counters(scene)->malformed;
    for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
        send_bytes(&stranger, span_text(frames[i]));
    TURN_UNTIL(scene, counters(scene)->malformed == before + ARRAY_LENGTH(frames));

    before = counters(scene)->malformed;
    for (int i = 0; i < 500; i++) {
        char noise[200];
        random_bytes(noise, sizeof noise);
        noise[0] = (char)0xc1; /* so that each is malformed, and counted */
        send_bytes(&stranger, span_of(noise, (size_t)random_below(sizeof noise - 1) + 1));
    }
    TURN_UNTIL(scene, counters(scene)->malformed == before + 500);
    stranger_close(&stranger);
}

static void test_several_parts(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "parts");
    uint64_t before = counters(scene)->malformed;
    for (int parts = 2; parts < 6; parts++)
        for (int part = 0; part < parts; part++)
            zmq_send(stranger.zmq, "x", 1, part + 1 < parts ? ZMQ_SNDMORE : 0);
    TURN_UNTIL(scene, counters(scene)->malformed == before + 4);
    stranger_greet(scene, &stranger, "parts"); /* and the frames after are understood */
    stranger_close(&stranger);
}

static void test_newer_version(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "newer");
    send_bytes(&stranger, span_of("\x93\x02\xa3new\x01", 7));
    TURN_UNTIL(scene, counters(scene)->newer == 1);
    assert_int_equal(scene->binder.ups, 1);
    stranger_close(&stranger);
}

static void test_unknown_session_gets_resync(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "resync");
    stranger.peer_session = 4711;
    send_metadata(&stranger, 5);
    struct answer answer = expect(scene, &stranger, MESSAGE_RESYNC);
    assert_int_equal(answer.header.to, stranger.session);
    send_packet(&stranger, 0, (struct span){0}); /* a heartbeat too */
    expect(scene, &stranger, MESSAGE_RESYNC);
    assert_int_equal(counters(scene)->resyncs, 2);

    /* No session of its own: nothing to answer. BYE and RESYNC: nothing is lost. */
    uint64_t session = stranger.session, malformed = counters(scene)->malformed;
    stranger.session = 0;
    send_packet(&stranger, 0, (struct span){0});
    TURN_UNTIL(scene, counters(scene)->malformed == malformed + 1);
    stranger.session = session;
    send_message(&stranger, 0, &(struct wire_message){.id = MESSAGE_BYE});
    send_message(&stranger, 0, &(struct wire_message){.id = MESSAGE_RESYNC});
    stranger_greet(scene, &stranger, "resync");
    assert_int_equal(counters(scene)->resyncs, 2);
    stranger_close(&stranger);
}

static void assert_refused(struct scene *scene, struct stranger *stranger, const char *role,
                           const char *name, enum link_refusal code)
{
    hello(stranger, role, name);
    struct answer answer = expect(scene, stranger, MESSAGE_REFUSED);
    assert_int_equal(answer.number, code);
    assert_int_equal(answer.header.to, stranger->session);
    assert_int_equal(scene->binder.ups, 1);
}

static void test_bad_names(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "names");
    assert_refused(scene, &stranger, "edge", "", LINK_REFUSED_NAME);
    assert_refused(scene, &stranger, "edge", "a b", LINK_REFUSED_NAME);
    assert_refused(scene, &stranger, "edge", "line\n", LINK_REFUSED_NAME);
    assert_refused(scene, &stranger, "edge", "\xc3\xa4", LINK_REFUSED_NAME);
    assert_refused(scene, &stranger, "", "name", LINK_REFUSED_ROLE);
    assert_refused(scene, &stranger, "router", "name", LINK_REFUSED_ROLE);
    uint64_t malformed = counters(scene)->malformed;
    char name[WIRE_NAME_BYTES + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    hello(&stranger, "edge", name);
    TURN_UNTIL(scene, counters(scene)->malformed == malformed + 1);
    name[WIRE_NAME_BYTES] = '\0';
    stranger_greet(scene, &stranger, name); /* the longest there is */
    assert_span(link_peer_name(scene->binder.link), name);
    stranger_close(&stranger);
}

static void test_hello_repeated_is_one_session(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "again");
    stranger_greet(scene, &stranger, "again");
    uint64_t peer_session = stranger.peer_session;
    send_metadata(&stranger, 1);
    stranger.peer_session = 0;
    stranger_greet(scene, &stranger, "again");
    assert_int_equal(stranger.peer_session, peer_session);
    assert_int_equal(scene->binder.ups, 2);
    TURN_UNTIL(scene, scene->binder.heard == 1);

    stranger.session++; /* a new one */
    stranger.peer_session = 0;
    stranger_greet(scene, &stranger, "again");
    assert_true(stranger.peer_session != peer_session);
    assert_int_equal(scene->binder.ups, 3);
    assert_int_equal(scene->binder.end, LINK_END_REPLACED);
    stranger_close(&stranger);
}

static void test_gap_asks_at_once_and_duplicates_are_dropped(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "gap");
    stranger_greet(scene, &stranger, "gap");
    send_metadata(&stranger, 1);
    send_metadata(&stranger, 3);
    assert_int_equal(expect(scene, &stranger, MESSAGE_RESEND).number, 2);
    assert_int_equal(scene->binder.heard, 1);
    assert_false(link_is_current(scene->binder.link, SCENE_PEER_TIMEOUT_MS));
    send_metadata(&stranger, 1);
    send_metadata(&stranger, 2);
    send_metadata(&stranger, 3);
    TURN_UNTIL(scene, scene->binder.heard == 3);
    TURN_UNTIL(scene, expect(scene, &stranger, (enum message_id)0).header.received == 3);
    assert_int_equal(counters(scene)->duplicates, 1);
    assert_true(link_is_current(scene->binder.link, SCENE_PEER_TIMEOUT_MS));
    stranger_close(&stranger);
}

static void test_lies_in_a_session(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "liar");
    stranger_greet(scene, &stranger, "liar");
    uint64_t before = counters(scene)->malformed;

    stranger.received = 99; /* nothing was sent yet */
    send_metadata(&stranger, 1);
    TURN_UNTIL(scene, counters(scene)->malformed == before + 1);
    assert_int_equal(scene->binder.heard, 0);
    stranger.received = 0;

    struct wire_message resend = {.id = MESSAGE_RESEND, .as.resend.from = 1000};
    send_message(&stranger, 0, &resend);
    TURN_UNTIL(scene, counters(scene)->malformed == before + 2);

    send_message(&stranger, 0, &(struct wire_message){.id = MESSAGE_PULL}); /* unnumbered */
    TURN_UNTIL(scene, counters(scene)->malformed == before + 3);

    send_message(&stranger, 1, &(struct wire_message){.id = MESSAGE_BYE}); /* numbered */
    TURN_UNTIL(scene, counters(scene)->malformed == before + 4);
    assert_int_equal(scene->binder.downs, 0);

    send_packet(&stranger, 2, span_text("\xc1")); /* received, but it says nothing */
    TURN_UNTIL(scene, counters(scene)->malformed == before + 5);
    scene->binder.heard = 2;
    send_metadata(&stranger, 3);
    TURN_UNTIL(scene, scene->binder.heard == 3);
    stranger_close(&stranger);
}

static void test_messages_of_a_newer_version_are_passed_over(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "future");
    stranger_greet(scene, &stranger, "future");
    struct buffer body = {0};
    buffer_append_text(&body, "\x93\xcd\x7f\x01\x92\x01\xc3\xa1x");
    wire_put_metadata(&body, &(struct message_metadata){.connection = span_text("1")});
    buffer_append_text(&body, "\x91\xcd\x7f\x02");
    wire_put_metadata(&body, &(struct message_metadata){.connection = span_text("2")});
    send_packet(&stranger, 1, buffer_span(&body));
    buffer_fini(&body);
    TURN_UNTIL(scene, scene->binder.heard == 2);
    assert_int_equal(counters(scene)->unknown, 2);
    stranger_close(&stranger);
}

static void test_bye(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "bye");
    stranger_greet(scene, &stranger, "bye");
    send_message(&stranger, 0, &(struct wire_message){.id = MESSAGE_BYE});
    TURN_UNTIL(scene, scene->binder.downs == 1);
    assert_int_equal(scene->binder.end, LINK_END_BYE);
    stranger_close(&stranger);
}

/* A RESEND again and again, for what was received long ago. */
static void test_resend_of_what_was_received(void **state)
{
    struct scene *scene = *state;
    struct stranger stranger;
    stranger_open(&stranger, scene, "resend");
    stranger_greet(scene, &stranger, "resend");
    side_say(&scene->binder, 1, 0);
    expect(scene, &stranger, MESSAGE_METADATA);
    struct wire_message resend = {.id = MESSAGE_RESEND, .as.resend.from = 1};
    send_message(&stranger, 0, &resend);
    expect(scene, &stranger, MESSAGE_METADATA);
    stranger.received = 1;
    for (int i = 0; i < 10; i++)
        send_message(&stranger, 0, &resend);
    TURN_UNTIL(scene, scene->binder.received == 1);
    TURN_UNTIL(scene, counters(scene)->messages_received[MESSAGE_INDEX_RESEND] == 11);
    assert_int_equal(counters(scene)->resends, 1);
    assert_int_equal(counters(scene)->malformed, 0);
    stranger_close(&stranger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_garbage_by_tcp),
        TEST(test_garbage_by_zeromq),
        TEST(test_several_parts),
        TEST(test_newer_version),
        TEST(test_unknown_session_gets_resync),
        TEST(test_bad_names),
        TEST(test_hello_repeated_is_one_session),
        TEST(test_gap_asks_at_once_and_duplicates_are_dropped),
        TEST(test_lies_in_a_session),
        TEST(test_messages_of_a_newer_version_are_passed_over),
        TEST(test_bye),
        TEST(test_resend_of_what_was_received),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
