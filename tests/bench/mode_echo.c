#include "tests/bench/crowd.h"
#include "tests/bench/fail.h"
#include "tests/bench/message.h"
#include "tests/bench/meter.h"
#include "tests/bench/modes.h"
#include "tests/bench/report.h"

static struct histogram delays;
static uint64_t echoes;
static uint32_t waiting;
static size_t size;
static bool is_stopping;

static void send_next(struct client *client)
{
    static char text[MESSAGE_BYTES_MAX];
    message_write(text, size, client->number, client->sent % MESSAGE_NUMBERS);
    client->sent++;
    waiting++;
    client->began_ns = poller_now_ns();
    client_send(client, span_of(text, size));
}

static void check(struct client *client, struct span data)
{
    uint32_t source, number;
    message_read(data, size, &source, &number);
    if (source != client->number)
        fail("client %u got the echo of client %u", client->number, source);
    if (number != client->received % MESSAGE_NUMBERS || client->received == client->sent)
        fail("client %u got echo %u instead of %u of %u", source, number, client->received,
             client->sent);
    client->received++;
}

static void on_echo(struct client *client, struct span data)
{
    check(client, data);
    histogram_record(&delays, poller_now_ns() - client->began_ns);
    echoes++;
    waiting--;
    if (!is_stopping)
        send_next(client);
}

static bool none_waiting(void)
{
    return waiting == 0;
}

void mode_echo(const struct options *options, struct processes *processes)
{
    struct meter meter;
    size = (size_t)options->size;
    crowd_init(options, on_echo);
    crowd_open();
    for (uint32_t i = 0; i < crowd.count; i++)
        send_next(&crowd.clients[i]);
    crowd_run_for(options->warmup);
    delays = (struct histogram){0};
    echoes = 0;
    meter_start(&meter, processes);
    crowd_run_for(options->seconds);
    meter_stop(&meter);
    uint64_t measured = echoes;
    struct histogram measured_delays = delays;
    is_stopping = true;
    (void)crowd_run_until(none_waiting, &echoes);
    report_begin();
    meter_report(&meter, (double)measured);
    report_latency("echo", &measured_delays);
    report_end();
}

/* ---- all at once ---- */

static void on_burst_echo(struct client *client, struct span data)
{
    check(client, data);
    echoes++;
    waiting--;
}

static void on_burst_lost(struct client *client)
{
    if (client->sent > client->received)
        waiting--;
}

static void send_all(void)
{
    for (uint32_t i = 0; i < crowd.count; i++)
        if (crowd.clients[i].state == CLIENT_OPEN)
            send_next(&crowd.clients[i]);
}

void mode_burst(const struct options *options, struct processes *processes)
{
    struct meter meter;
    uint64_t rounds = 0;
    size = (size_t)options->size;
    crowd_init(options, on_burst_echo);
    crowd.on_lost = on_burst_lost;
    crowd_open();
    meter_start(&meter, processes);
    uint64_t end_ns = poller_now_ns() + (uint64_t)(options->seconds * 1e9);
    do {
        uint64_t began_ns = poller_now_ns();
        send_all();
        if (!crowd_run_until(none_waiting, &echoes))
            break;
        histogram_record(&delays, poller_now_ns() - began_ns);
        rounds++;
    } while (poller_now_ns() < end_ns && crowd.open > 0);
    meter_stop(&meter);
    report_begin();
    meter_report(&meter, (double)echoes);
    report_number("rounds", (double)rounds);
    report_number("unanswered", waiting);
    report_number("refused", crowd.refused);
    report_number("lost", crowd.lost);
    report_latency("round", &delays);
    report_end();
}
