#include <stdlib.h>

#include "common/wire/report.h"

enum { PEERS_MAX = 4096 }; /* as messages.def has it */

static size_t list_peers(const struct link_set *set, struct record_peer *peers, size_t count)
{
    for (struct link *link = link_set_first(set); link && count < PEERS_MAX;
         link = link_set_next(set, link))
        peers[count++] = (struct record_peer){
            .role = link_peer_role(link),
            .name = link_peer_name(link),
            .silent_ms = (uint64_t)link_silent_ms(link),
            .buffered_bytes = link_buffered_bytes(link),
        };
    return count;
}

void report_put_connected(struct buffer *packet, enum program_id program, struct span name,
                          const struct message_measure *measure, const struct link_set *const *sets,
                          size_t count)
{
    struct record_peer *peers = xcalloc(PEERS_MAX, sizeof *peers);
    size_t peer_count = 0;
    for (size_t i = 0; i < count; i++)
        peer_count = list_peers(sets[i], peers, peer_count);
    report_put(packet, program, name, measure,
               (struct record_peer_list){.items = peers, .count = peer_count});
    free(peers);
}
