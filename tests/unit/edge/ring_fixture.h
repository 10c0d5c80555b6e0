/* The ring of a test program, begun anew for each of its tests. Included by one file of a program.
 *
 *     static const char *hurried[] = {"CLOSE_TIMEOUT=100ms", NULL};
 *     RING_TEST(test_it, hurried)     among the tests; NULL: the ring's own settings
 */
#ifndef SLIP_UNIT_EDGE_RING_FIXTURE_H
#define SLIP_UNIT_EDGE_RING_FIXTURE_H

#include "tests/unit/edge/ring.h"

static struct ring ring;

static int ring_set_up(void **state)
{
    ring_start(&ring, *state);
    return 0;
}

/* The edge asserts at its end that nothing is left in its counts. */
static int ring_tear_down(void **state)
{
    (void)state;
    ring_stop(&ring);
    return 0;
}

#define RING_TEST(test, wanted)                                                  \
    {                                                                            \
        .name = #test " " #wanted, .test_func = test, .setup_func = ring_set_up, \
        .teardown_func = ring_tear_down, .initial_state = (void *)(wanted),      \
    }

#endif
