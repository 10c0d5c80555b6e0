/* Writes a generated page to standard output: configuration, metrics or protocol. The pages come
 * from the tables that the programs are made of, so they cannot say anything else. */
#include <stdio.h>
#include <string.h>

#include "common/process/config.h"
#include "common/process/metrics.h"
#include "common/wire/wire.h"

static const struct {
    const char *name;
    void (*write)(FILE *stream);
} pages[] = {
    {"configuration", config_write_docs},
    {"metrics", metrics_write_docs},
    {"protocol", wire_write_docs},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < ARRAY_LENGTH(pages); i++) {
        if (strcmp(argv[1], pages[i].name) == 0) {
            pages[i].write(stdout);
            return fflush(stdout) == 0 ? 0 : 1;
        }
    }
    fprintf(stderr, "usage: %s configuration|metrics|protocol\n", argv[0]);
    return 2;
}
