#include "edge/peers.h"

#include "common/process/log.h"

int peers_connect(struct edge *edge, const struct address_list *addresses, const char *role,
                  const struct link_handlers *handlers, void *context, struct link_set **ret_set)
{
    const struct config *config = edge->config;
    const struct link_options options = {
        .role = "edge",
        .stack = config->stack_name,
        .name = edge->id,
        .heartbeat_ms = config->heartbeat_ms,
        .peer_timeout_ms = config->peer_timeout_ms,
        .resolve_interval_ms = config->resolve_interval_ms,
        .buffer_bytes = config->link_buffer_bytes,
        .handlers = *handlers,
        .context = context,
    };
    struct buffer text = {0};
    for (size_t i = 0; i < addresses->count; i++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&addresses->items[i], address);
        buffer_append_text(&text, i > 0 ? "," : "");
        buffer_append_text(&text, address);
    }
    buffer_append_byte(&text, '\0');
    int rc = link_set_connect(edge->loop, &options, text.data, role, ret_set);
    if (rc < 0)
        log_error("cannot connect", LOG_TEXT("to", role), LOG_TEXT("addresses", text.data),
                  LOG_ERRNO(rc));
    buffer_fini(&text);
    return rc;
}

void peers_log_up(const char *message, const struct link *link)
{
    log_info(message, LOG_SPAN("name", link_peer_name(link)),
             LOG_TEXT("address", link_address(link)));
}

void peers_log_down(const char *message, const struct link *link)
{
    static const char *const ends[] = {
        [LINK_END_NONE] = "none",         [LINK_END_RESYNC] = "unknown to the peer",
        [LINK_END_REPLACED] = "replaced", [LINK_END_BYE] = "said goodbye",
        [LINK_END_OVERFLOW] = "overflow", [LINK_END_FORGOTTEN] = "forgotten",
        [LINK_END_DROPPED] = "dropped",
    };
    log_info(message, LOG_SPAN("name", link_peer_name(link)),
             LOG_TEXT("address", link_address(link)), LOG_TEXT("why", ends[link_end(link)]));
}

void peers_log_refused(const char *message, const struct link *link, struct span reason)
{
    log_warning(message, LOG_TEXT("address", link_address(link)), LOG_SPAN("reason", reason));
}
