#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "common/process/network.h"

static bool contains(const char *networks, const char *address)
{
    struct network_list list;
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    const struct sockaddr *socket_address = (struct sockaddr *)&ipv4;
    assert_int_equal(network_list_parse(span_text(networks), &list), 0);
    if (inet_pton(AF_INET, address, &ipv4.sin_addr) != 1) {
        assert_int_equal(inet_pton(AF_INET6, address, &ipv6.sin6_addr), 1);
        socket_address = (struct sockaddr *)&ipv6;
    }
    bool result = network_contains(&list, socket_address);
    network_list_fini(&list);
    return result;
}

static void test_contains(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("192.168.4.0/23", "192.168.5.255"));
    assert_false(contains("192.168.4.0/23", "192.168.6.0"));
    assert_true(contains("192.0.2.1", "192.0.2.1"));
    assert_false(contains("192.0.2.1", "192.0.2.0"));
    assert_true(contains("0.0.0.0/0", "203.0.113.9"));
    assert_false(contains("0.0.0.0/0", "2001:db8::1"));
    assert_true(contains("::/0", "2001:db8::1"));
    assert_true(contains("fd00::/9", "fd7f::1"));
    assert_false(contains("fd00::/9", "fd80::1"));
    assert_true(contains("2001:db8::1/128", "2001:db8::1"));
    assert_false(contains("2001:db8::1/128", "2001:db8::2"));
    assert_true(contains("fd00::/8, 10.0.0.0/8", "10.1.1.1"));
    assert_false(contains("", "10.1.1.1"));
}

/* How an IPv4 client looks on an IPv6 socket. */
static void test_mapped(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_false(contains("10.0.0.0/8", "::ffff:11.1.2.3"));
    assert_true(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
}

static void test_other_families(void **state)
{
    (void)state;
    struct network_list list;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_int_equal(network_list_parse(span_text("0.0.0.0/0,::/0"), &list), 0);
    assert_false(network_contains(&list, (struct sockaddr *)&local));
    network_list_fini(&list);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "10.0.0.0/33",  "10.0.0.0/",   "10.0.0/8",    "10.0.0.0/-1", "host",
        "::/129",       ",",           "10.0.0.0/8,", "10.0.0.1/8",  "fd00::1/8",
        "10.0.0.0/8/8", "10.0.0.0 /8", "/8",          "1.2.3.4;",
    };
    struct network_list list = {.count = 7};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_int_equal(network_list_parse(span_text(rows[i]), &list), -EINVAL);
    assert_int_equal(list.count, 7);
}

static void test_format(void **state)
{
    (void)state;
    struct network_list list;
    char text[NETWORK_TEXT_SIZE];
    assert_int_equal(network_list_parse(span_text("10.0.0.0/8,::1,fd00::/8,0.0.0.0/0,::/0"), &list),
                     0);
    static const char *const expected[] = {"10.0.0.0/8", "::1/128", "fd00::/8", "0.0.0.0/0",
                                           "::/0"};
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        network_format(&list.items[i], text);
        assert_string_equal(text, expected[i]);
    }
    network_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contains),       cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_other_families), cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
