#include "tests/unit/unit.h"

#include <errno.h>

#include "common/process/address.h"

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1", 80},
        {"router.example:7100", "router.example", 7100},
        {"my_service-1:65535", "my_service-1", 65535},
        {"[::]:0", "::", 0},
        {"[2001:db8::1]:443", "2001:db8::1", 443},
        {"[::ffff:192.0.2.1]:1", "::ffff:192.0.2.1", 1},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct address address;
        char text[ADDRESS_TEXT_SIZE];
        assert_int_equal(address_parse(span_text(rows[i].text), 0, &address), 0);
        assert_string_equal(address.host, rows[i].host);
        assert_int_equal(address.port, rows[i].port);
        address_format(&address, text);
        assert_string_equal(text, rows[i].text);
        address_fini(&address);
        assert_null(address.host);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",      "host",     ":80",      "host:",    "host:x",      "host:65536", "host:-1",
        "a b:1", "::1:80",   "[::1]80",  "[::1:80",  "[]:80",       "[host]:80",  "[1.2.3.4]:80",
        "[:80",  "host:80:", "h\nost:1", "host: 80", "http://h:80", "[::g]:80",   "h/x:80",
    };
    struct address address = {.port = 7};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_int_equal(address_parse(span_text(rows[i]), 0, &address), -EINVAL);
    assert_int_equal(address_parse(span_text("host:0"), 1, &address), -EINVAL);
    assert_int_equal(address_parse(span_of("h\0st:1", 6), 0, &address), -EINVAL);
    assert_int_equal(address.port, 7);
}

static void test_host_length(void **state)
{
    (void)state;
    char text[300];
    struct address address;
    memset(text, 'a', sizeof(text));
    memcpy(text + 255, ":1", 2);
    assert_int_equal(address_parse(span_of(text, 257), 0, &address), 0);
    char formatted[ADDRESS_TEXT_SIZE];
    address_format(&address, formatted);
    assert_int_equal(strlen(formatted), 257);
    address_fini(&address);
    memcpy(text + 255, "a:1", 3);
    assert_int_equal(address_parse(span_of(text, 258), 0, &address), -EINVAL);
}

static void test_list(void **state)
{
    (void)state;
    struct address_list list;
    assert_int_equal(address_list_parse(span_text("a:1, [::1]:2 ,c:3"), &list), 0);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[1].host, "::1");
    assert_int_equal(list.items[2].port, 3);
    address_list_fini(&list);
    assert_int_equal(list.count, 0);
    assert_int_equal(address_list_parse(span_text(""), &list), -EINVAL);
    assert_int_equal(address_list_parse(span_text("a:1,"), &list), -EINVAL);
    assert_int_equal(address_list_parse(span_text("a:1,b:0"), &list), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_host_length),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
