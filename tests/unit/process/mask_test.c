#include "tests/unit/unit.h"

#include <stdlib.h>

#include "common/process/mask.h"

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *text, *masked;
    } rows[] = {
        {"", ""},
        {"just text", "just text"},
        {"postgresql://user:secret@host/db", "postgresql://user:***@host/db"},
        {"postgresql://user@host/db", "postgresql://user@host/db"},
        {"postgresql://user:@host/db", "postgresql://user:***@host/db"},
        {"postgresql://u:a:b@c@host:5432/db", "postgresql://u:***@host:5432/db"},
        {"postgresql://u:a/b@host/db", "postgresql://u:***@host/db"},
        {"postgresql://u:a?b@host/db", "postgresql://u:***@host/db"},
        {"postgresql:///db?host=/run&password=secret&x=1",
         "postgresql:///db?host=/run&password=***&x=1"},
        {"postgresql://u:p@h/db?sslpassword=s&sslmode=require",
         "postgresql://u:***@h/db?sslpassword=***&sslmode=require"},
        {"http://host:8080/users/@me?mail=a@b", "http://host:8080/users/@me?mail=a@b"},
        {"http://host?", "http://host?"},
        {"http://host?&&password", "http://host?&&password"},
        {"host=h password=secret user=u", "host=h password=*** user=u"},
        {"host=h password = secret", "host=h password = ***"},
        {"password='it\\'s a secret' user=u", "password=*** user=u"},
        {"password='a b", "password=***"},
        {"password=a\\ b user=u", "password=*** user=u"},
        {"PASSWORD=x", "PASSWORD=***"},
        {"sslpassword=x", "sslpassword=***"},
        {"password=", "password=***"},
        {"passwordx=y mypassword=z", "passwordx=y mypassword=z"},
        {"host='a password=b'", "host='a password=b'"},
        {"  ", "  "},
        {"a=b\\", "a=b\\"},
        {"=", "="},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *masked = mask_passwords(rows[i].text);
        assert_string_equal(masked, rows[i].masked);
        free(masked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mask)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
