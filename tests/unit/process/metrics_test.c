#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/process/metrics.h"

static char *exposed(enum program_id program)
{
    struct buffer buffer = {0};
    metrics_write(program, &buffer);
    return buffer_take(&buffer);
}

static void expect_line(enum program_id program, const char *line)
{
    char *text = exposed(program), needle[256];
    snprintf(needle, sizeof(needle), "\n%s\n", line);
    if (!strstr(text, needle))
        fail_msg("no line \"%s\"", line);
    free(text);
}

static void test_counter_and_gauge(void **state)
{
    (void)state;
    expect_line(PROGRAM_EDGE, "slip_connections 0");
    metric_add(METRIC_CONNECTIONS, 3);
    metric_add(METRIC_CONNECTIONS, -1);
    assert_int_equal(metric_get(METRIC_CONNECTIONS), 2);
    expect_line(PROGRAM_EDGE, "slip_connections 2");
    metric_set(METRIC_CONNECTIONS, 7);
    expect_line(PROGRAM_EDGE, "slip_connections 7");
    expect_line(PROGRAM_EDGE, "# TYPE slip_connections gauge");
    expect_line(PROGRAM_EDGE, "# TYPE slip_handshakes_total counter");
}

static void test_labels(void **state)
{
    (void)state;
    metric_add_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_REFUSED, 2);
    metric_set_label(METRIC_LINK_PEERS, LABEL_PEER_CONTROL, 4);
    expect_line(PROGRAM_EDGE, "slip_handshakes_total{outcome=\"accepted\"} 0");
    expect_line(PROGRAM_EDGE, "slip_handshakes_total{outcome=\"refused\"} 2");
    expect_line(PROGRAM_EDGE, "slip_link_peers{peer=\"control\"} 4");
    assert_int_equal(metric_get_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_REFUSED), 2);
    assert_int_equal(metric_get_label(METRIC_HANDSHAKES, LABEL_HANDSHAKE_ACCEPTED), 0);
    assert_int_equal(metric_label_find(METRIC_HANDSHAKES, span_text("refused")),
                     LABEL_HANDSHAKE_REFUSED);
    assert_int_equal(metric_label_find(METRIC_HANDSHAKES, span_text("refuse")), -1);
    assert_int_equal(metric_label_find(METRIC_CONNECTIONS, span_text("")), -1);
}

/* Each number has a place of its own: touching one changes no other. */
static void test_no_two_metrics_share_a_number(void **state)
{
    (void)state;
    char *before = exposed(PROGRAM_ALL);
    metric_add_label(METRIC_CLOSES, LABEL_COUNT_close - 1, 12345);
    metric_observe(METRIC_BATCH_EVENTS, 20000);
    metric_observe(METRIC_BATCH_EVENTS, 20000);
    char *after = exposed(PROGRAM_ALL);
    int changed = 0;
    char *rest_a = NULL, *rest_b = NULL;
    char *a = strtok_r(before, "\n", &rest_a), *b = strtok_r(after, "\n", &rest_b);
    for (; a && b; a = strtok_r(NULL, "\n", &rest_a), b = strtok_r(NULL, "\n", &rest_b))
        changed += strcmp(a, b) != 0;
    assert_null(a);
    assert_null(b);
    assert_int_equal(changed, 1 + 3); /* the label; le="+Inf", _sum and _count */
    free(before);
    free(after);
}

static void test_histogram(void **state)
{
    (void)state;
    metric_observe(METRIC_WEBHOOK_DURATION, 500);      /* on the first bound: inside */
    metric_observe(METRIC_WEBHOOK_DURATION, 501);      /* just above it */
    metric_observe(METRIC_WEBHOOK_DURATION, 99000000); /* above all */
    assert_int_equal(metric_get(METRIC_WEBHOOK_DURATION), 3);
    expect_line(PROGRAM_WORKER, "slip_webhook_duration_seconds_bucket{le=\"0.0005\"} 1");
    expect_line(PROGRAM_WORKER, "slip_webhook_duration_seconds_bucket{le=\"0.001\"} 2");
    expect_line(PROGRAM_WORKER, "slip_webhook_duration_seconds_bucket{le=\"30\"} 2");
    expect_line(PROGRAM_WORKER, "slip_webhook_duration_seconds_bucket{le=\"+Inf\"} 3");
    expect_line(PROGRAM_WORKER, "slip_webhook_duration_seconds_sum 99.001001");
    expect_line(PROGRAM_WORKER, "slip_webhook_duration_seconds_count 3");
    expect_line(PROGRAM_WORKER, "# TYPE slip_webhook_duration_seconds histogram");
}

