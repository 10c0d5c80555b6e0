#include "common/process/manager.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/process/log.h"
#include "common/process/notify.h"

enum {
    LOOK_MS = 1000,
    LAST_WORDS_MS = 5000, /* after draining: links say farewell, memory is freed */
};

/* One datagram: what is owed, and `news`, which may be lost. The socket's queue is short, and
 * nothing here waits for its reader. */
static void tell(struct manager *manager, const struct buffer *news)
{
    struct buffer text = {0};
    buffer_append_span(&text, buffer_span(&manager->owed));
    buffer_append_span(&text, buffer_span(news));
    if (text.length > 0) {
        buffer_append_byte(&text, '\0');
        int rc = notify_send(text.data);
        if (rc < 0 && !manager->is_deaf)
            log_warning("NOTIFY_SOCKET cannot be told", LOG_ERRNO(rc));
        manager->is_deaf = rc < 0;
        buffer_clear(rc < 0 ? &manager->status : &manager->owed);
    }
    buffer_fini(&text);
}

/* Appends STATUS=… if it is another than the last one told. */
static void append_status(struct manager *manager, struct buffer *text)
{
    struct readiness readiness = {0};
    struct buffer status = {0};
    manager->check_ready(manager->context, &readiness);
    buffer_append_text(&status, "STATUS=");
    readiness_write_text(&readiness, &status);
    readiness_fini(&readiness);
    if (!span_equal(buffer_span(&status), buffer_span(&manager->status))) {
        buffer_append_span(text, buffer_span(&status));
        buffer_append_byte(text, '\n');
    }
    buffer_fini(&manager->status);
    manager->status = status;
}

static void append_watchdog(struct manager *manager, struct buffer *text)
{
    int64_t now_ms = loop_now_ms(manager->loop);
    if (manager->watchdog_ms == 0 || now_ms < manager->watchdog_due_ms)
        return;
    manager->watchdog_due_ms = now_ms + manager->watchdog_ms;
    buffer_append_text(text, "WATCHDOG=1\n");
}

static void start_tick(struct manager *manager)
{
    int64_t pause_ms = LOOK_MS;
    if (manager->watchdog_ms > 0 && manager->watchdog_ms < pause_ms)
        pause_ms = manager->watchdog_ms;
    loop_timer_start(manager->loop, &manager->tick, pause_ms);
}

static void look(struct manager *manager)
{
    struct buffer news = {0};
    append_watchdog(manager, &news);
    if (!manager->is_stopping)
        append_status(manager, &news);
    tell(manager, &news);
    buffer_fini(&news);
    start_tick(manager);
}

static void on_tick(struct loop_timer *timer)
{
    look(CONTAINER_OF(timer, struct manager, tick));
}

int64_t manager_watchdog_ms(const char *usec, const char *pid)
{
    uint64_t value, process;
    if (!usec || span_to_u64(span_text(usec), INT64_MAX, &value) < 0)
        return 0;
    if (pid &&
        (span_to_u64(span_text(pid), INT32_MAX, &process) < 0 || process != (uint64_t)getpid()))
        return 0;
    int64_t half_ms = (int64_t)(value / 2000);
    return value > 0 && half_ms == 0 ? 1 : half_ms;
}

void manager_init(struct manager *manager, struct loop *loop,
                  void (*check_ready)(void *context, struct readiness *readiness), void *context)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *manager = (struct manager){
        .loop = loop,
        .watchdog_ms = manager_watchdog_ms(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID")),
        .is_there = path && *path,
        .check_ready = check_ready,
        .context = context,
    };
    loop_timer_init(&manager->tick, on_tick);
}

void manager_fini(struct manager *manager)
{
    if (manager->loop)
        loop_timer_stop(manager->loop, &manager->tick);
    buffer_fini(&manager->status);
    buffer_fini(&manager->owed);
}

void manager_ready(struct manager *manager)
{
    if (!manager->is_there)
        return;
    buffer_append_text(&manager->owed, "READY=1\n");
    look(manager);
}

void manager_look_again(struct manager *manager)
{
    if (loop_timer_is_running(&manager->tick))
        loop_timer_start(manager->loop, &manager->tick, 0);
}

void manager_stopping(struct manager *manager, int64_t limit_ms)
{
    manager->is_stopping = true;
    if (!manager->is_there)
        return;
    buffer_append_format(&manager->owed, "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%lld\n",
                         (long long)(limit_ms + LAST_WORDS_MS) * 1000);
    tell(manager, &(struct buffer){0});
}
