#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/listener.h"

static char localhost[] = "127.0.0.1";

static void test_open_and_taken(void **state)
{
    (void)state;
    struct address address = {.host = localhost, .port = 0};
    int first, second = 77;
    assert_int_equal(listener_open(&address, false, &first), 0);
    address.port = listener_port(first);
    assert_int_not_equal(address.port, 0);
    assert_true(fcntl(first, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(listener_open(&address, false, &second), -EADDRINUSE);
    assert_int_equal(listener_open(&address, true, &second), -EADDRINUSE);
    assert_int_equal(second, 77);
    close(first);
    assert_int_equal(listener_open(&address, false, &second), 0);
    close(second);
}

static void test_shared(void **state)
{
    (void)state;
    struct address address = {.host = localhost, .port = 0};
    int first, second;
    assert_int_equal(listener_open(&address, true, &first), 0);
    address.port = listener_port(first);
    assert_int_equal(listener_open(&address, true, &second), 0);
    assert_int_equal(listener_port(second), address.port);
    close(first);
    close(second);
}

static void test_not_here(void **state)
{
    (void)state;
    char foreign[] = "192.0.2.1", name[] = "no-such-host.invalid";
    struct address address = {.host = foreign, .port = 0};
    int fd;
    assert_int_equal(listener_open(&address, false, &fd), -EADDRNOTAVAIL);
    address.host = name;
    assert_int_equal(listener_open(&address, false, &fd), -EADDRNOTAVAIL);
    assert_int_equal(listener_port(-1), 0);
}

/* A name with two addresses, as the system's resolver might give them: the linker puts this in its
 * place (meson.build). */
static const char *first_address, *second_address;

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list);

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list)
{
    if (strcmp(host, "two-addresses") != 0)
        return __real_getaddrinfo(host, port, hints, ret_list);
    assert_int_equal(__real_getaddrinfo(first_address, port, hints, ret_list), 0);
    return __real_getaddrinfo(second_address, port, hints, &(*ret_list)->ai_next);
}

static void test_the_first_address_of_this_machine(void **state)
{
    char name[] = "two-addresses";
    struct address address = {.host = name, .port = 0};
    int first, second;
    (void)state;
    first_address = "192.0.2.1";
    second_address = localhost;
    assert_int_equal(listener_open(&address, false, &first), 0);
    address.port = listener_port(first);
    assert_int_not_equal(address.port, 0);
    assert_int_equal(listener_open(&address, false, &second), -EADDRINUSE);
    /* Whoever is to have this port is not moved to another address in silence. */
    first_address = localhost;
    second_address = "127.0.0.2";
    assert_int_equal(listener_open(&address, false, &second), -EADDRINUSE);
    first_address = second_address = "192.0.2.1";
    assert_int_equal(listener_open(&address, false, &second), -EADDRNOTAVAIL);
    close(first);
}

/* [::] serves IPv4 clients as well. */
static void test_dual_stack(void **state)
{
    (void)state;
    char any[] = "::";
    struct address address = {.host = any, .port = 0};
    int fd;
    int rc = listener_open(&address, false, &fd);
    if (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL)
        skip(); /* a machine without IPv6 */
    assert_int_equal(rc, 0);
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons(listener_port(fd))};
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&peer, sizeof(peer)), 0);
    close(client);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_and_taken),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_not_here),
        cmocka_unit_test(test_the_first_address_of_this_machine),
        cmocka_unit_test(test_dual_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
