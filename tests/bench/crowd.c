#include "tests/bench/crowd.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/fail.h"
#include "tests/bench/message.h"

struct crowd crowd;

static void connect_next(void)
{
    static struct buffer path, request;
    struct client *client = &crowd.clients[crowd.begun];
    buffer_clear(&path);
    buffer_clear(&request);
    crowd_append_numbered(&path, crowd.options->path, crowd.begun % crowd.channels);
    client_request(&request, buffer_span(&path), crowd.options->browser > 0);
    client->number = crowd.begun++;
    client->began_ns = poller_now_ns();
    client_connect(client, &crowd.address, buffer_span(&request));
}

static void on_open(struct client *client)
{
    histogram_record(&crowd.handshakes, poller_now_ns() - client->began_ns);
    crowd.open++;
}

static void on_message(struct client *client, struct span data)
{
    crowd.on_message(client, data);
}

static void on_lost(struct client *client, int status)
{
    if (!crowd.is_tolerant)
        fail("client %u was %s (status %d)", client->number,
             client->was_open ? "cut off" : "refused", status);
    if (!client->was_open) {
        crowd.refused++;
        return;
    }
    crowd.open--;
    crowd.lost++;
    if (crowd.on_lost)
        crowd.on_lost(client);
}

static const struct client_handler handler = {
    .on_open = on_open, .on_message = on_message, .on_lost = on_lost};

void crowd_init(const struct options *options,
                void (*on_message_of_mode)(struct client *client, struct span data))
{
    crowd = (struct crowd){
        .count = (uint32_t)options->clients,
        .is_tolerant = options->tolerant > 0,
        .channels = options->channels < 1 ? 1 : (uint32_t)options->channels,
        .address = crowd_address(options->target),
        .options = options,
        .on_message = on_message_of_mode,
    };
    if (crowd.count < 1 || crowd.count > MESSAGE_SOURCES)
        fail("clients must be 1 to %d", MESSAGE_SOURCES);
    crowd.clients = xcalloc(crowd.count, sizeof(struct client));
    for (uint32_t i = 0; i < crowd.count; i++)
        crowd.clients[i].handler = &handler;
}

static bool connect_more(void)
{
    uint32_t settled = crowd.open + crowd.refused + crowd.lost;
    while (crowd.begun < crowd.count && crowd.begun - settled < crowd.options->connecting)
        connect_next();
    return settled == crowd.count;
}

void crowd_open(void)
{
    if (!crowd_run_until(connect_more, NULL))
        crowd.refused = crowd.count - crowd.open - crowd.lost;
}

uint64_t crowd_progress(void)
{
    return (uint64_t)crowd.open + crowd.refused * (uint64_t)2 + crowd.lost * (uint64_t)3;
}

bool crowd_run_until(bool (*step)(void), const uint64_t *activity)
{
    uint64_t patience_ns = (uint64_t)(crowd.options->patience * 1e9);
    uint64_t last_ns = poller_now_ns(), progress = 0, acted = 0;
    while (!step()) {
        poller_turn(100);
        uint64_t acted_now = activity ? *activity : 0;
        if (crowd_progress() != progress || acted_now != acted) {
            progress = crowd_progress();
            acted = acted_now;
            last_ns = poller_now_ns();
        } else if (poller_now_ns() - last_ns > patience_ns) {
            if (crowd.is_tolerant)
                return false;
            fail("nothing came for %g s: lost (%u of %u clients open)", crowd.options->patience,
                 crowd.open, crowd.count);
        }
    }
    return true;
}

void crowd_run_for(double seconds)
{
    uint64_t end_ns = poller_now_ns() + (uint64_t)(seconds * 1e9);
    for (uint64_t now_ns; (now_ns = poller_now_ns()) < end_ns;)
        poller_turn((int)((end_ns - now_ns) / 1000000U + 1));
}

struct sockaddr_in crowd_address(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *colon = strrchr(text, ':');
    char host[16];
    if (!colon || (size_t)(colon - text) >= sizeof host)
        fail("not ADDRESS:PORT: %s", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        fail("not an IPv4 address: %s", host);
    return address;
}

void crowd_append_numbered(struct buffer *buffer, const char *pattern, uint32_t number)
{
    const char *mark = strchr(pattern, '%');
    if (!mark) {
        buffer_append_text(buffer, pattern);
        return;
    }
    buffer_append(buffer, pattern, (size_t)(mark - pattern));
    buffer_append_format(buffer, "%u%s", number, mark + 1);
}
