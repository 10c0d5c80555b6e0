/* A program with an actor that does what the environment says, for lifecycle_test.
 *
 *     BEHAVIOUR   create-fails, fails, expired, drains, drains-never, stops-itself,
 *                 survives-frost; anything else: has no drain of its own
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/process/lifecycle.h"
#include "common/process/log.h"

struct actor {
    struct lifecycle *lifecycle;
    struct loop *loop;
    struct loop_timer timer;
};

static const char *behaviour(void)
{
    const char *value = getenv("BEHAVIOUR");
    return value ? value : "";
}

static void on_due(struct loop_timer *timer)
{
    struct actor *actor = CONTAINER_OF(timer, struct actor, timer);
    if (lifecycle_state(actor->lifecycle) == LIFECYCLE_DRAINING)
        lifecycle_stopped(actor->lifecycle);
    else if (strcmp(behaviour(), "fails") == 0)
        lifecycle_fail(actor->lifecycle, EXIT_FAILURE);
    else if (strcmp(behaviour(), "expired") == 0)
        lifecycle_fail(actor->lifecycle, EXIT_FROZEN);
    else if (strcmp(behaviour(), "stops-itself") == 0)
        lifecycle_drain(actor->lifecycle);
    else
        lifecycle_ready(actor->lifecycle);
}

static int create(struct lifecycle *lifecycle, struct loop *loop, const struct config *config,
                  void **ret_actor)
{
    if (strcmp(behaviour(), "create-fails") == 0) {
        log_error("cannot be created");
        return -ENOENT;
    }
    struct actor *actor = xcalloc(1, sizeof(*actor));
    actor->lifecycle = lifecycle;
    actor->loop = loop;
    loop_timer_init(&actor->timer, on_due);
    loop_timer_start(loop, &actor->timer, 0);
    log_info("created", LOG_TEXT("stack", config->stack_name));
    *ret_actor = actor;
    return 0;
}

static void drain(void *context)
{
    struct actor *actor = context;
    log_info("actor drains");
    if (strcmp(behaviour(), "drains-never") != 0)
        loop_timer_start(actor->loop, &actor->timer, 10);
}

/* As long as the edge's drain may take. */
static int64_t drain_limit_ms(const struct config *config)
{
    return config->drain_ms;
}

static void frozen(void *context)
{
    struct actor *actor = context;
    log_info("actor was frozen");
    loop_timer_stop(actor->loop, &actor->timer);
}

static void check_ready(void *context, struct readiness *readiness)
{
    (void)context;
    readiness_add(readiness, "never is");
}

static void destroy(void **place)
{
    struct actor *actor = *place;
    *place = NULL;
    loop_timer_stop(actor->loop, &actor->timer);
    log_info("destroyed");
    free(actor);
}

int main(int argc, char **argv)
{
    struct program program = {
        .id = PROGRAM_EDGE,
        .create = create,
        .drain = strstr(behaviour(), "drains") ? drain : NULL,
        .drain_limit_ms = drain_limit_ms,
        .frozen = strcmp(behaviour(), "survives-frost") == 0 ? frozen : NULL,
        .check_ready = check_ready,
        .destroy = destroy,
    };
    return lifecycle_main(argc, argv, &program);
}
