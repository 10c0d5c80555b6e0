#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/contract/rules.h"
#include "edge/protocol/close_code.h"
#include "edge/protocol/frame.h"

/* What is sent can be sent, fits a close frame and is told apart by its label. */
static void rows_are_sound(void **state)
{
    (void)state;
    for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
        const struct close_row *row = close_row((enum close_reason)i);
        assert_true(strlen(row->text) <= FRAME_REASON_MAX);
        assert_true(strlen(row->meaning) > 0);
        assert_int_equal(strspn(row->label, "abcdefghijklmnopqrstuvwxyz_"), strlen(row->label));
        assert_int_equal(row->text[0] == '\0', row->code == 0);
        if (row->sends && row->code != 0)
            assert_null(rules_check_close_code(row->code));
        if (!row->sends)
            assert_int_equal(row->code, 1006);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(row->label, close_row((enum close_reason)k)->label);
    }
}

static void promised_codes(void **state)
{
    (void)state;
    assert_int_equal(close_row(CLOSE_GOING_AWAY)->code, 1001);
    assert_int_equal(close_row(CLOSE_RESTART)->code, 1012);
    assert_int_equal(close_row(CLOSE_SLOW_CONSUMER)->code, 1013);
    assert_int_equal(close_row(CLOSE_IDLE)->code, 4000);
    assert_int_equal(close_row(CLOSE_LIFETIME)->code, 4001);
    assert_string_equal(close_row(CLOSE_PING_TIMEOUT)->name, "PING_TIMEOUT");
    static const uint16_t errors[] = {1002, 1007, 1009};
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++)
        assert_int_equal(close_row(close_reason_of_frame_error(errors[i]))->code, errors[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(promised_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
