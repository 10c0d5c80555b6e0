#include "common/process/lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/process/log.h"
#include "common/process/manager.h"
#include "common/process/probe.h"

enum {
    DRAIN_LIMIT_MS = 10000,
    KEPT_MEMORY_BYTES = 16 << 20,  /* free at the end of a heap before it goes back to the kernel */
    MAPPED_MEMORY_BYTES = 8 << 20, /* a piece of this size is the kernel's own affair */
};

struct lifecycle {
    const struct program *program;
    struct config config;
    struct loop *loop;
    struct admin *admin;
    void *actor;
    enum lifecycle_state state;
    int exit_code;
    bool is_ready;
    struct loop_source signals;
    struct loop_timer drain_limit;
    struct manager manager;
};

enum lifecycle_state lifecycle_state(const struct lifecycle *lifecycle)
{
    return lifecycle->state;
}

/* The only door to STOPPED. The first reason to stop decides the exit code. */
static void stop(struct lifecycle *lifecycle, int exit_code)
{
    if (lifecycle->state == LIFECYCLE_STOPPED)
        return;
    lifecycle->state = LIFECYCLE_STOPPED;
    lifecycle->exit_code = exit_code;
    loop_stop(lifecycle->loop);
}

void lifecycle_ready(struct lifecycle *lifecycle)
{
    if (lifecycle->is_ready || lifecycle->state != LIFECYCLE_RUNNING)
        return;
    lifecycle->is_ready = true;
    log_info("ready");
    manager_look_again(&lifecycle->manager);
}

void lifecycle_stopped(struct lifecycle *lifecycle)
{
    stop(lifecycle, EXIT_SUCCESS);
}

void lifecycle_fail(struct lifecycle *lifecycle, int exit_code)
{
    stop(lifecycle, exit_code);
}

void lifecycle_drain(struct lifecycle *lifecycle)
{
    const struct program *program = lifecycle->program;
    if (lifecycle->state != LIFECYCLE_RUNNING)
        return;
    lifecycle->state = LIFECYCLE_DRAINING;
    int64_t limit_ms =
        program->drain_limit_ms ? program->drain_limit_ms(&lifecycle->config) : DRAIN_LIMIT_MS;
    manager_stopping(&lifecycle->manager, limit_ms);
    if (!program->drain) {
        stop(lifecycle, EXIT_SUCCESS);
        return;
    }
    log_info("draining", LOG_INT("limit_ms", limit_ms));
    loop_timer_start(lifecycle->loop, &lifecycle->drain_limit, limit_ms);
    program->drain(lifecycle->actor);
}

static void on_drain_limit(struct loop_timer *timer)
{
    struct lifecycle *lifecycle = CONTAINER_OF(timer, struct lifecycle, drain_limit);
    log_warning("draining took too long; stopping");
    stop(lifecycle, EXIT_FAILURE);
}

