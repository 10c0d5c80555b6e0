#include "clients/slip/options.h"

#include <errno.h>

#include "tests/unit/unit.h"

enum { WORDS_MAX = 8 };

static struct options options;
static struct buffer error;

/* Words up to NULL. */
static int parse(const char *const *words)
{
    static char texts[WORDS_MAX][64];
    char *argv[WORDS_MAX + 1] = {NULL};
    int argc = 0;

    for (; words[argc]; argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", words[argc]);
        argv[argc] = texts[argc];
    }
    buffer_clear(&error);
    return options_parse(argc, argv, &options, &error);
}

#define PARSE(...) parse((const char *const[]){"slip", __VA_ARGS__, NULL})

static void options_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--json", "send", "--binary", "id", "--key=k", "text"), 0);
    assert_int_equal(options.command, COMMAND_SEND);
    assert_int_equal(options.argument_count, 2);
    assert_string_equal(options.arguments[1], "text");
    assert_string_equal(options.values[OPTION_KEY], "k");
    assert_non_null(options.values[OPTION_JSON]);
    options_fini(&options);
    assert_int_equal(PARSE("send", "id", "--", "--json"), 0);
    assert_string_equal(options.arguments[1], "--json");
    assert_null(options.values[OPTION_JSON]);
    options_fini(&options);
}

static void numbers_have_bounds(void **state)
{
    int64_t value = 0;

    (void)state;
    assert_int_equal(PARSE("connections", "--limit", "17"), 0);
    assert_true(options_number(&options, OPTION_LIMIT, 0, 17, 5, &value) && value == 17);
    assert_false(options_number(&options, OPTION_LIMIT, 0, 16, 5, &value));
    assert_false(options_number(&options, OPTION_LIMIT, 18, 20, 5, &value));
    assert_true(options_number(&options, OPTION_TIMEOUT, 1, 20, 5, &value) && value == 5);
    options_fini(&options);
}

static void wrong_words_are_named(void **state)
{
    (void)state;
    assert_int_equal(PARSE("jump"), -EINVAL);
    assert_non_null(memmem(error.data, error.length, "jump", 4));
    options_fini(&options);
    assert_int_equal(PARSE("status", "--code", "1"), -EINVAL);
    options_fini(&options);
    assert_int_equal(PARSE("status", "too", "many"), -EINVAL);
    options_fini(&options);
    assert_int_equal(PARSE("send", "--key"), -EINVAL);
    options_fini(&options);
    buffer_fini(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(wrong_words_are_named),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
