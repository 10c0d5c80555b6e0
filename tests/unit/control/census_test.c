#include "control/census.h"

#include "tests/unit/control/fake_link.h"
#include "tests/unit/unit.h"

#define E1 "edge-00001"
#define E2 "edge-00002"

/* ---- in place of common/database ---- */

static bool is_away;
static void (*on_done)(void *context, const struct database_answer *answer); /* NULL: not asked */
static void *done_context;
static size_t questions;
static const char *const (*rows)[4];
static size_t row_count;

int database_query(struct database *database, const struct database_statement *statement,
                   const struct database_value *values, size_t count,
                   void (*done)(void *context, const struct database_answer *answer), void *context,
                   struct database_unit **ret_unit)
{
    (void)database;
    (void)statement;
    (void)values;
    assert_int_equal(count, 0);
    if (is_away)
        return -1;
    assert_null(on_done); /* one at a time */
    on_done = done;
    done_context = context;
    *ret_unit = (struct database_unit *)&questions;
    questions++;
    return 0;
}

void database_forget(struct database_unit *unit)
{
    assert_non_null(unit);
    on_done = NULL;
}

size_t database_rows(const struct database_answer *answer, size_t statement)
{
    (void)answer;
    (void)statement;
    return row_count;
}

struct span database_cell(const struct database_answer *answer, size_t statement, size_t row,
                          size_t column)
{
    (void)answer;
    (void)statement;
    return span_text(rows[row][column]);
}

int64_t database_cell_integer(const struct database_answer *answer, size_t statement, size_t row,
                              size_t column, int64_t standard)
{
    uint64_t value;
    struct span text = database_cell(answer, statement, row, column);
    return span_to_u64(text, INT64_MAX, &value) == 0 ? (int64_t)value : standard;
}

static void answer(enum database_kind kind, const char *sqlstate)
{
    void (*done)(void *, const struct database_answer *) = on_done;
    struct database_answer database_answer = {.kind = kind, .message = ""};

    assert_non_null(done);
    memcpy(database_answer.sqlstate, sqlstate, strlen(sqlstate));
    on_done = NULL;
    done(done_context, &database_answer);
}

/* ---- the census ---- */

static struct loop *loop;
static struct channel_map map;
static struct edge_set edges;
static struct roll roll;
static struct census census;
static size_t answers, applied, gone;
static struct record_command_body body;
static struct parcel parcel;

static void on_answer(void *context)
{
    (void)context;
    answers++;
}

static void on_unknown(void *context)
{
    (void)context;
    census_ask(&census);
}

static void on_applied(struct parcel *p, size_t index)
{
    (void)p;
    (void)index;
    applied++;
}

static void on_gone(struct parcel *p, size_t index)
{
    (void)p;
    (void)index;
    gone++;
}

static int set_up(void **state)
{
    (void)state;
    is_away = false;
    on_done = NULL;
    questions = answers = applied = gone = row_count = 0;
    loop = loop_new(0, NULL, NULL);
    channel_map_init(&map);
    edge_set_init(&edges, &map, 5000);
    edges.on_unknown = on_unknown;
    roll_init(&roll);
    census_init(&census, loop, NULL, &edges, &roll, 5, on_answer, NULL);
    body = (struct record_command_body){.target = span_text("c")};
    parcel = (struct parcel){
        .commands = &body, .count = 1, .on_applied = on_applied, .on_gone = on_gone};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    census_fini(&census);
    edge_set_fini(&edges);
    roll_fini(&roll);
    channel_map_fini(&map);
    loop_destroy(&loop);
    return 0;
}

static struct edge *wait_for(const char *id)
{
    struct edge *edge = edge_set_get(&edges, span_text(id));
    (void)edge_send(&edges, edge, &parcel, 0);
    loop_turn(loop, 0);
    return edge;
}

static void an_unknown_edge_without_a_live_row_is_gone(void **state)
{
    static const char *const table[][4] = {{E1, "live", "r", "1"}, {E2, "expired", "r", "1"}};
    (void)state;

    struct edge *live = wait_for(E1);
    rows = table;
    row_count = 2;
    assert_int_equal(questions, 1);
    struct edge *late = wait_for(E2); /* after the question was sent */
    answer(DATABASE_DONE, "");
    assert_false(live->is_gone);
    assert_false(late->is_gone);
    assert_int_equal(gone, 0);
    loop_turn(loop, 0);
    assert_int_equal(questions, 2);
    answer(DATABASE_DONE, "");
    assert_true(late->is_gone);
    assert_int_equal(gone, 1);
}

