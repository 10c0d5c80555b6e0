#include "common/process/program.h"

#include "common/base/base.h"

const char *program_name(enum program_id program)
{
    switch (program) {
    case PROGRAM_EDGE:
        return "slip-edge";
    case PROGRAM_ROUTER:
        return "slip-router";
    case PROGRAM_WORKER:
        return "slip-webhook-worker";
    case PROGRAM_CONTROL:
        return "slip-control";
    case PROGRAM_ALL:
        break;
    }
    return "slip";
}

void program_write_set(unsigned int programs, FILE *stream)
{
    static const char *const names[] = {"edge", "router", "worker", "control"};
    const char *separator = "";
    if (programs == PROGRAM_ALL) {
        fputs("all", stream);
        return;
    }
    for (unsigned int i = 0; i < ARRAY_LENGTH(names); i++)
        if (programs & 1u << i) {
            fprintf(stream, "%s%s", separator, names[i]);
            separator = ", ";
        }
}
