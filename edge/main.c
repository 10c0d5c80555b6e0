#include "edge/edge.h"

int main(int argc, char **argv)
{
    static const struct program program = {
        .id = PROGRAM_EDGE,
        .create = edge_create,
        .drain = edge_drain,
        .drain_limit_ms = drain_limit_ms,
        .frozen = edge_frozen,
        .check_ready = edge_check_ready,
        .measure = edge_measure,
        .destroy = edge_destroy,
    };
    return lifecycle_main(argc, argv, &program);
}
