#include "edge/home.h"

#include "common/base/siphash.h"
#include "common/process/log.h"
#include "common/process/metrics.h"
#include "edge/batch.h"
#include "edge/edge.h"
#include "edge/peers.h"
#include "edge/snapshot.h"

static int64_t patience_ms(const struct home *home)
{
    return home->edge->config->peer_timeout_ms * HOME_SILENT_TENTHS / 10;
}

/* ---- which router ---- */

static void adopt(struct home *home, struct link *link)
{
    struct edge *edge = home->edge;
    char address[ADDRESS_TEXT_SIZE];
    address_format(&edge->config->edge_listen, address);
    const struct message_adopt adopt_message = {
        .connections = edge->connections.count,
        .returning = home->session > 0,
        .address = span_text(address),
    };
    /* How long nobody has been our home: since the last one went, or from now on. */
    if (home_is_adopted(home))
        home->lost_ms = edge_now_ms(edge);
    home->link = home->last = link;
    home->is_adopted = false;
    home->has_left = false;
    home->session++;
    list_remove(&home->snapshot_cursor);
    wire_put_adopt(link_packet(link), &adopt_message);
    log_info("home router chosen", LOG_SPAN("router", link_peer_name(link)));
    batch_begin_session(home);
}

static uint64_t weight(const struct home *home, const struct link *link)
{
    return rendezvous_weight(span_text(home->edge->id), siphash13(link_peer_name(link), 0, 0));
}

/* The best router that is up and was heard lately, or NULL. */
static struct link *best_router(const struct home *home)
{
    struct link *best = NULL;
    for (struct link *link = link_set_first(home->routers); link;
         link = link_set_next(home->routers, link)) {
        if (link == home->link || link_silent_ms(link) >= patience_ms(home))
            continue;
        if (!best || weight(home, link) > weight(home, best))
            best = link;
    }
    return best;
}

static bool is_first_choice_due(const struct home *home)
{
    return link_set_is_settled(home->routers) ||
           edge_now_ms(home->edge) - home->lost_ms >= patience_ms(home);
}

static void look_around(struct home *home)
{
    bool is_due;
    if (home->link)
        is_due = link_silent_ms(home->link) >= patience_ms(home);
    else if (home->session == 0)
        is_due = is_first_choice_due(home);
    else if (home->has_left)
        is_due = true;
    else
        is_due = edge_now_ms(home->edge) - home->lost_ms >= patience_ms(home);
    struct link *router = is_due ? best_router(home) : NULL;
    if (router)
        adopt(home, router);
}

static void on_check(struct loop_timer *timer)
{
    struct home *home = CONTAINER_OF(timer, struct home, check);
    look_around(home);
    edge_check_pressure(home->edge);
    loop_timer_start(home->edge->loop, timer, HOME_CHECK_MS);
}

/* ---- the link's callbacks ---- */

static void on_up(void *context, struct link *link)
{
    struct home *home = context;
    peers_log_up("router joined", link);
    if (!home->link && link == home->last)
        adopt(home, link);
    else
        look_around(home);
}

static void on_down(void *context, struct link *link)
{
    struct home *home = context;
    peers_log_down("router left", link);
    if (link != home->link)
        return;
    if (home_is_adopted(home))
        home->lost_ms = edge_now_ms(home->edge);
    home->link = NULL;
    home->is_adopted = false;
    home->has_left = link_end(link) == LINK_END_BYE;
    look_around(home);
}

static void on_silent(void *context, struct link *link)
{
    const struct home *home = context;
    if (link == home->link)
        log_warning("the home router is silent", LOG_SPAN("router", link_peer_name(link)),
                    LOG_TEXT("address", link_address(link)));
}

static void on_received(void *context, struct link *link)
{
    struct home *home = context;
    if (link == home->link && !list_is_empty(&home->pumping))
        loop_defer(home->edge->loop, &home->pump);
    edge_check_pressure(home->edge);
}

