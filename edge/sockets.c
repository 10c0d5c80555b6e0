#include "edge/sockets.h"

#include <limits.h>
#include <sys/resource.h>

#include "common/process/log.h"
#include "edge/client.h"
#include "edge/edge.h"
#include "edge/linger.h"

struct sockets sockets_share(size_t descriptors, size_t own, size_t max_connections)
{
    size_t left = descriptors > own ? descriptors - own : 0;
    size_t share = left - min_size(SOCKETS_RESERVE, left / 2);
    size_t room = share - share / 8;
    return (struct sockets){.share = share,
                            .max_connections = max_size(min_size(max_connections, room), 1)};
}

static size_t descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return INT_MAX;
    return limit.rlim_cur < INT_MAX ? (size_t)limit.rlim_cur : INT_MAX;
}

/* The kernel gives the lowest number that is free: those below the listener's are taken. */
void sockets_begin(struct edge *edge)
{
    size_t wanted = edge->config->max_connections, descriptors = descriptor_limit();
    size_t own = (size_t)edge->acceptor.source.fd + 1;
    edge->sockets = sockets_share(descriptors, own, wanted);
    if (edge->sockets.max_connections < wanted)
        log_warning("the limit of file descriptors is too low for MAX_CONNECTIONS",
                    LOG_UINT("descriptors", descriptors), LOG_UINT("max_connections", wanted),
                    LOG_UINT("holds", edge->sockets.max_connections));
}

static size_t held(const struct edge *edge)
{
    return edge->client_count + edge->lingering_count + edge->in_stage[STAGE_PENDING] +
           edge->in_stage[STAGE_OPEN] + edge->in_stage[STAGE_CLOSING];
}

static void note(struct edge *edge)
{
    static struct log_limit limit;
    log_limited(&limit, LOG_LEVEL_INFO, "too many sockets that are no connections: one is cut",
                LOG_UINT("clients", edge->client_count),
                LOG_UINT("lingering", edge->lingering_count));
}

void sockets_make_room(struct edge *edge)
{
    while (edge->client_count > 0 || edge->lingering_count > 0) {
        bool is_full = held(edge) > edge->sockets.share;
        if (edge->lingering_count > (is_full ? 0 : SOCKETS_PASSING_MAX))
            linger_cut_oldest(edge);
        else if (is_full || edge->client_count > SOCKETS_PASSING_MAX)
            client_evict_oldest(edge);
        else
            return;
        note(edge);
    }
}
