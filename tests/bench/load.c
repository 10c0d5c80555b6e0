/* The load client: `load MODE NAME=VALUE…` puts a broker under one kind of load and prints one line
 * of JSON. It checks every byte that comes back; on anything lost, doubled, out of order or changed
 * it prints why, and no result.
 */
#include <stdio.h>
#include <string.h>

#include "tests/bench/modes.h"
#include "tests/bench/poller.h"

static const struct {
    const char *name;
    void (*run)(const struct options *options, struct processes *processes);
} modes[] = {
    {"echo", mode_echo},     {"burst", mode_burst},       {"rate", mode_rate},
    {"fanout", mode_fanout}, {"connects", mode_connects}, {"idle", mode_idle},
    {"churn", mode_churn},
};

int main(int count, char **arguments)
{
    static struct options options;
    static struct processes processes;
    for (size_t i = 0; count > 1 && i < ARRAY_LENGTH(modes); i++) {
        if (strcmp(arguments[1], modes[i].name) != 0)
            continue;
        options_parse(&options, count - 2, arguments + 2);
        processes_init(&processes, options.pids);
        poller_open();
        modes[i].run(&options, &processes);
        return 0;
    }
    fputs("usage: load echo|burst|rate|fanout|connects|idle|churn [NAME=VALUE…]\n", stderr);
    return 2;
}