static void test_only_the_programs_own(void **state)
{
    (void)state;
    char *edge = exposed(PROGRAM_EDGE), *worker = exposed(PROGRAM_WORKER);
    assert_non_null(strstr(edge, "slip_frames_in_total"));
    assert_null(strstr(worker, "slip_frames_in_total"));
    assert_null(strstr(edge, "slip_webhook_requests_total"));
    assert_non_null(strstr(worker, "slip_webhook_requests_total"));
    free(edge);
    free(worker);
}

/* The grammar of a sample, and what Prometheus wants of names. */
static void test_every_line_is_well_formed(void **state)
{
    (void)state;
    char *text = exposed(PROGRAM_ALL), *rest = NULL, type[32] = "", name[128] = "";
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0)
            continue;
        if (sscanf(line, "# TYPE %127s %31s", name, type) == 2) {
            bool is_total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
            assert_int_equal(is_total, strcmp(type, "counter") == 0);
            continue;
        }
        assert_int_equal(strncmp(line, name, strlen(name)), 0);
        size_t length = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
        if (line[length] == '{')
            length = strcspn(line, "}") + 1;
        assert_int_equal(line[length], ' ');
        char *end;
        (void)strtod(line + length + 1, &end);
        assert_int_equal(*end, '\0');
    }
    free(text);
}

static struct buffer visited;

static void note_visit(void *context, struct span name, uint64_t amount, uint64_t per)
{
    assert_ptr_equal(context, &visited);
    buffer_append_format(&visited, "%.*s %llu/%llu\n", SPAN_ARGS(name), (unsigned long long)amount,
                         (unsigned long long)per);
}

/* As numbers, under the names that metrics_write() has; without zeros and steps. */
static void test_visits(void **state)
{
    (void)state;
    metric_set(METRIC_CONNECTIONS, 7);
    metric_set(METRIC_CONNECTIONS_PENDING, 0);
    metric_set_label(METRIC_LIMITS_REACHED, LABEL_LIMIT_HANDSHAKE, 3);
    metric_observe(METRIC_DELIVERY_DELAY, 2500000);
    metric_set(METRIC_JOBS_WAITING, 5);
    metrics_visit(PROGRAM_EDGE, note_visit, &visited);
    buffer_append_byte(&visited, '\0');
    assert_non_null(strstr(visited.data, "slip_connections 7/1\n"));
    assert_null(strstr(visited.data, "slip_connections_pending"));
    assert_non_null(
        strstr(visited.data, "slip_limits_reached_total{limit=\"HANDSHAKE_LIMIT\"} 3/1\n"));
    assert_non_null(strstr(visited.data, "slip_publish_delivery_seconds_sum 2500000/1000000\n"));
    assert_non_null(strstr(visited.data, "slip_publish_delivery_seconds_count 1/1\n"));
    assert_null(strstr(visited.data, "_bucket"));
    assert_null(strstr(visited.data, "slip_jobs_waiting")); /* a router's */
    buffer_fini(&visited);
}

static void test_process(void **state)
{
    (void)state;
    FILE *file = fopen("/dev/null", "re");
    metrics_measure_process();
    int64_t open_now = metric_get(METRIC_PROCESS_DESCRIPTORS);
    fclose(file);
    metrics_measure_process();
    assert_int_equal(metric_get(METRIC_PROCESS_DESCRIPTORS), open_now - 1);
    assert_in_range(metric_get(METRIC_PROCESS_RESIDENT), 100000, 4000000000);
    assert_true(metric_get(METRIC_PROCESS_CPU) >= 0);
    assert_true(metric_get(METRIC_PROCESS_DESCRIPTOR_LIMIT) > 10);
    int64_t age_s = (int64_t)time(NULL) - metric_get(METRIC_PROCESS_START) / 1000000;
    assert_in_range(age_s + 5, 0, 600);
}

static void test_docs(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    metrics_write_docs(stream);
    fclose(stream);
    assert_non_null(strstr(text, "| `slip_connections` | gauge |  | edge, router | "));
    assert_non_null(strstr(text, "| `slip_process_open_fds` | gauge |  | all | "));
    assert_non_null(strstr(text, "`table`: edges, connections, subscriptions, dead_letters"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter_and_gauge),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_no_two_metrics_share_a_number),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_only_the_programs_own),
        cmocka_unit_test(test_every_line_is_well_formed),
        cmocka_unit_test(test_visits),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_docs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
