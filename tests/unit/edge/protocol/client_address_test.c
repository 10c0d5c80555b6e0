#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/un.h>

#include <cmocka.h>

#include "edge/protocol/client_address.h"

static const struct {
    const char *text;
    const char *formatted; /* NULL: refused */
} texts[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"::", "::"},
    {"::1", "::1"},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"}, /* RFC 5952 §4 */
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"::ffff:c000:201", "192.0.2.1"},
    {"::fffe:192.0.2.1", "::fffe:c000:201"},
    {"", NULL},
    {" 192.0.2.1", NULL},
    {"192.0.2.1 ", NULL},
    {"192.0.2", NULL},
    {"192.0.2.256", NULL},
    {"192.0.2.01", NULL},
    {"192.0.2.1.1", NULL},
    {"[::1]", NULL},
    {"fe80::1%eth0", NULL},
    {"1::2::3", NULL},
    {"unknown", NULL},
    {"0000:0000:0000:0000:0000:0000:255.255.255.2555555", NULL},
};

static void parsing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct client_address address;
        char text[CLIENT_ADDRESS_TEXT_MAX];
        int r = client_address_parse(span_text(texts[i].text), &address);
        if (r != (texts[i].formatted ? 0 : -EINVAL))
            fail_msg("%s: %d", texts[i].text, r);
        if (r < 0)
            continue;
        assert_int_equal(client_address_format(&address, text), strlen(texts[i].formatted));
        assert_string_equal(text, texts[i].formatted);
    }
    struct client_address address;
    assert_int_equal(client_address_parse(span_of("1.2.3.4\0x", 9), &address), -EINVAL);
}

static void sockets(void **state)
{
    (void)state;
    struct sockaddr_storage given = {0}, back;
    char text[CLIENT_ADDRESS_TEXT_MAX];
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = 80};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = 80};
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.0.0.1", &v6.sin6_addr), 1);
    memcpy(&given, &v6, sizeof(v6));
    struct client_address mapped = client_address_of_socket((struct sockaddr *)&given);
    assert_int_equal(inet_pton(AF_INET, "10.0.0.1", &v4.sin_addr), 1);
    memcpy(&given, &v4, sizeof(v4));
    struct client_address plain = client_address_of_socket((struct sockaddr *)&given);
    assert_true(client_address_equal(&mapped, &plain));
    client_address_to_socket(&mapped, &back);
    assert_int_equal(back.ss_family, AF_INET);
    memcpy(&v4, &back, sizeof(v4));
    assert_int_equal(ntohl(v4.sin_addr.s_addr), 0x0a000001);

    v6.sin6_addr = in6addr_loopback;
    memcpy(&given, &v6, sizeof(v6));
    struct client_address loopback = client_address_of_socket((struct sockaddr *)&given);
    assert_false(client_address_equal(&loopback, &plain));
    client_address_to_socket(&loopback, &back);
    assert_int_equal(back.ss_family, AF_INET6);

    memcpy(&given, &local, sizeof(local));
    struct client_address unknown = client_address_of_socket((struct sockaddr *)&given);
    client_address_format(&unknown, text);
    assert_string_equal(text, "unknown");
    client_address_to_socket(&unknown, &back);
    assert_int_equal(back.ss_family, AF_UNSPEC);
    assert_false(client_address_equal(&unknown, &plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsing),
        cmocka_unit_test(sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
