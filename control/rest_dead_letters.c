/* Dead letters, for operators. Control writes the wish for a replay down; a router carries it out
 * (router/replay.h). */
#include <stdio.h>

#include "control/control.h"
#include "control/queries.h"
#include "control/reads.h"

/* The path's id as a value, its digits in `number`. false: answered. */
static bool take_id(struct rest_call *call, char number[DATABASE_NUMBER_SIZE],
                    struct database_value *ret_value)
{
    uint64_t id;

    if (span_to_u64(call->letter, INT64_MAX, &id) < 0) {
        rest_answer_problem(call, PROBLEM_NO_SUCH_DEAD_LETTER, span_of(NULL, 0));
        return false;
    }
    *ret_value = database_integer((int64_t)id, number);
    return true;
}

void rest_list_dead_letters(struct rest_call *call)
{
    static const char *const states[] = {"waiting", "replayed", NULL};
    struct database_value connection, state;
    struct page page;

    if (!read_page_parameters(call, &page) || !read_filter(call, "connection", &connection) ||
        !read_state(call, states, "is neither waiting nor replayed", &state))
        return;
    struct database_value values[] = {page_after(&page), connection, state, page_rows(&page)};
    read_page(call, &page, &query_dead_letters, values, ARRAY_LENGTH(values));
}

void rest_read_dead_letter(struct rest_call *call)
{
    struct database_value id;
    char number[DATABASE_NUMBER_SIZE];

    if (take_id(call, number, &id))
        read_one(call, &query_dead_letter, &id, 1, PROBLEM_NO_SUCH_DEAD_LETTER);
}

void rest_replay_dead_letter(struct rest_call *call)
{
    struct database_value id;
    char number[DATABASE_NUMBER_SIZE];

    if (!take_id(call, number, &id))
        return;
    snprintf(call->location, sizeof call->location, "/v1/dead-letters/%s", number);
    write_one(call, &(struct write){.statement = &query_replay_dead_letter,
                                    .exists = &query_dead_letter_exists,
                                    .key = id,
                                    .status = 202,
                                    .none = PROBLEM_NO_SUCH_DEAD_LETTER,
                                    .conflict = PROBLEM_ALREADY_REPLAYED});
}

void rest_discard_dead_letter(struct rest_call *call)
{
    struct database_value id;
    char number[DATABASE_NUMBER_SIZE];

    if (!take_id(call, number, &id))
        return;
    write_one(call, &(struct write){.statement = &query_discard_dead_letter,
                                    .exists = &query_dead_letter_exists,
                                    .key = id,
                                    .status = 204,
                                    .none = PROBLEM_NO_SUCH_DEAD_LETTER,
                                    .conflict = PROBLEM_REPLAY_UNDER_WAY});
}
