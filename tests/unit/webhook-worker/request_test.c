#include "webhook-worker/request.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static const struct record_event open_event = {.kind = EVENT_OPEN, .data = {"\"path\":\"/\"", 10}};
static const struct record_event texts[] = {
    {.kind = EVENT_TEXT, .data = {"a", 1}},
    {.kind = EVENT_TEXT, .data = {"b", 1}},
};
static const struct record_event close_event = {
    .kind = EVENT_CLOSE, .data = {"bye", 3}, .code = 4321};
static const struct record_event odd_event = {.kind = EVENT_KIND_COUNT};

static struct record_job_item item(const char *id, uint64_t first,
                                   const struct record_event *events, size_t count)
{
    return (struct record_job_item){
        .connection = span_text(id),
        .first = first,
        .last = first + count - 1,
        .attempt = 1,
        .events = {.items = events, .count = count},
    };
}

static struct message_job message(const struct record_job_item *items, size_t count, bool is_group)
{
    return (struct message_job){
        .job = 1, .is_group = is_group, .items = {.items = items, .count = count}};
}

static void job_fini(struct job *job)
{
    buffer_fini(&job->body);
    free(job->items);
    free(job->names);
}

static void test_check(void **state)
{
    const struct record_job_item good = item("c1", 1, texts, 2);
    const struct record_job_item twice[] = {item("c1", 1, texts, 2), item("c1", 3, texts, 1)};
    const struct record_job_item nobody = item("", 1, texts, 2);
    const struct record_job_item broken = item("c1\r\nX: y", 1, texts, 2);
    const struct record_job_item empty = item("c1", 1, NULL, 0);
    const struct record_job_item odd = item("c1", 1, &odd_event, 1);
    const struct {
        struct message_job message;
        const char *reason;
    } cases[] = {
        {message(&good, 1, false), NULL},
        {message(&good, 1, true), NULL},
        {message(NULL, 0, true), "a job without batches"},
        {message(twice, 2, false), "several batches in the form for one"},
        {message(twice, 2, true), "a connection twice"},
        {message(&nobody, 1, false), "a connection id that is no token"},
        {message(&broken, 1, false), "a connection id that is no token"},
        {message(&empty, 1, false), "a batch without events"},
        {message(&odd, 1, false), "an unknown kind of event"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *reason = request_check(&cases[i].message);
        assert_string_equal(reason ? reason : "", cases[i].reason ? cases[i].reason : "");
    }
}

static void expect(const struct message_job *given, const char *key, const char *body)
{
    struct job job = {0};
    assert_null(request_check(given));
    request_write(&job, given);
    assert_span(buffer_span(&job.body), body);
    assert_string_equal(job.key.text, key);
    job_fini(&job);
}

static void test_one(void **state)
{
    struct record_job_item one = item("c1", 5, texts, 2);
    struct message_job given = message(&one, 1, false);
    (void)state;
    expect(&given, "c1:5-6",
           "{\"connectionId\":\"c1\",\"metadata\":null,\"events\":["
           "{\"type\":\"TEXT\",\"connectionId\":\"c1\",\"data\":\"a\"},"
           "{\"type\":\"TEXT\",\"connectionId\":\"c1\",\"data\":\"b\"}]}");
    one = item("c1", 7, &close_event, 1);
    one.metadata = span_text("{\"n\":1}");
    expect(&given, "c1:close",
           "{\"connectionId\":\"c1\",\"metadata\":{\"n\":1},\"events\":["
           "{\"type\":\"CLOSE\",\"connectionId\":\"c1\",\"code\":4321,\"reason\":\"bye\"}]}");
    one = item("c1", 0, &open_event, 1);
    expect(&given, "c1:0-0",
           "{\"connectionId\":\"c1\",\"metadata\":null,\"events\":["
           "{\"type\":\"OPEN\",\"connectionId\":\"c1\",\"path\":\"/\"}]}");
}

static void test_origin(void **state)
{
    struct record_job_item one = item("c1", 5, texts, 1);
    struct message_job given = message(&one, 1, false);
    struct job job = {0};
    (void)state;
    request_write(&job, &given);
    assert_int_equal(job.origin.length, 0);
    job_fini(&job);
    job = (struct job){0};
    given.origin = span_text("dead-letter:9");
    request_write(&job, &given);
    assert_span(job.origin, "dead-letter:9");
    assert_string_equal(job.key.text, "c1:5-5");
    job_fini(&job);
}

static void test_group(void **state)
{
    struct record_job_item items[] = {item("c1", 5, texts, 1), item("c2", 9, &close_event, 1)};
    struct message_job given = message(items, 2, true);
    struct job job = {0};
    struct job other = {0};
    (void)state;
    items[1].attempt = 3;
    request_write(&job, &given);
    assert_span(buffer_span(&job.body),
                "{\"batch\":[{\"connectionId\":\"c1\",\"metadata\":null,"
                "\"idempotencyKey\":\"c1:5-5\",\"events\":["
                "{\"type\":\"TEXT\",\"connectionId\":\"c1\",\"data\":\"a\"}]},"
                "{\"connectionId\":\"c2\",\"metadata\":null,\"idempotencyKey\":\"c2:close\","
                "\"events\":[{\"type\":\"CLOSE\",\"connectionId\":\"c2\",\"code\":4321,"
                "\"reason\":\"bye\"}]}]}");
    assert_int_equal(job.attempt, 3);
    assert_int_equal(job.key.length, strlen(job.key.text));
    assert_int_equal(job.key.length, strlen("group:") + 32);
    /* The same batches, the same key; other batches, another. */
    request_write(&other, &given);
    assert_string_equal(other.key.text, job.key.text);
    job_fini(&other);
    other = (struct job){0};
    items[0] = item("c1", 6, texts, 1);
    request_write(&other, &given);
    assert_string_not_equal(other.key.text, job.key.text);
    job_fini(&other);
    job_fini(&job);
}

static void test_items(void **state)
{
    const struct record_job_item items[] = {item("c1", 0, &open_event, 1),
                                            item("c22", 3, texts, 2)};
    struct message_job given = message(items, 2, true);
    struct job job = {0};
    (void)state;
    request_write(&job, &given);
    assert_int_equal(job.item_count, 2);
    assert_span(job.items[0].connection, "c1");
    assert_true(job.items[0].is_opening);
    assert_span(job.items[1].connection, "c22");
    assert_false(job.items[1].is_opening);
    assert_int_equal(job.items[1].first, 3);
    assert_int_equal(job.items[1].last, 4);
    job_fini(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check), cmocka_unit_test(test_one),   cmocka_unit_test(test_origin),
        cmocka_unit_test(test_group), cmocka_unit_test(test_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
