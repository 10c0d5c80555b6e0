#include "webhook-worker/worker.h"

int main(int argc, char **argv)
{
    static const struct program program = {
        .id = PROGRAM_WORKER,
        .create = worker_create,
        .drain = worker_drain,
        .drain_limit_ms = worker_drain_limit_ms,
        .check_ready = worker_check_ready,
        .measure = worker_measure,
        .destroy = worker_destroy,
    };
    return lifecycle_main(argc, argv, &program);
}
