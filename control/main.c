#include "control/console.h"
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
        .admin = {.on_request = console_on_request, .on_gone = console_on_gone},
        .destroy = control_destroy,
    };
    return lifecycle_main(argc, argv, &program);
}
