#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/bench/crowd.h"
#include "tests/bench/fail.h"
#include "tests/bench/meter.h"
#include "tests/bench/modes.h"
#include "tests/bench/report.h"

static struct {
    const struct options *options;
    char sign; /* + or -, what the backend is asked for */
    uint32_t begun;
    uint64_t answered;
    uint64_t began_ns;
    bool is_told;
} run;

/* "+c1,c101,…": the backend subscribes to these channels (or, with -, unsubscribes), and echoes. */
static void append_text(struct buffer *text, uint32_t number)
{
    uint32_t subscriptions = (uint32_t)run.options->subscriptions;
    uint32_t step = crowd.channels / subscriptions;
    buffer_append_byte(text, run.sign);
    for (uint32_t i = 0; i < subscriptions; i++)
        buffer_append_format(text, "%sc%u", i ? "," : "", (number + i * step) % crowd.channels);
}

static void send_next(void)
{
    static struct buffer text;
    uint32_t number = run.begun++;
    buffer_clear(&text);
    append_text(&text, number);
    client_send(&crowd.clients[number], buffer_span(&text));
}

static void on_answer(struct client *client, struct span data)
{
    static struct buffer text;
    buffer_clear(&text);
    append_text(&text, client->number);
    if (!span_equal(data, buffer_span(&text)))
        fail("client %u got %.*s", client->number, SPAN_ARGS(data));
    run.answered++;
}

/* No more at once than may be outstanding, and no faster than the rate. */
static bool send_more(void)
{
    double due = (double)(poller_now_ns() - run.began_ns) / 1e9 * run.options->rate;
    while (run.begun < crowd.count && run.begun - run.answered < run.options->outstanding &&
           run.begun < due)
        send_next();
    return run.answered == crowd.count;
}

static void on_tick(struct poller_source *source, uint32_t events)
{
    uint64_t expirations;
    (void)events;
    (void)!read(source->fd, &expirations, sizeof expirations);
}

/* Wakes the poller every millisecond, so that what is due is sent. */
static void start_ticking(void)
{
    static struct poller_source ticker = {.on_event = on_tick};
    const struct itimerspec every = {.it_interval.tv_nsec = 1000000, .it_value.tv_nsec = 1000000};
    ticker.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (ticker.fd < 0 || timerfd_settime(ticker.fd, 0, &every, NULL) < 0)
        fail_errno("timerfd");
    poller_add(&ticker, EPOLLIN);
}

static void on_input(struct poller_source *source, uint32_t events)
{
    char line[64];
    (void)events;
    if (read(source->fd, line, sizeof line) <= 0)
        fail("nobody says how to go on");
    run.is_told = true;
}

static bool is_told(void)
{
    return run.is_told;
}

/* Whoever reads the report says when to go on. */
static void wait_to_be_told(void)
{
    run.is_told = false;
    (void)crowd_run_until(is_told, NULL);
}

static void phase(char sign, struct processes *processes)
{
    struct meter meter;
    run.sign = sign;
    run.begun = 0;
    run.answered = 0;
    run.began_ns = poller_now_ns();
    meter_start(&meter, processes);
    (void)crowd_run_until(send_more, &run.answered);
    meter_stop(&meter);
    report_begin();
    meter_report(&meter, (double)crowd.count * run.options->subscriptions);
    report_end();
    wait_to_be_told();
}

void mode_churn(const struct options *options, struct processes *processes)
{
    struct poller_source input = {.fd = STDIN_FILENO, .on_event = on_input};
    run.options = options;
    crowd_init(options, on_answer);
    if (options->subscriptions < 1 || crowd.channels < options->subscriptions)
        fail("fewer channels than subscriptions");
    crowd_open();
    poller_add(&input, EPOLLIN);
    start_ticking();
    report_begin();
    report_number("connections", crowd.open);
    report_end();
    wait_to_be_told();
    phase('+', processes);
    phase('-', processes);
}