static void on_signal(struct loop_source *source, uint32_t events)
{
    struct lifecycle *lifecycle = CONTAINER_OF(source, struct lifecycle, signals);
    struct signalfd_siginfo info;
    (void)events;
    if (read(source->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    const char *name = info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
    if (lifecycle->state == LIFECYCLE_RUNNING) {
        log_info("signal received", LOG_TEXT("signal", name));
        lifecycle_drain(lifecycle);
    } else {
        log_info("second signal received; stopping now", LOG_TEXT("signal", name));
        stop(lifecycle, EXIT_SUCCESS);
    }
}

/* Without a word to anybody: the peers have buried this process, and destroying the actor in order
 * would speak for it. */
static void on_frozen(void *context)
{
    struct lifecycle *lifecycle = context;
    log_error("the process was frozen longer than half of PEER_TIMEOUT",
              LOG_INT("peer_timeout_ms", lifecycle->config.peer_timeout_ms));
    if (!lifecycle->actor || !lifecycle->program->frozen)
        _exit(EXIT_FROZEN);
    lifecycle->program->frozen(lifecycle->actor);
}

static void check_ready(void *context, struct readiness *readiness)
{
    struct lifecycle *lifecycle = context;
    if (lifecycle->state != LIFECYCLE_RUNNING)
        readiness_add(readiness, "draining");
    if (lifecycle->program->check_ready)
        lifecycle->program->check_ready(lifecycle->actor, readiness);
}

static void measure(void *context)
{
    struct lifecycle *lifecycle = context;
    if (lifecycle->program->measure)
        lifecycle->program->measure(lifecycle->actor);
}

/* Packets of some 100 kB come and go with every turn: with glibc's own limits each would be given
 * back to the kernel and faulted in again, which costs more than all that is done with its bytes.
 */
static void keep_memory(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_MEMORY_BYTES);
#endif
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("limit of file descriptors cannot be raised", LOG_ERRNO(errno));
}

/* Blocked before any library starts a thread, so that all signals come to the loop. */
static int open_signals(struct lifecycle *lifecycle)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    lifecycle->signals = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_event = on_signal};
    return loop_add(lifecycle->loop, &lifecycle->signals);
}

static void on_admin(void *context, struct http_request *request)
{
    const struct lifecycle *lifecycle = context;
    lifecycle->program->admin.on_request(lifecycle->actor, request);
}

static void on_admin_gone(void *context, struct http_request *request)
{
    const struct lifecycle *lifecycle = context;
    if (lifecycle->program->admin.on_gone)
        lifecycle->program->admin.on_gone(lifecycle->actor, request);
}

static int open_admin(struct lifecycle *lifecycle)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address address = lifecycle->config.admin_listen;
    struct admin_pages pages = {
        .program = lifecycle->program->id,
        .check_ready = check_ready,
        .before_metrics = measure,
        .context = lifecycle,
    };
    if (lifecycle->program->admin.on_request)
        pages.more = (struct http_handler){.on_request = on_admin, .on_gone = on_admin_gone};
    int rc = admin_open(lifecycle->loop, &address, &pages, &lifecycle->admin);
    address.port = rc == 0 ? admin_port(lifecycle->admin) : address.port;
    address_format(&address, text);
    if (rc < 0)
        log_error("ADMIN_LISTEN cannot be listened on", LOG_TEXT("address", text), LOG_ERRNO(rc));
    else
        log_info("admin pages", LOG_TEXT("address", text));
    return rc;
}

static int start(struct lifecycle *lifecycle)
{
    keep_memory();
    raise_descriptor_limit();
    lifecycle->loop = loop_new(lifecycle->config.peer_timeout_ms / 2, on_frozen, lifecycle);
    loop_set_busy_poll(lifecycle->loop, (int64_t)lifecycle->config.busy_poll_us);
    loop_timer_init(&lifecycle->drain_limit, on_drain_limit);
    manager_init(&lifecycle->manager, lifecycle->loop, check_ready, lifecycle);
    int rc = open_signals(lifecycle);
    if (rc < 0) {
        log_error("signals cannot be received", LOG_ERRNO(rc));
        return rc;
    }
    rc = lifecycle->program->create(lifecycle, lifecycle->loop, &lifecycle->config,
                                    &lifecycle->actor);
    if (rc == 0)
        rc = open_admin(lifecycle);
    if (rc == 0)
        manager_ready(&lifecycle->manager);
    return rc;
}

static void finish(struct lifecycle *lifecycle)
{
    admin_close(&lifecycle->admin);
    if (lifecycle->actor)
        lifecycle->program->destroy(&lifecycle->actor);
    if (lifecycle->signals.fd >= 0) {
        int fd = lifecycle->signals.fd;
        loop_remove(lifecycle->loop, &lifecycle->signals);
        close(fd);
    }
    manager_fini(&lifecycle->manager);
    loop_destroy(&lifecycle->loop);
    config_fini(&lifecycle->config);
}

