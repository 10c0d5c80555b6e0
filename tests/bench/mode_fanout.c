#include "tests/bench/crowd.h"
#include "tests/bench/fail.h"
#include "tests/bench/message.h"
#include "tests/bench/meter.h"
#include "tests/bench/modes.h"
#include "tests/bench/publisher.h"
#include "tests/bench/report.h"

enum { LANES_MAX = 256 };

/* A publisher and what it has under way. The lane is the message's source. */
struct lane {
    struct publisher publisher;
    uint32_t channel;
    uint32_t number;
    uint32_t missing; /* members that do not have it yet */
    uint64_t began_ns;
    bool is_busy;
};

static struct {
    const struct options *options;
    size_t size;
    struct lane lanes[LANES_MAX];
    uint32_t lane_count;
    uint32_t busy;
    uint32_t next_channel;
    uint32_t *members; /* of each channel */
    uint64_t deliveries;
    uint64_t publishes;
    bool is_stopping;
    struct histogram delays; /* until the last member has it */
} run;

static uint32_t lane_of(const struct lane *lane)
{
    return (uint32_t)(lane - run.lanes);
}

static void publish(struct lane *lane)
{
    static char text[MESSAGE_BYTES_MAX];
    lane->channel = run.next_channel++ % crowd.channels;
    lane->number = (lane->number + 1) % MESSAGE_NUMBERS;
    lane->missing = run.members[lane->channel];
    lane->is_busy = true;
    run.busy++;
    message_write(text, run.size, lane_of(lane), lane->number);
    lane->began_ns = poller_now_ns();
    publisher_post(&lane->publisher, lane->channel, span_of(text, run.size));
}

static void finish_if_done(struct lane *lane)
{
    if (lane->missing > 0 || lane->publisher.is_waiting)
        return;
    histogram_record(&run.delays, poller_now_ns() - lane->began_ns);
    run.publishes++;
    run.busy--;
    lane->is_busy = false;
    if (!run.is_stopping)
        publish(lane);
}

static void on_answered(struct publisher *publisher)
{
    finish_if_done(CONTAINER_OF(publisher, struct lane, publisher));
}

static void on_delivery(struct client *client, struct span data)
{
    uint32_t source, number;
    message_read(data, run.size, &source, &number);
    struct lane *lane = &run.lanes[source];
    if (source >= run.lane_count || !lane->is_busy || number != lane->number)
        fail("member %u got message %u of publisher %u, which is not under way", client->number,
             number, source);
    if (client->number % crowd.channels != lane->channel)
        fail("member %u got a message of channel %u", client->number, lane->channel);
    if (client->last_seen[source] == number || lane->missing == 0)
        fail("member %u got message %u of publisher %u twice", client->number, number, source);
    client->last_seen[source] = number;
    lane->missing--;
    run.deliveries++;
    finish_if_done(lane);
}

static bool none_busy(void)
{
    return run.busy == 0;
}

static void prepare_members(void)
{
    run.members = xcalloc(crowd.channels, sizeof(uint32_t));
    for (uint32_t i = 0; i < crowd.count; i++) {
        struct client *client = &crowd.clients[i];
        client->last_seen = xcalloc(run.lane_count, sizeof(uint32_t));
        if (client->state == CLIENT_OPEN)
            run.members[i % crowd.channels]++;
    }
}

static void report(const struct meter *meter, uint64_t deliveries, uint64_t publishes,
                   const struct histogram *delays)
{
    report_begin();
    meter_report(meter, (double)deliveries);
    report_number("publishes_per_s", (double)publishes / meter->seconds);
    report_number("publish_cpu_us", meter->broker_cpu_us / (double)publishes);
    report_latency("publish", delays);
    report_end();
}

void mode_fanout(const struct options *options, struct processes *processes)
{
    struct meter meter;
    run.options = options;
    run.size = (size_t)options->size;
    run.lane_count = (uint32_t)options->outstanding;
    if (run.lane_count < 1 || run.lane_count > LANES_MAX)
        fail("outstanding must be 1 to %d", LANES_MAX);
    crowd_init(options, on_delivery);
    crowd_open();
    /* Some brokers subscribe a member a moment after its handshake. */
    crowd_run_for(0.5);
    prepare_members();
    for (uint32_t i = 0; i < run.lane_count; i++)
        publisher_open(&run.lanes[i].publisher, options, on_answered);
    for (uint32_t i = 0; i < run.lane_count; i++)
        publish(&run.lanes[i]);
    crowd_run_for(options->warmup);
    run.deliveries = run.publishes = 0;
    run.delays = (struct histogram){0};
    meter_start(&meter, processes);
    crowd_run_for(options->seconds);
    meter_stop(&meter);
    uint64_t deliveries = run.deliveries, publishes = run.publishes;
    struct histogram delays = run.delays;
    run.is_stopping = true;
    (void)crowd_run_until(none_busy, &run.deliveries);
    report(&meter, deliveries, publishes, &delays);
}
