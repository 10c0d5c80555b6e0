/* Whom X-Forwarded-For makes the client. Trusted are 10.0.0.0/8 and fd00::/8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/protocol/forwarded.h"

static const struct {
    const char *peer;
    const char *headers[3];
    const char *client;
} cases[] = {
    {"192.0.2.9", {NULL}, "192.0.2.9"},
    {"192.0.2.9", {"192.0.2.1"}, "192.0.2.9"}, /* who is not trusted is not asked */
    {"10.0.0.1", {NULL}, "10.0.0.1"},
    {"10.0.0.1", {"192.0.2.1"}, "192.0.2.1"},
    {"10.0.0.1", {"192.0.2.66, 192.0.2.1"}, "192.0.2.1"}, /* the first was forged by the second */
    {"10.0.0.1", {"192.0.2.66,192.0.2.1 , 10.0.0.2,10.0.0.3"}, "192.0.2.1"},
    {"10.0.0.1", {"10.0.0.3, 10.0.0.2"}, "10.0.0.3"}, /* all trusted: the farthest */
    {"10.0.0.1", {"192.0.2.66", "192.0.2.1, 10.0.0.2"}, "192.0.2.1"}, /* headers are one list */
    {"10.0.0.1", {"192.0.2.66", "192.0.2.1", "10.0.0.2"}, "192.0.2.1"},
    {"::ffff:10.0.0.1", {"::ffff:192.0.2.1"}, "192.0.2.1"},
    {"fd00::1", {"2001:db8::1"}, "2001:db8::1"},
    /* ports */
    {"10.0.0.1", {"192.0.2.1:1234"}, "192.0.2.1"},
    {"10.0.0.1", {"[2001:db8::1]"}, "2001:db8::1"},
    {"10.0.0.1", {"[2001:db8::1]:443"}, "2001:db8::1"},
    {"10.0.0.1", {"192.0.2.1, 10.0.0.2:99, [fd00::2]:5"}, "192.0.2.1"},
    /* malformed entries stop the walk */
    {"10.0.0.1", {""}, "10.0.0.1"},
    {"10.0.0.1", {"unknown"}, "10.0.0.1"},
    {"10.0.0.1", {"192.0.2.66, junk, 10.0.0.2"}, "10.0.0.2"},
    {"10.0.0.1", {"192.0.2.66", "", "10.0.0.2"}, "10.0.0.2"},
    {"10.0.0.1", {"192.0.2.66,,10.0.0.2"}, "10.0.0.2"},
    {"10.0.0.1", {"192.0.2.1:"}, "10.0.0.1"},
    {"10.0.0.1", {"192.0.2.1:65536"}, "10.0.0.1"},
    {"10.0.0.1", {"192.0.2.1:x"}, "10.0.0.1"},
    {"10.0.0.1", {":80"}, "10.0.0.1"},
    {"10.0.0.1", {"[192.0.2.1]"}, "10.0.0.1"},
    {"10.0.0.1", {"[2001:db8::1"}, "10.0.0.1"},
    {"10.0.0.1", {"[2001:db8::1]443"}, "10.0.0.1"},
    {"10.0.0.1", {"[2001:db8::1]:"}, "10.0.0.1"},
    {"10.0.0.1", {"[]"}, "10.0.0.1"},
    {"10.0.0.1", {"fe80::1%eth0"}, "10.0.0.1"},
    {"10.0.0.1", {"\"192.0.2.1\""}, "10.0.0.1"},
};

static bool is_trusted(void *context, const struct client_address *address)
{
    const int *trusted_network = context;
    return (address->length == 4 && address->bytes[0] == *trusted_network) ||
           (address->length == 16 && address->bytes[0] == 0xfd);
}

static void clients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct request request = {0};
        struct client_address peer, client;
        char text[CLIENT_ADDRESS_TEXT_MAX];
        for (size_t k = 0; k < 3 && cases[i].headers[k]; k++)
            request.headers[request.header_count++] = (struct request_header){
                span_text("x-forwarded-for"), span_text(cases[i].headers[k])};
        request.headers[request.header_count++] =
            (struct request_header){span_text("x-other"), span_text("192.0.2.77")};
        assert_int_equal(client_address_parse(span_text(cases[i].peer), &peer), 0);
        int trusted_network = 10;
        client = forwarded_client(&peer, &request, is_trusted, &trusted_network);
        client_address_format(&client, text);
        if (strcmp(text, cases[i].client) != 0)
            fail_msg("case %zu: %s, not %s", i, text, cases[i].client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
