#include "common/wire/session.h"

enum metric_label_peer link_peer_label(struct span role)
{
    static const struct {
        const char *role;
        enum metric_label_peer label;
    } labels[] = {
        {"edge", LABEL_PEER_EDGE},
        {"router", LABEL_PEER_ROUTER},
        {"webhook-worker", LABEL_PEER_WORKER},
        {"control", LABEL_PEER_CONTROL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(labels); i++)
        if (span_is(role, labels[i].role))
            return labels[i].label;
    return LABEL_PEER_UNKNOWN;
}

/* What belongs to the sessions with peers of this role. */
static struct link_traffic traffic_of(const struct link_set *set, enum metric_label_peer peer)
{
    return peer == LABEL_PEER_UNKNOWN ? (struct link_traffic){0} : set->traffic[peer];
}

/* Everything that is counted, less what belongs to sessions: greetings, strangers, garbage. */
static struct link_traffic outside_of_sessions(const struct link_set *set)
{
    const struct link_counters *all = &set->counters;
    struct link_traffic rest = {
        .packets_sent = all->packets_sent,
        .packets_received = all->packets_received,
        .bytes_sent = all->bytes_sent,
        .bytes_received = all->bytes_received,
        .resends = all->resends,
        .resyncs = all->resyncs,
        .malformed = all->malformed,
    };
    for (enum metric_label_peer peer = 0; peer < LABEL_COUNT_peer; peer++) {
        const struct link_traffic known = traffic_of(set, peer);
        rest.packets_sent -= known.packets_sent;
        rest.packets_received -= known.packets_received;
        rest.bytes_sent -= known.bytes_sent;
        rest.bytes_received -= known.bytes_received;
        rest.resends -= known.resends;
        rest.resyncs -= known.resyncs;
        rest.malformed -= known.malformed;
    }
    return rest;
}

static struct link_traffic sum(const struct link_traffic *a, const struct link_traffic *b)
{
    return (struct link_traffic){
        .packets_sent = a->packets_sent + b->packets_sent,
        .packets_received = a->packets_received + b->packets_received,
        .bytes_sent = a->bytes_sent + b->bytes_sent,
        .bytes_received = a->bytes_received + b->bytes_received,
        .resends = a->resends + b->resends,
        .resyncs = a->resyncs + b->resyncs,
        .malformed = a->malformed + b->malformed,
        .lost = a->lost + b->lost,
    };
}

static void show_traffic(enum metric_label_peer peer, const struct link_traffic *traffic)
{
    metric_set_label(METRIC_LINK_PACKETS_SENT, peer, (int64_t)traffic->packets_sent);
    metric_set_label(METRIC_LINK_PACKETS_RECEIVED, peer, (int64_t)traffic->packets_received);
    metric_set_label(METRIC_LINK_BYTES_SENT, peer, (int64_t)traffic->bytes_sent);
    metric_set_label(METRIC_LINK_BYTES_RECEIVED, peer, (int64_t)traffic->bytes_received);
    metric_set_label(METRIC_LINK_RESENDS, peer, (int64_t)traffic->resends);
    metric_set_label(METRIC_LINK_RESYNCS, peer, (int64_t)traffic->resyncs);
    metric_set_label(METRIC_LINK_MALFORMED, peer, (int64_t)traffic->malformed);
    metric_set_label(METRIC_LINK_LOST, peer, (int64_t)traffic->lost);
}

static void show_links(const struct link_set *set, enum metric_label_peer peer)
{
    int64_t count = 0, buffered_bytes = 0;
    for (struct link *link = link_set_first(set); link; link = link_set_next(set, link)) {
        if (link->peer != peer)
            continue;
        count += !link->silence_told;
        buffered_bytes += (int64_t)link_buffered_bytes(link);
    }
    metric_set_label(METRIC_LINK_PEERS, peer, count);
    metric_set_label(METRIC_LINK_BUFFERED, peer, buffered_bytes);
}

void link_set_measure(const struct link_set *set, enum metric_label_peer stranger)
{
    if (!set)
        return;
    const struct link_traffic rest = outside_of_sessions(set);
    for (enum metric_label_peer peer = 0; peer < LABEL_COUNT_peer; peer++) {
        struct link_traffic traffic = traffic_of(set, peer);
        if (peer != stranger && !traffic.was_there)
            continue;
        if (peer == stranger)
            traffic = sum(&traffic, &rest);
        show_traffic(peer, &traffic);
        show_links(set, peer);
    }
}
