#include "router/router.h"

int main(int argc, char **argv)
{
    static const struct program program = {
        .id = PROGRAM_ROUTER,
        .create = router_create,
        .drain = router_drain,
        .drain_limit_ms = router_drain_limit_ms,
        .check_ready = router_check_ready,
        .measure = router_measure,
        .destroy = router_destroy,
    };
    return lifecycle_main(argc, argv, &program);
}
