/* slip top: reads, draws, waits for a key, a signal or the next second. */
#include "clients/slip/top.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clock.h"

enum { INTERVAL_S_MAX = 3600, CHANNELS_MS = 2000, METRICS_TIMEOUT_MS = 900 };

/* ---- the terminal ---- */

static volatile sig_atomic_t caught; /* a signal that ends us */
static volatile sig_atomic_t is_resized;

static const char ENTER[] = "\033[?1049h\033[?25l"; /* a screen of our own, no cursor */
static const char LEAVE[] = "\033[0m\033[?25h\033[?1049l";

static void on_signal(int number)
{
    if (number == SIGWINCH)
        is_resized = 1;
    else
        caught = number;
}

static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: poll must end */

    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
        sigaction(signals[i], &action, NULL);
}

static void measure(struct top *top)
{
    struct winsize size = {.ws_col = 0};

    is_resized = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    top->width = size.ws_col;
    top->height = size.ws_row > 1 ? size.ws_row - 1U : 1U;
}

static void say(const char *codes)
{
    fputs(codes, stdout);
    fflush(stdout);
}

/* Keys come one by one, unechoed. false: there is no keyboard. */
static bool take_keyboard(struct termios *ret_saved)
{
    struct termios raw;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, ret_saved) < 0)
        return false;
    raw = *ret_saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* ---- what is looked at ---- */

/* false: it did not answer; that is shown, and does not end us. */
static bool read_resource(struct top *top, const char *path, char **place, size_t *length)
{
    char *body = NULL;
    size_t body_length = 0;

    if (slip_publisher_call(top->tool->publisher, "GET", path, NULL, &body, &body_length,
                            &top->trouble) != SLIP_OK)
        return false;
    free(*place);
    *place = body;
    *length = body_length;
    return true;
}

static void look(struct top *top)
{
    int64_t now_ms = clock_monotonic_ms();

    if (!read_resource(top, "/v1/status", &top->status, &top->status_length)) {
        free(top->status);
        top->status = NULL;
        /* The next look is at another control, if there is one that answers. */
        if (tool_is_away(&top->trouble))
            (void)!tool_connect(top->tool);
    } else if (top->channels_ms == 0 || now_ms - top->channels_ms >= CHANNELS_MS) {
        top->channels_ms = now_ms;
        (void)!read_resource(top, "/v1/channels?limit=1000", &top->channels, &top->channels_length);
    }
    processes_read(&top->processes, METRICS_TIMEOUT_MS);
}

/* Over the old picture, line by line: nothing flickers. */
static int draw(const struct top *top)
{
    struct buffer screen = {0}, output = {0};

    top_draw(top, &screen);
    buffer_append_text(&output, "\033[H");
    for (struct span rest = buffer_span(&screen); rest.length > 0;) {
        struct span line = span_split(&rest, '\n');
        buffer_append_span(&output, line);
        buffer_append_text(&output, "\033[K\r\n");
    }
    buffer_append_text(&output, "\033[J");
    int code = tool_print(&output);
    buffer_fini(&screen);
    buffer_fini(&output);
    return code;
}

/* ---- the loop ---- */

/* false: it is the end. */
static bool take_key(struct top *top)
{
    char key;

    if (read(STDIN_FILENO, &key, 1) != 1)
        return false;
    switch (key) {
    case 'q':
    case 'Q':
        return false;
    case 'p':
    case ' ':
        top->is_paused = !top->is_paused;
        break;
    case 's':
        top->is_by_name = !top->is_by_name;
        top->channels_ms = 0;
        break;
    default:
        break;
    }
    return true;
}

static bool wait_until(struct top *top, int64_t due_ms)
{
    struct pollfd keyboard = {.fd = STDIN_FILENO, .events = POLLIN};

    while (!caught) {
        int64_t left_ms = due_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return true;
        int ready = poll(&keyboard, 1, (int)left_ms);
        if (ready > 0)
            return take_key(top);
        if (is_resized)
            return true;
    }
    return false;
}

static int run_screen(struct top *top)
{
    struct termios saved;
    int code = EXIT_DONE;

    if (!take_keyboard(&saved))
        return tool_fail(EXIT_USAGE, "top needs a terminal; --count or --json prints instead");
    catch_signals();
    say(ENTER);
    int64_t due_ms = clock_monotonic_ms();
    measure(top);
    do {
        int64_t now_ms = clock_monotonic_ms();
        if (is_resized)
            measure(top);
        if (!top->is_paused && now_ms >= due_ms) {
            look(top);
            due_ms = now_ms + top->interval_ms;
        } else if (now_ms >= due_ms) {
            due_ms = now_ms + top->interval_ms;
        }
        if (!caught)
            code = draw(top);
    } while (code == EXIT_DONE && wait_until(top, due_ms));
    say(LEAVE);
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    if (caught) {
        signal(caught, SIG_DFL);
        raise(caught);
    }
    return code;
}

/* Rates need two looks: the first is not printed when there are pages to look at. */
static int run_printing(struct top *top, int64_t count)
{
    int code = EXIT_DONE;

    top->width = top->tool->width > 0 ? top->tool->width : 200;
    top->height = SIZE_MAX;
    look(top);
    for (int64_t i = 0; i < count && code == EXIT_DONE; i++) {
        struct buffer text = {0};
        if (top->processes.count > 0 || i > 0) {
            poll(NULL, 0, (int)top->interval_ms);
            look(top);
        }
        if (!top->status)
            code = tool_fail_result(top->tool, &top->trouble);
        else if (top->tool->is_json)
            top_append_json(top, &text);
        else
            top_draw(top, &text);
        if (code == EXIT_DONE)
            code = tool_print(&text);
        buffer_fini(&text);
    }
    return code;
}

int run_top(struct tool *tool)
{
    bool is_printing = tool->is_json || tool->options.values[OPTION_COUNT];
    struct top top = {.tool = tool};
    int64_t seconds, count;

    if (!options_number(&tool->options, OPTION_INTERVAL, 1, INTERVAL_S_MAX, 1, &seconds))
        return tool_fail(EXIT_USAGE, "--interval is not 1 to %d seconds", INTERVAL_S_MAX);
    if (!options_number(&tool->options, OPTION_COUNT, 1, INT32_MAX, INT32_MAX, &count))
        return tool_fail(EXIT_USAGE, "--count is not a number from 1");
    top.interval_ms = seconds * 1000;
    processes_init(&top.processes, tool->metrics);
    int code = is_printing ? run_printing(&top, count) : run_screen(&top);
    processes_fini(&top.processes);
    free(top.status);
    free(top.channels);
    return code;
}
