#include "tests/unit/router/fake_link.h"

#include <stdlib.h>

#include "common/process/lifecycle.h"

struct link {
    struct list of_set;
    struct link_set *set;
    char *role, *name;
    void *data;
    struct buffer said;    /* by the router, not heard yet */
    struct buffer hearing; /* what the last heard message points into */
    struct wire_decoder decoder;
    uint64_t number, received;
    int64_t silent_ms;
    bool is_up, is_full;
};

struct link_set {
    struct link_options options;
    struct list links;
};

static struct link_set *the_set;
int fake_lifecycle_exit = -1;

/* ---- the peers' side ---- */

struct link *fake_link_up(const char *role, const char *name)
{
    struct link *link = xcalloc(1, sizeof *link);

    link->set = the_set;
    link->role = xstrdup(role);
    link->name = xstrdup(name);
    link->number = 1;
    link->is_up = true;
    wire_decoder_init(&link->decoder);
    list_init(&link->of_set);
    list_append(&the_set->links, &link->of_set);
    the_set->options.handlers.on_up(the_set->options.context, link);
    return link;
}

static void free_link(struct link *link)
{
    list_remove(&link->of_set);
    buffer_fini(&link->said);
    buffer_fini(&link->hearing);
    wire_decoder_fini(&link->decoder);
    free(link->role);
    free(link->name);
    free(link);
}

void fake_link_down(struct link *link)
{
    struct link_options *options = &link->set->options;

    link->is_up = false;
    options->handlers.on_down(options->context, link);
    free_link(link);
}

void fake_link_say(struct link *link, const struct wire_message *message)
{
    struct link_options *options = &link->set->options;
    struct buffer frame = {0};
    struct wire_message decoded;
    struct wire_decoder decoder;

    wire_decoder_init(&decoder);
    wire_put_message(&frame, message);
    struct span rest = buffer_span(&frame);
    ASSERT(wire_decode_next(&decoder, &rest, &decoded) == 0);
    options->handlers.on_message(options->context, link, &decoded);
    wire_decoder_fini(&decoder);
    buffer_fini(&frame);
}

void fake_link_receive_all(struct link *link)
{
    struct link_options *options = &link->set->options;

    link->received = link->number++;
    options->handlers.on_received(options->context, link);
}

bool fake_link_hear(struct link *link, struct wire_message *ret_message)
{
    if (link->said.length == 0)
        return false;
    buffer_clear(&link->hearing);
    buffer_append_span(&link->hearing, buffer_span(&link->said));
    wire_decoder_reset(&link->decoder);
    struct span rest = buffer_span(&link->hearing);
    ASSERT(wire_decode_next(&link->decoder, &rest, ret_message) == 0);
    buffer_consume(&link->said, link->hearing.length - rest.length);
    return true;
}

bool fake_link_hear_id(struct link *link, enum message_id id, struct wire_message *ret_message)
{
    while (fake_link_hear(link, ret_message)) {
        if (ret_message->id == id)
            return true;
    }
    return false;
}

void fake_link_set_full(struct link *link, bool is_full)
{
    link->is_full = is_full;
}

void fake_link_set_silent(struct link *link, int64_t silent_ms)
{
    link->silent_ms = silent_ms;
}

/* ---- link.h ---- */

int link_set_bind(struct loop *loop, const struct link_options *options, const char *endpoint,
                  const char *publish_endpoint, const char *accept_roles, struct link_set **ret_set)
{
    (void)loop;
    (void)endpoint;
    (void)publish_endpoint;
    (void)accept_roles;
    the_set = xcalloc(1, sizeof *the_set);
    the_set->options = *options;
    list_init(&the_set->links);
    *ret_set = the_set;
    return 0;
}

void link_set_destroy(struct link_set **set)
{
    if (!*set)
        return;
    LIST_FOR_EACH(&(*set)->links, place)
        free_link(LIST_ENTRY(place, struct link, of_set));
    free(*set);
    *set = the_set = NULL;
}

const char *link_set_endpoint(const struct link_set *set)
{
    (void)set;
    return "nowhere";
}

struct link *link_set_first(const struct link_set *set)
{
    return list_is_empty(&set->links) ? NULL : LIST_ENTRY(set->links.next, struct link, of_set);
}

struct link *link_set_next(const struct link_set *set, const struct link *link)
{
    return link->of_set.next == &set->links ? NULL
                                            : LIST_ENTRY(link->of_set.next, struct link, of_set);
}

size_t link_set_up_count(const struct link_set *set)
{
    size_t count = 0;

    for (const struct link *link = link_set_first(set); link; link = link_set_next(set, link))
        count++;
    return count;
}

void link_set_measure(const struct link_set *set, enum metric_label_peer stranger)
{
    (void)set;
    (void)stranger;
}

enum link_end link_end(const struct link *link)
{
    (void)link;
    return LINK_END_DROPPED;
}

struct span link_peer_name(const struct link *link)
{
    return span_text(link->name);
}

struct span link_peer_role(const struct link *link)
{
    return span_text(link->role);
}

void link_set_data(struct link *link, void *data)
{
    link->data = data;
}

void *link_data(const struct link *link)
{
    return link->data;
}

int64_t link_silent_ms(const struct link *link)
{
    return link->silent_ms;
}

struct buffer *link_packet(struct link *link)
{
    return &link->said;
}

uint64_t link_number(struct link *link)
{
    return link->number;
}

uint64_t link_received(const struct link *link)
{
    return link->received;
}

bool link_is_full(const struct link *link)
{
    return link->is_full;
}

void link_acknowledge_now(struct link *link)
{
    (void)link;
}

void link_drop(struct link *link)
{
    if (link->is_up)
        fake_link_down(link);
}

/* ---- lifecycle.h ---- */

void lifecycle_ready(struct lifecycle *lifecycle)
{
    (void)lifecycle;
}

void lifecycle_stopped(struct lifecycle *lifecycle)
{
    (void)lifecycle;
    fake_lifecycle_exit = 0;
}

void lifecycle_fail(struct lifecycle *lifecycle, int exit_code)
{
    (void)lifecycle;
    fake_lifecycle_exit = exit_code;
}
