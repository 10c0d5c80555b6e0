#include "clients/slip/figures.h"

#include "tests/unit/unit.h"

static struct figures read(const char *page)
{
    struct figures figures;
    figures_read(span_text(page), &figures);
    return figures;
}

static void a_page_is_told_from_others_and_summed(void **state)
{
    struct figures edge = read("# HELP slip_frames_in_total x\n"
                               "slip_frames_in_total{type=\"text\"} 3\n"
                               "slip_frames_in_total{type=\"binary\"} 4\n"
                               "slip_handshakes_total{outcome=\"accepted\"} 5\n"
                               "slip_handshakes_total{outcome=\"refused\"} 2\n"
                               "slip_connections 7\n");

    (void)state;
    assert_int_equal(edge.kind, KIND_EDGE);
    assert_true(edge.values[FIGURE_TEXT_IN] == 3 && edge.values[FIGURE_BINARY_IN] == 4);
    assert_true(edge.values[FIGURE_HANDSHAKES] == 7 && edge.values[FIGURE_ACCEPTED] == 5);
    assert_true(edge.values[FIGURE_CONNECTIONS] == 7);
    assert_false(edge.has[FIGURE_DATABASE]);
    assert_int_equal(read("slip_jobs_retrying 0\n").kind, KIND_ROUTER);
    assert_int_equal(read("slip_rest_requests_total{status=\"2xx\"} 0\n").kind, KIND_CONTROL);
    assert_int_equal(read("").kind, KIND_UNKNOWN);
    assert_int_equal(read("{ } \n\nslip_connections\nslip_connections x\n{{{\n").kind,
                     KIND_UNKNOWN);
}

static void counters_grow_and_begin_anew(void **state)
{
    struct figures before = read("slip_sent_bytes_total 100\nslip_connections 9\n");
    struct figures now = read("slip_sent_bytes_total 150\nslip_connections 4\n");
    struct figures growth;

    (void)state;
    figures_since(&now, &before, &growth);
    assert_true(growth.values[FIGURE_BYTES_OUT] == 50 && growth.values[FIGURE_CONNECTIONS] == 4);
    figures_since(&now, NULL, &growth);
    assert_true(growth.values[FIGURE_BYTES_OUT] == 0 && growth.values[FIGURE_CONNECTIONS] == 4);
    /* It has started anew: what it counts is all since then. */
    before = read("slip_sent_bytes_total 100\nslip_process_start_time_seconds 1\n");
    now = read("slip_sent_bytes_total 30\nslip_process_start_time_seconds 2\n");
    figures_since(&now, &before, &growth);
    assert_true(growth.values[FIGURE_BYTES_OUT] == 30);
}

static void a_publish_counts_once(void **state)
{
    struct figures sum = {.kind = KIND_UNKNOWN};
    struct figures control = read("slip_rest_requests_total 1\n"
                                  "slip_commands_total{type=\"PUBLISH_TEXT\"} 2\n"
                                  "slip_commands_total{type=\"PUBLISH_BINARY\"} 1\n"
                                  "slip_commands_total{type=\"CLOSE\"} 8\n");
    struct figures edge = read("slip_frames_in_total{type=\"text\"} 0\n"
                               "slip_commands_total{type=\"PUBLISH_TEXT\"} 2\n");

    (void)state;
    figures_add(&sum, &control);
    figures_add(&sum, &edge);
    assert_true(sum.values[FIGURE_PUBLISHED] == 3);
}

static void quantiles_lie_in_their_bucket(void **state)
{
    struct buckets buckets = {
        .count = 3, .bounds = {1, 2, 1e300 * 1e300}, .values = {50, 100, 100}};
    struct buckets none = {.count = 0};

    (void)state;
    assert_true(figures_quantile(&none, 0.5) < 0);
    assert_true(figures_quantile(&buckets, 0.25) > 0.4 && figures_quantile(&buckets, 0.25) < 0.6);
    assert_true(figures_quantile(&buckets, 0.75) > 1.4 && figures_quantile(&buckets, 0.75) < 1.6);
    assert_true(figures_quantile(&buckets, 1) <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_told_from_others_and_summed),
        cmocka_unit_test(counters_grow_and_begin_anew),
        cmocka_unit_test(a_publish_counts_once),
        cmocka_unit_test(quantiles_lie_in_their_bucket),
    };
    return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
