#include "control/problem.h"

#include "common/text/json.h"

static const struct {
    const char *type;
    const char *title;
    unsigned int status;
    unsigned int retry_after_s;
} problems[PROBLEM_COUNT] = {
#define PROBLEM(id, status, type, title, retry_after_s) \
    [PROBLEM_##id] = {type, title, status, retry_after_s},
    PROBLEMS(PROBLEM)
#undef PROBLEM
};

unsigned int problem_status(enum problem problem)
{
    return problems[problem].status;
}

const char *problem_type(enum problem problem)
{
    return problems[problem].type;
}

const char *problem_retry_after(enum problem problem)
{
    static const char *const seconds[] = {NULL, "1", "2"};
    ASSERT(problems[problem].retry_after_s < ARRAY_LENGTH(seconds));
    return seconds[problems[problem].retry_after_s];
}

void problem_append(enum problem problem, struct span detail, struct buffer *buffer)
{
    buffer_append_text(buffer, "{\"type\":");
    json_append_string(buffer, span_text(problems[problem].type));
    buffer_append_text(buffer, ",\"title\":");
    json_append_string(buffer, span_text(problems[problem].title));
    buffer_append_format(buffer, ",\"status\":%u", problems[problem].status);
    if (detail.length > 0) {
        buffer_append_text(buffer, ",\"detail\":");
        json_append_foreign(buffer, detail);
    }
    buffer_append_byte(buffer, '}');
}
