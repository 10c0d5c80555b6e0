#include "tests/bench/crowd.h"
#include "tests/bench/fail.h"
#include "tests/bench/message.h"
#include "tests/bench/meter.h"
#include "tests/bench/modes.h"
#include "tests/bench/publisher.h"
#include "tests/bench/report.h"

enum { LANES_MAX = 4096 };

/* One message under way to its channel; the lane is the message's source. */
struct lane {
    struct group *group;
    uint32_t channel;
    uint32_t number;
    uint32_t missing; /* members that do not have it yet */
};

/* A publisher, and the lanes whose messages go in its request. */
struct group {
    struct publisher publisher;
    struct lane *lanes;
    uint32_t unfinished; /* lanes whose message is not with all */
    uint64_t began_ns;
};

static struct {
    size_t size;
    struct lane lanes[LANES_MAX];
    uint32_t lane_count;
    struct group *groups;
    uint32_t group_count;
    uint32_t group_lanes;
    uint32_t busy; /* groups */
    uint32_t next_channel;
    uint32_t published; /* channels */
    uint32_t *members;  /* of each channel */
    uint64_t deliveries;
    uint64_t publishes;
    bool is_stopping;
    struct histogram delays; /* until the last member has it */
} run;

static struct publication next_publication(struct lane *lane, char *place)
{
    lane->channel = run.next_channel++ % run.published;
    lane->number = (lane->number + 1) % MESSAGE_NUMBERS;
    lane->missing = run.members[lane->channel];
    message_write(place, run.size, (uint32_t)(lane - run.lanes), lane->number);
    return (struct publication){.channel = lane->channel, .text = span_of(place, run.size)};
}

static void publish(struct group *group)
{
    static struct publication publications[LANES_MAX];
    static struct buffer texts;
    buffer_clear(&texts);
    char *place = buffer_reserve(&texts, run.size * run.group_lanes);
    for (uint32_t i = 0; i < run.group_lanes; i++)
        publications[i] = next_publication(&group->lanes[i], place + i * run.size);
    group->unfinished = run.group_lanes;
    run.busy++;
    group->began_ns = poller_now_ns();
    publisher_post(&group->publisher, publications, run.group_lanes);
}

static void finish_if_done(struct group *group)
{
    if (group->unfinished > 0 || group->publisher.is_waiting)
        return;
    histogram_record(&run.delays, poller_now_ns() - group->began_ns);
    run.publishes += run.group_lanes;
    run.busy--;
    if (!run.is_stopping)
        publish(group);
}

static void on_answered(struct publisher *publisher)
{
    finish_if_done(CONTAINER_OF(publisher, struct group, publisher));
}

static void on_delivery(struct client *client, struct span data)
{
    uint32_t source, number;
    message_read(data, run.size, &source, &number);
    struct lane *lane = &run.lanes[source % LANES_MAX];
    if (source >= run.lane_count || number != lane->number)
        fail("member %u got message %u of publisher %u, which is not under way", client->number,
             number, source);
    if (client->number % crowd.channels != lane->channel)
        fail("member %u got a message of channel %u", client->number, lane->channel);
    if (client->last_seen[source] == number || lane->missing == 0)
        fail("member %u got message %u of publisher %u twice", client->number, number, source);
    client->last_seen[source] = number;
    run.deliveries++;
    if (--lane->missing > 0)
        return;
    lane->group->unfinished--;
    finish_if_done(lane->group);
}

static bool some_published(void)
{
    return run.publishes > 0;
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

static void prepare_groups(const struct options *options)
{
    run.groups = xcalloc(run.group_count, sizeof(struct group));
    for (uint32_t i = 0; i < run.group_count; i++) {
        publisher_init(&run.groups[i].publisher, options, on_answered);
        run.groups[i].lanes = &run.lanes[i * run.group_lanes];
    }
    for (uint32_t i = 0; i < run.lane_count; i++)
        run.lanes[i].group = &run.groups[i / run.group_lanes];
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
    run.size = (size_t)options->size;
    run.group_count = (uint32_t)options->outstanding;
    run.group_lanes = (uint32_t)options->events;
    run.lane_count = run.group_count * run.group_lanes;
    if (run.lane_count < 1 || run.lane_count > LANES_MAX)
        fail("outstanding × events must be 1 to %d", LANES_MAX);
    crowd_init(options, on_delivery);
    run.published = options->published > 0 ? (uint32_t)options->published : crowd.channels;
    if (run.published > crowd.channels)
        fail("more channels published to than there are");
    crowd_open();
    /* Some brokers subscribe a member a moment after its handshake. */
    crowd_run_for(0.5);
    prepare_members();
    prepare_groups(options);
    for (uint32_t i = 0; i < run.group_count; i++)
        publish(&run.groups[i]);
    crowd_run_for(options->warmup);
    run.deliveries = run.publishes = 0;
    run.delays = (struct histogram){0};
    meter_start(&meter, processes);
    crowd_run_for(options->seconds);
    (void)crowd_run_until(some_published, &run.deliveries);
    meter_stop(&meter);
    uint64_t deliveries = run.deliveries, publishes = run.publishes;
    struct histogram delays = run.delays;
    run.is_stopping = true;
    (void)crowd_run_until(none_busy, &run.deliveries);
    report(&meter, deliveries, publishes, &delays);
}