static void on_refused(void *context, struct link *link, struct span reason)
{
    (void)context;
    peers_log_refused("router refuses us", link, reason);
}

static void on_adopted(struct home *home, const struct wire_message *message)
{
    home->is_adopted = true;
    log_info("adopted by the home router", LOG_SPAN("router", link_peer_name(home->link)),
             LOG_UINT("epoch", message->as.adopted.epoch));
    edge_check_serving(home->edge);
    edge_check_pressure(home->edge);
}

static void on_expired(struct home *home, const struct wire_message *message)
{
    if (span_is(message->as.expired.edge, home->edge->id))
        edge_die(home->edge, "the router has declared this edge dead");
}

static void on_ack(struct home *home, const struct wire_message *message)
{
    batch_on_ack(home, &message->as.ack);
}

static void on_pull(struct home *home, const struct wire_message *message)
{
    snapshot_on_pull(home, &message->as.pull);
}

static void (*const handlers[MESSAGE_ID_LIMIT])(struct home *, const struct wire_message *) = {
    [MESSAGE_ADOPTED] = on_adopted,
    [MESSAGE_EXPIRED] = on_expired,
    [MESSAGE_ACK] = on_ack,
    [MESSAGE_PULL] = on_pull,
};
_Static_assert(ARRAY_LENGTH(handlers) == MESSAGE_ID_LIMIT, "a place for each message");

static void on_message(void *context, struct link *link, const struct wire_message *message)
{
    static struct log_limit limit;
    struct home *home = context;
    if (!handlers[message->id]) {
        log_limited(&limit, LOG_LEVEL_WARNING, "unexpected message from a router",
                    LOG_TEXT("message", message_name(message->id)));
        return;
    }
    /* A router that was our home speaks of a session that is over; only our death is news. */
    if (link == home->link || message->id == MESSAGE_EXPIRED)
        handlers[message->id](home, message);
}

static void on_pump(struct loop_deferred *deferred)
{
    batch_pump_all(CONTAINER_OF(deferred, struct home, pump));
}

int home_open(struct home *home, struct edge *edge)
{
    static const struct link_handlers link_handlers = {
        .on_up = on_up,
        .on_down = on_down,
        .on_message = on_message,
        .on_received = on_received,
        .on_silent = on_silent,
        .on_refused = on_refused,
    };
    *home = (struct home){.edge = edge, .lost_ms = edge_now_ms(edge)};
    list_init(&home->pumping);
    list_init(&home->snapshot_cursor);
    loop_deferred_init(&home->pump, on_pump);
    loop_timer_init(&home->check, on_check);
    loop_timer_start(edge->loop, &home->check, HOME_CHECK_MS);
    return peers_connect(edge, &edge->config->router_addresses, "router", &link_handlers, home,
                         &home->routers);
}

void home_close(struct home *home)
{
    if (!home->edge)
        return;
    link_set_destroy(&home->routers);
    loop_timer_stop(home->edge->loop, &home->check);
    loop_undefer(&home->pump);
    list_remove(&home->snapshot_cursor);
    buffer_fini(&home->scratch);
    home->link = NULL;
}

/* A connector's session does not end by silence: a router that was killed leaves it up. */
bool home_is_adopted(const struct home *home)
{
    return home->link && home->is_adopted &&
           link_silent_ms(home->link) <= home->edge->config->peer_timeout_ms;
}

/* Who falls silent was heard after lost_ms: the time since then is the longer one. */
bool home_is_missing(const struct home *home)
{
    return !home_is_adopted(home) &&
           edge_now_ms(home->edge) - home->lost_ms > home->edge->config->peer_timeout_ms;
}

bool home_is_stuck(const struct home *home)
{
    return home_is_missing(home) || (home->link && link_is_full(home->link));
}

struct buffer *home_packet(struct home *home)
{
    return home->link ? link_packet(home->link) : NULL;
}
