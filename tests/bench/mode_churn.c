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

static bool send_more(void)
{
    while (run.begun < crowd.count && run.begun - run.answered < run.options->outstanding)
        send_next();
    return run.answered == crowd.count;
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

static void phase(char sign, struct processes *processes)
{
    struct meter meter;
    run.sign = sign;
    run.begun = 0;
    run.answered = 0;
    meter_start(&meter, processes);
    (void)crowd_run_until(send_more, &run.answered);
    meter_stop(&meter);
    report_begin();
    meter_report(&meter, (double)crowd.count * run.options->subscriptions);
    report_end();
    run.is_told = false;
    (void)crowd_run_until(is_told, NULL);
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
    phase('+', processes);
    phase('-', processes);
}
