/* Preloaded into a program under test: the host db.test is at 127.0.0.1, but the name server says
 * nothing as long as the file NAMES_SILENT_FILE exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret_found)
{
    const char *path = getenv("NAMES_SILENT_FILE");
    look_up *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!path || !node || strcmp(node, "db.test") != 0)
        return real(node, service, hints, ret_found);
    if (hints && hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    while (access(path, F_OK) == 0)
        usleep(10000);
    return real("127.0.0.1", service, hints, ret_found);
}
