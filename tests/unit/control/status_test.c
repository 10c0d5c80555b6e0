#include "control/status.h"

#include "tests/unit/unit.h"

enum { CALLS = 4 };

static struct loop *loop;
static struct status status;
static struct rest_call calls[CALLS];

/* ---- in place of common/database and of REST's answers ---- */

static void (*on_done)(void *context, const struct database_answer *answer); /* NULL: not asked */
static size_t questions, answered, refused;
static bool is_away;
static const char *figures;

int database_query(struct database *database, const struct database_statement *statement,
                   const struct database_value *values, size_t count,
                   void (*done)(void *context, const struct database_answer *answer), void *context,
                   struct database_unit **ret_unit)
{
    (void)database;
    (void)statement;
    (void)values;
    assert_int_equal(count, 0);
    assert_ptr_equal(context, &status);
    if (is_away)
        return -1;
    assert_null(on_done); /* one at a time */
    on_done = done;
    *ret_unit = (struct database_unit *)&questions;
    questions++;
    return 0;
}

void database_forget(struct database_unit *unit)
{
    assert_non_null(unit);
    on_done = NULL;
}

bool database_is_ready(const struct database *database)
{
    (void)database;
    return !is_away;
}

struct span database_cell(const struct database_answer *answer, size_t statement, size_t row,
                          size_t column)
{
    (void)answer;
    assert_int_equal(statement + row + column, 0);
    return span_text(figures);
}

void rest_answer_json(struct rest_call *call, unsigned int code, struct span body)
{
    assert_false(list_is_linked(&call->in_round));
    assert_int_equal(code, 200);
    assert_true(span_is(body, figures));
    answered++;
}

void rest_answer_problem(struct rest_call *call, enum problem problem, struct span detail)
{
    (void)detail;
    assert_false(list_is_linked(&call->in_round));
    assert_int_equal(problem, PROBLEM_DATABASE_AWAY);
    refused++;
}

static void answer(enum database_kind kind, const char *text)
{
    void (*done)(void *, const struct database_answer *) = on_done;
    const struct database_answer database_answer = {.kind = kind, .message = ""};

    assert_non_null(done);
    on_done = NULL;
    figures = text;
    done(&status, &database_answer);
}

/* ---- */

static int set_up(void **state)
{
    (void)state;
    on_done = NULL;
    questions = answered = refused = 0;
    is_away = false;
    loop = loop_new(0, NULL, NULL);
    status_init(&status, loop, NULL);
    for (size_t i = 0; i < CALLS; i++)
        list_init(&calls[i].in_round);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    status_fini(&status);
    loop_destroy(&loop);
    return 0;
}

static void one_question_serves_all_who_ask_meanwhile(void **state)
{
    (void)state;
    for (size_t i = 0; i < CALLS; i++)
        status_ask(&status, &calls[i]);
    assert_int_equal(questions, 1);
    assert_int_equal(answered, 0);
    answer(DATABASE_DONE, "{\"edges\":1}");
    assert_int_equal(answered, CALLS);
}

static void the_answer_serves_for_a_while(void **state)
{
    (void)state;
    status_ask(&status, &calls[0]);
    answer(DATABASE_DONE, "{\"edges\":1}");
    status_ask(&status, &calls[1]);
    assert_int_equal(answered, 2);
    assert_int_equal(questions, 1);
    status.answered_ms -= STATUS_KEEP_MS;
    status_ask(&status, &calls[2]);
    assert_int_equal(questions, 2);
    answer(DATABASE_DONE, "{\"edges\":2}");
    assert_int_equal(answered, 3);
}

static void a_call_that_has_gone_is_not_answered(void **state)
{
    (void)state;
    status_ask(&status, &calls[0]);
    status_ask(&status, &calls[1]);
    list_remove(&calls[0].in_round);
    answer(DATABASE_DONE, "{}");
    assert_int_equal(answered, 1);
}

static void without_postgresql_nothing_old_is_shown(void **state)
{
    (void)state;
    status_ask(&status, &calls[0]);
    answer(DATABASE_DONE, "{}");
    is_away = true;
    status_ask(&status, &calls[1]);
    assert_int_equal(refused, 1);
    is_away = false;
    status.answered_ms -= STATUS_KEEP_MS;
    status_ask(&status, &calls[2]);
    status_ask(&status, &calls[3]);
    answer(DATABASE_LOST, NULL);
    assert_int_equal(refused, 3);
    assert_int_equal(answered, 1);
    status_ask(&status, &calls[0]);
    assert_int_equal(questions, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(one_question_serves_all_who_ask_meanwhile),
        TEST(the_answer_serves_for_a_while),
        TEST(a_call_that_has_gone_is_not_answered),
        TEST(without_postgresql_nothing_old_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
