#include "tests/unit/router/store_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct postgres server;
struct bench bench;

int store_bench_create(void **state)
{
    (void)state;
    postgres_create(&server);
    return 0;
}

int store_bench_remove(void **state)
{
    (void)state;
    postgres_remove(&server);
    return 0;
}

int store_bench_set_up(void **state)
{
    (void)state;
    free(postgres_ask(&server, "drop schema if exists \"bench-1\" cascade"));
    bench_init(&bench, server.url);
    return 0;
}

int store_bench_tear_down(void **state)
{
    (void)state;
    bench_stop(&bench);
    return 0;
}

void start_ready(void)
{
    bench_start(&bench);
    BENCH_UNTIL(&bench, store_is_ready(bench.router));
}

bool is_shown(const char *sql, const char *expected)
{
    char text[1024];

    int length = snprintf(text, sizeof text, "set search_path = 'bench-1'; %s", sql);
    assert_in_range(length, 1, sizeof text - 1);
    char *answer = postgres_ask(&server, text);
    bool is_equal = strcmp(answer, expected) == 0;
    free(answer);
    return is_equal;
}

void change(const char *sql)
{
    (void)is_shown(sql, "");
}

void say_subscribed(struct link *edge, const char *connection, struct span channel, bool on)
{
    struct wire_message message = {.id = on ? MESSAGE_SUBSCRIBED : MESSAGE_UNSUBSCRIBED};

    if (on)
        message.as.subscribed =
            (struct message_subscribed){.connection = span_text(connection), .channel = channel};
    else
        message.as.unsubscribed =
            (struct message_unsubscribed){.connection = span_text(connection), .channel = channel};
    fake_link_say(edge, &message);
}

void say_opened(struct link *edge, const char *connection)
{
    fake_link_say(edge, &(struct wire_message){.id = MESSAGE_OPENED,
                                               .as.opened = {.connection = span_text(connection),
                                                             .opened_at_ms = 1700000000123}});
}

void open_connection(struct link *edge, struct link *worker, const char *suffix, const char *name)
{
    bench_open(edge, suffix, 5000);
    bench_delivered(worker, bench_job(&bench, worker, suffix, 0), name, 0, OPEN_VERDICT_ACCEPTED,
                    NULL);
    bench_ack(&bench, edge, suffix, 0, ACK_DELIVERED, 0);
    say_opened(edge, name);
}

void snapshot_page(struct link *edge, const struct record_snapshot_entry *entries, size_t count)
{
    struct wire_message heard;

    BENCH_UNTIL(&bench, fake_link_hear_id(edge, MESSAGE_PULL, &heard));
    fake_link_say(
        edge, &(struct wire_message){.id = MESSAGE_PAGE,
                                     .as.page = {.snapshot = heard.as.pull.snapshot,
                                                 .is_last = 1,
                                                 .entries = {.items = entries, .count = count}}});
}