static void without_postgresql_an_unknown_edge_is_gone(void **state)
{
    (void)state;
    is_away = true;
    assert_true(wait_for(E1)->is_gone);
    assert_int_equal(gone, 1);
    assert_false(census.has_answer);
}

static void a_failed_question_counts_as_no_row(void **state)
{
    (void)state;
    struct edge *edge = wait_for(E1);
    answer(DATABASE_LOST, "");
    assert_true(edge->is_gone);
    assert_false(census.has_answer);
    assert_int_equal(answers, 0);
}

static void a_missing_table_is_an_answer(void **state)
{
    (void)state;
    struct edge *edge = wait_for(E1);
    answer(DATABASE_BROKEN, "42P01");
    assert_true(edge->is_gone);
    assert_true(census.has_answer);
    assert_int_equal(answers, 1);
}

static void rows_that_are_not_live_are_dead_on_the_roll(void **state)
{
    static const char *const table[][4] = {
        {E1, "live", "r", "3"}, {E2, "leaving", "r", "2"}, {"bad id", "live", "r", "1"}};
    (void)state;

    rows = table;
    row_count = 3;
    census_ask(&census);
    loop_turn(loop, 0);
    answer(DATABASE_DONE, "");
    assert_int_equal(roll_standing(&roll, span_text(E1)), ROLL_UNKNOWN);
    assert_int_equal(roll_standing(&roll, span_text(E2)), ROLL_DEAD);
    assert_int_equal(roll_epoch(&roll, span_text(E2)), 2);
    assert_int_equal(census.live_count, 1);
    assert_string_equal(census.live[0].router, "r");
    assert_int_equal(answers, 1);
}

/* The list of a router that has ended without taking it back. */
static void put_on_roll(const char *id, uint64_t epoch)
{
    struct record_roll_entry live = {.edge = span_text(id), .epoch = epoch};
    struct message_roll message = {
        .router = span_text("r"), .version = epoch + 1, .live = {&live, 1}};
    assert_true(roll_update(&roll, &message, 0));
    edge_set_on_roll(&edges, edge_set_get(&edges, span_text(id)), true);
}

static void one_whose_row_was_deleted_is_dead_after_a_while(void **state)
{
    (void)state;
    put_on_roll(E1, 4);
    census_ask(&census);
    loop_turn(loop, 0);
    answer(DATABASE_DONE, "");
    assert_int_equal(roll_standing(&roll, span_text(E1)), ROLL_LIVE); /* may be too young */
    edge_set_find(&edges, span_text(E1))->changed_ms -= 11;
    census_ask(&census);
    loop_turn(loop, 0);
    answer(DATABASE_DONE, "");
    assert_int_equal(roll_standing(&roll, span_text(E1)), ROLL_DEAD);
}

static void one_that_never_had_a_row_is_not(void **state)
{
    (void)state;
    put_on_roll(E1, 0); /* PostgreSQL was away when it was adopted */
    edge_set_find(&edges, span_text(E1))->changed_ms -= 100000;
    census_ask(&census);
    loop_turn(loop, 0);
    answer(DATABASE_DONE, "");
    assert_int_equal(roll_standing(&roll, span_text(E1)), ROLL_LIVE);
}

static void one_that_is_linked_is_not(void **state)
{
    struct link link;
    (void)state;
    fake_link_init(&link);
    put_on_roll(E1, 4);
    struct edge *edge = edge_set_find(&edges, span_text(E1));
    edge->changed_ms -= 100000;
    edge_linked(edge, &link);
    census_ask(&census);
    loop_turn(loop, 0);
    answer(DATABASE_DONE, "");
    assert_int_equal(roll_standing(&roll, span_text(E1)), ROLL_LIVE);
    fake_link_fini(&link);
}

static void it_asks_by_itself(void **state)
{
    (void)state;
    while (questions == 0)
        loop_turn(loop, 100);
    answer(DATABASE_DONE, "");
    while (questions == 1)
        loop_turn(loop, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(an_unknown_edge_without_a_live_row_is_gone),
        TEST(without_postgresql_an_unknown_edge_is_gone),
        TEST(a_failed_question_counts_as_no_row),
        TEST(a_missing_table_is_an_answer),
        TEST(rows_that_are_not_live_are_dead_on_the_roll),
        TEST(one_whose_row_was_deleted_is_dead_after_a_while),
        TEST(one_that_never_had_a_row_is_not),
        TEST(one_that_is_linked_is_not),
        TEST(it_asks_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