static int run(const struct program *program, struct config *config)
{
    struct lifecycle lifecycle = {
        .program = program,
        .config = *config,
        .signals.fd = -1,
        .exit_code = EXIT_FAILURE,
    };
    log_init(program_name(program->id), config->log_level, config->log_format, STDERR_FILENO);
    log_info("starting", LOG_TEXT("version", SLIP_VERSION), LOG_INT("pid", getpid()),
             LOG_TEXT("stack", config->stack_name));
    if (start(&lifecycle) == 0)
        loop_run(lifecycle.loop);
    int exit_code = lifecycle.exit_code;
    log_info("stopped", LOG_INT("exit_code", exit_code));
    finish(&lifecycle);
    return exit_code;
}

static void print_help(const struct program *program)
{
    printf("%s: one of the four programs of slip-sockets.\n\n"
           "  --help          this text\n"
           "  --version       the version\n"
           "  --print-config  the settings it would run with, secrets hidden\n"
           "  --healthz       asks the running one at ADMIN_LISTEN: exit code 0 if its loop turns\n"
           "  --readyz        the same: exit code 0 if it serves\n\n"
           "Settings come from the environment:\n\n",
           program_name(program->id));
    config_help(program->id, stdout);
}

/* Flushes what was printed: a full disk or closed pipe is a failure, not a success. */
static int printed(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_config(const struct program *program, struct config *config)
{
    config_print(program->id, config, stdout);
    config_fini(config);
    return printed();
}

/* Asks the program that runs with the same settings. */
static int ask(const struct program *program, struct config *config, const char *page)
{
    const struct address address = config->admin_listen;
    unsigned int status = 0;
    int rc = address.port == 0 ? -EADDRNOTAVAIL : probe_page(&address, page, stdout, &status);
    if (address.port == 0)
        fprintf(stderr, "%s: ADMIN_LISTEN has port 0: where it listens is only in its log\n",
                program_name(program->id));
    else if (rc < 0)
        fprintf(stderr, "%s: no answer at ADMIN_LISTEN: %s\n", program_name(program->id),
                strerror(-rc));
    config_fini(config);
    return printed() == EXIT_SUCCESS && rc == 0 && status == 200 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int ask_health(const struct program *program, struct config *config)
{
    return ask(program, config, "/healthz");
}

static int ask_readiness(const struct program *program, struct config *config)
{
    return ask(program, config, "/readyz");
}

/* `act` takes the settings. */
static int with_settings(const struct program *program,
                         int (*act)(const struct program *program, struct config *config))
{
    struct config config;
    char error[CONFIG_ERROR_SIZE];
    if (config_load(program->id, &config, error) < 0) {
        fprintf(stderr, "%s: %s\n", program_name(program->id), error);
        return EXIT_USAGE;
    }
    return act(program, &config);
}

int lifecycle_main(int argc, char **argv, const struct program *program)
{
    static const struct {
        const char *argument;
        int (*act)(const struct program *program, struct config *config);
    } acts[] = {
        {"--print-config", print_config},
        {"--healthz", ask_health},
        {"--readyz", ask_readiness},
    };
    const char *argument = argc > 1 ? argv[1] : NULL;
    if (!argument)
        return with_settings(program, run);
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++)
        if (argc == 2 && strcmp(argument, acts[i].argument) == 0)
            return with_settings(program, acts[i].act);
    if (argc == 2 && strcmp(argument, "--help") == 0) {
        print_help(program);
        return printed();
    }
    if (argc == 2 && strcmp(argument, "--version") == 0) {
        printf("%s %s\n", program_name(program->id), SLIP_VERSION);
        return printed();
    }
    fprintf(stderr, "%s: unknown argument \"%s\": try --help\n", program_name(program->id),
            argc == 2 ? argument : argv[2]);
    return EXIT_USAGE;
}
