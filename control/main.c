#include "control/control.h"

int main(int argc, char **argv)
{
    static const struct program program = {
        .id = PROGRAM_CONTROL,
        .create = control_create,
        .drain = control_drain,
        .drain_limit_ms = control_drain_limit_ms,
        .check_ready = control_check_ready,
        .measure = control_measure,
        .destroy = control_destroy,
    };
    return lifecycle_main(argc, argv, &program);
}
