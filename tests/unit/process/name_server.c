#include "tests/unit/process/name_server.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 8, ADDRESSES = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static struct {
    pthread_t loop;
    struct {
        const char *host;
        char addresses[128];
        int error;
    } hosts[HOSTS];
    size_t count;
    bool is_held;
    unsigned asked, answered, asked_by_loop;
} server;

void name_server_reset(void)
{
    pthread_mutex_lock(&lock);
    memset(&server, 0, sizeof server);
    server.loop = pthread_self();
    pthread_mutex_unlock(&lock);
}

void name_server_say(const char *host, const char *addresses, int error)
{
    size_t i = 0;
    pthread_mutex_lock(&lock);
    while (i < server.count && strcmp(server.hosts[i].host, host) != 0)
        i++;
    if (i == HOSTS)
        abort();
    server.count += i == server.count;
    server.hosts[i].host = host;
    snprintf(server.hosts[i].addresses, sizeof server.hosts[i].addresses, "%s", addresses);
    server.hosts[i].error = error;
    pthread_mutex_unlock(&lock);
}

void name_server_hold(bool is_held)
{
    pthread_mutex_lock(&lock);
    server.is_held = is_held;
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&lock);
}

static unsigned read_counter(const unsigned *counter)
{
    pthread_mutex_lock(&lock);
    unsigned value = *counter;
    pthread_mutex_unlock(&lock);
    return value;
}

unsigned name_server_asked(void)
{
    return read_counter(&server.asked);
}

unsigned name_server_answered(void)
{
    return read_counter(&server.answered);
}

unsigned name_server_asked_by_loop(void)
{
    return read_counter(&server.asked_by_loop);
}

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                            struct addrinfo **ret_found)
{
    look_up *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, ret_found);
}

static int answer(size_t host, const char *service, const struct addrinfo *hints,
                  struct addrinfo **ret_found)
{
    char text[sizeof server.hosts[host].addresses], *rest = text;
    struct addrinfo **end = ret_found;
    strcpy(text, server.hosts[host].addresses);
    *ret_found = NULL;
    for (char *address; (address = strsep(&rest, " "));) {
        if (*address && real_getaddrinfo(address, service, hints, end) != 0)
            abort();
        while (*end)
            end = &(*end)->ai_next;
    }
    return *ret_found ? 0 : server.hosts[host].error;
}

static int answer_in_time(const char *node, const char *service, const struct addrinfo *hints,
                          struct addrinfo **ret_found)
{
    server.asked++;
    if (pthread_equal(server.loop, pthread_self())) {
        server.asked_by_loop++;
        return EAI_FAIL;
    }
    while (server.is_held)
        pthread_cond_wait(&released, &lock);
    server.answered++;
    for (size_t i = 0; i < server.count; i++)
        if (strcmp(server.hosts[i].host, node) == 0)
            return answer(i, service, hints, ret_found);
    return EAI_NONAME;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_found)
{
    const char *suffix = node ? strrchr(node, '.') : NULL;
    if (!suffix || strcmp(suffix, ".test") != 0)
        return real_getaddrinfo(node, service, hints, ret_found);
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    pthread_mutex_lock(&lock);
    int rc = answer_in_time(node, service, hints, ret_found);
    pthread_mutex_unlock(&lock);
    return rc;
}
