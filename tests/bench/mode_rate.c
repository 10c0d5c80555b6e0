#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/bench/crowd.h"
#include "tests/bench/fail.h"
#include "tests/bench/message.h"
#include "tests/bench/meter.h"
#include "tests/bench/modes.h"
#include "tests/bench/report.h"

/* Message i of all goes to client i modulo their number, and is due at began_ns + i × interval. */
static struct {
    size_t size;
    double interval_ns;
    uint64_t began_ns;
    uint64_t measured_from_ns;
    uint64_t end_ns;
    uint64_t sent;
    uint64_t received;
    uint64_t measured;
    struct histogram delays;
    struct poller_source timer;
} run;

static uint64_t due_ns(uint64_t index)
{
    return run.began_ns + (uint64_t)((double)index * run.interval_ns);
}

static void on_echo(struct client *client, struct span data)
{
    uint32_t source, number;
    message_read(data, run.size, &source, &number);
    if (source != client->number || number != client->received % MESSAGE_NUMBERS ||
        client->received == client->sent)
        fail("client %u got echo %u of %u instead of its own %u", client->number, number, source,
             client->received);
    uint64_t due = due_ns((uint64_t)client->received * crowd.count + client->number);
    client->received++;
    run.received++;
    if (due < run.measured_from_ns)
        return;
    histogram_record(&run.delays, poller_now_ns() - due);
    run.measured++;
}

static void send_next(void)
{
    static char text[MESSAGE_BYTES_MAX];
    struct client *client = &crowd.clients[run.sent++ % crowd.count];
    message_write(text, run.size, client->number, client->sent % MESSAGE_NUMBERS);
    client->sent++;
    client_send(client, span_of(text, run.size));
}

static void wake_when_due(void)
{
    uint64_t next_ns = due_ns(run.sent);
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(next_ns / 1000000000U),
                                           .tv_nsec = (long)(next_ns % 1000000000U)}};
    if (timerfd_settime(run.timer.fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        fail_errno("timerfd_settime");
}

static void on_due(struct poller_source *source, uint32_t events)
{
    uint64_t expirations;
    (void)events;
    (void)!read(source->fd, &expirations, sizeof expirations);
    for (uint64_t now_ns = poller_now_ns(); due_ns(run.sent) <= now_ns;)
        send_next();
    if (due_ns(run.sent) < run.end_ns)
        wake_when_due();
}

static bool all_received(void)
{
    return run.received == run.sent;
}

void mode_rate(const struct options *options, struct processes *processes)
{
    struct meter meter;
    run.size = (size_t)options->size;
    run.interval_ns = 1e9 / options->rate;
    crowd_init(options, on_echo);
    crowd_open();
    run.timer = (struct poller_source){
        .fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), .on_event = on_due};
    if (run.timer.fd < 0)
        fail_errno("timerfd_create");
    run.began_ns = poller_now_ns();
    run.measured_from_ns = run.began_ns + (uint64_t)(options->warmup * 1e9);
    run.end_ns = run.measured_from_ns + (uint64_t)(options->seconds * 1e9);
    poller_add(&run.timer, EPOLLIN);
    wake_when_due();
    crowd_run_for(options->warmup);
    meter_start(&meter, processes);
    crowd_run_for(options->seconds);
    meter_stop(&meter);
    (void)crowd_run_until(all_received, &run.received);
    report_begin();
    meter_report(&meter, (double)run.measured);
    report_latency("delay", &run.delays);
    report_end();
}
