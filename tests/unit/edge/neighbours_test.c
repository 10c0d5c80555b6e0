#include "edge/neighbours.h"

#include "tests/unit/unit.h"

static struct client_address address(const char *text)
{
    struct client_address result;
    assert_int_equal(client_address_parse(span_text(text), &result), 0);
    return result;
}

static size_t count(const struct neighbours *neighbours, const char *text)
{
    struct client_address wanted = address(text);
    return neighbours_count(neighbours, &wanted);
}

static struct neighbour *enter(struct neighbours *neighbours, const char *text)
{
    struct client_address wanted = address(text);
    return neighbours_enter(neighbours, &wanted);
}

static void test_addresses_are_counted_apart(void **state)
{
    (void)state;
    struct neighbours neighbours;
    neighbours_init(&neighbours);
    assert_int_equal(count(&neighbours, "192.0.2.1"), 0);
    struct neighbour *first = enter(&neighbours, "192.0.2.1");
    struct neighbour *second = enter(&neighbours, "192.0.2.1");
    struct neighbour *other = enter(&neighbours, "192.0.2.2");
    assert_int_equal(count(&neighbours, "192.0.2.1"), 2);
    assert_int_equal(count(&neighbours, "192.0.2.2"), 1);
    neighbours_leave(&neighbours, &first);
    assert_null(first);
    neighbours_leave(&neighbours, &first);
    assert_int_equal(count(&neighbours, "192.0.2.1"), 1);
    neighbours_leave(&neighbours, &second);
    neighbours_leave(&neighbours, &other);
    assert_int_equal(neighbours.by_key.count, 0);
    neighbours_fini(&neighbours);
}

/* Whoever has one address of a /64 has them all. */
static void test_ipv6_counts_by_network(void **state)
{
    (void)state;
    struct neighbours neighbours;
    neighbours_init(&neighbours);
    struct neighbour *first = enter(&neighbours, "2001:db8:0:1::1");
    struct neighbour *second = enter(&neighbours, "2001:db8:0:1:ffff::2");
    struct neighbour *other = enter(&neighbours, "2001:db8:0:2::1");
    assert_int_equal(count(&neighbours, "2001:db8:0:1::3"), 2);
    assert_int_equal(count(&neighbours, "2001:db8:0:2::3"), 1);
    neighbours_leave(&neighbours, &first);
    assert_int_equal(count(&neighbours, "2001:db8:0:1::3"), 1);
    neighbours_leave(&neighbours, &second);
    neighbours_leave(&neighbours, &other);
    neighbours_fini(&neighbours);
}

/* Of a UNIX socket, say: all of them are one. */
static void test_unknown_addresses_are_one(void **state)
{
    (void)state;
    struct neighbours neighbours;
    struct client_address unknown = {0};
    neighbours_init(&neighbours);
    struct neighbour *first = neighbours_enter(&neighbours, &unknown);
    assert_int_equal(neighbours_count(&neighbours, &unknown), 1);
    neighbours_leave(&neighbours, &first);
    neighbours_fini(&neighbours);
}

static void test_clients_wait_in_a_row(void **state)
{
    (void)state;
    struct neighbours neighbours;
    struct list links[3];
    struct client_address here = address("192.0.2.1"), there = address("192.0.2.2");
    neighbours_init(&neighbours);
    struct neighbour *first = neighbours_arrive(&neighbours, &here, &links[0]);
    struct neighbour *second = neighbours_arrive(&neighbours, &here, &links[1]);
    struct neighbour *other = neighbours_arrive(&neighbours, &there, &links[2]);
    struct neighbour *connection = neighbours_enter(&neighbours, &here);
    assert_int_equal(neighbours_arrived(first), 2);
    assert_int_equal(neighbours_count(&neighbours, &here), 1);
    assert_ptr_equal(neighbours_oldest(first), &links[0]);
    neighbours_depart(&neighbours, &first, &links[0]);
    assert_null(first);
    assert_ptr_equal(neighbours_oldest(second), &links[1]);
    neighbours_leave(&neighbours, &connection);
    assert_int_equal(neighbours_arrived(second), 1);
    neighbours_depart(&neighbours, &second, &links[1]);
    assert_int_equal(neighbours.by_key.count, 1);
    neighbours_depart(&neighbours, &other, &links[2]);
    neighbours_depart(&neighbours, &other, &links[2]);
    neighbours_fini(&neighbours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_counted_apart),
        cmocka_unit_test(test_ipv6_counts_by_network),
        cmocka_unit_test(test_unknown_addresses_are_one),
        cmocka_unit_test(test_clients_wait_in_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
