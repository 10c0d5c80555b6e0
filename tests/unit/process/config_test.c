#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/process/config.h"

static const char SECRET_TEXT[] = "first-secret,second-secret";
static struct config config;
static char error[CONFIG_ERROR_SIZE];

/* A clean environment in which every program starts. */
static int set_up(void **state)
{
    (void)state;
    clearenv();
    setenv("DATABASE_URL", "postgresql://slip:hidden@db/slip", 1);
    setenv("TARGET_URL", "http://127.0.0.1:3000/events", 1);
    setenv("JWT_SECRET", SECRET_TEXT, 1);
    memset(&config, 0, sizeof(config));
    error[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    config_fini(&config);
    return 0;
}

static void load(enum program_id program)
{
    if (config_load(program, &config, error) < 0)
        fail_msg("%s", error);
}

/* The variable with this value stops the program, with a line that says all of `words`. */
static void refuse(enum program_id program, const char *variable, const char *value,
                   const char *words)
{
    setenv(variable, value, 1);
    error[0] = '\0';
    assert_int_equal(config_load(program, &config, error), -EINVAL);
    if (!strstr(error, words))
        fail_msg("\"%s\" does not say \"%s\"", error, words);
    assert_non_null(strstr(error, variable));
    assert_null(strchr(error, '\n'));
    unsetenv(variable);
}

static void test_defaults(void **state)
{
    (void)state;
    load(PROGRAM_EDGE);
    assert_string_equal(config.stack_name, "slip-sockets");
    assert_int_equal(config.log_level, 2);
    assert_int_equal(config.log_format, 0);
    assert_string_equal(config.edge_listen.host, "0.0.0.0");
    assert_int_equal(config.edge_listen.port, 8080);
    assert_int_equal(config.peer_timeout_ms, 5000);
    assert_int_equal(config.heartbeat_ms, 500);
    assert_int_equal(config.link_buffer_bytes, 64 * 1024 * 1024);
    assert_int_equal(config.trusted_proxies.count, 0);
    assert_int_equal(config.router_addresses.count, 1);
    assert_int_equal(config.idle_timeout_ms, 0);
    assert_true(config.deflate);
    assert_false(config.proxy_protocol);
    assert_null(config.database_url); /* not the edge's */
    assert_int_equal(config.jwt_secret.count, 0);
}

static void test_every_default_of_every_program_is_valid(void **state)
{
    (void)state;
    static const enum program_id programs[] = {PROGRAM_EDGE, PROGRAM_ROUTER, PROGRAM_WORKER,
                                               PROGRAM_CONTROL};
    for (size_t i = 0; i < ARRAY_LENGTH(programs); i++) {
        load(programs[i]);
        config_fini(&config);
    }
}

static void test_empty_is_unset(void **state)
{
    (void)state;
    setenv("EDGE_LISTEN", "", 1);
    setenv("DATABASE_URL", "", 1);
    load(PROGRAM_EDGE);
    assert_int_equal(config.edge_listen.port, 8080);
    config_fini(&config);
    assert_int_equal(config_load(PROGRAM_ROUTER, &config, error), -EINVAL);
    assert_non_null(strstr(error, "DATABASE_URL is not set: it is required"));
}

static void test_foreign_settings_are_not_looked_at(void **state)
{
    (void)state;
    setenv("WEBHOOK_CONCURRENCY", "nonsense", 1);
    load(PROGRAM_EDGE);
    config_fini(&config);
    assert_int_equal(config_load(PROGRAM_WORKER, &config, error), -EINVAL);
}

static void test_amounts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {{"7", 7000},   {"1500ms", 1500}, {"2S", 2000},
                 {"1m", 60000}, {"1h", 3600000},  {"1d", 86400000}};
    for (size_t i = 0; i < ARRAY_LENGTH(times); i++) {
        setenv("PING_INTERVAL", times[i].text, 1);
        load(PROGRAM_EDGE);
        assert_int_equal(config.ping_interval_ms, times[i].ms);
        config_fini(&config);
    }
    setenv("SEND_QUEUE_LIMIT", "1g", 1);
    setenv("HANDSHAKE_LIMIT", "2048", 1);
    setenv("MESSAGE_LIMIT", "2M", 1);
    load(PROGRAM_EDGE);
    assert_int_equal(config.send_queue_bytes, 1 << 30);
    assert_int_equal(config.handshake_limit_bytes, 2048);
    assert_int_equal(config.message_limit_bytes, 2 << 20);
}

static void test_malformed_values(void **state)
{
    (void)state;
    refuse(PROGRAM_EDGE, "MAX_CONNECTIONS", "many", "MAX_CONNECTIONS=many is malformed");
    refuse(PROGRAM_EDGE, "MAX_CONNECTIONS", "1k", "a whole number from 1 to 10000000");
    refuse(PROGRAM_EDGE, "MAX_CONNECTIONS", "-1", "malformed");
    refuse(PROGRAM_EDGE, "MESSAGE_LIMIT", "1T", "malformed");
    refuse(PROGRAM_EDGE, "MESSAGE_LIMIT", "1 M", "malformed");
    refuse(PROGRAM_EDGE, "PING_INTERVAL", "5 s", "malformed");
    refuse(PROGRAM_EDGE, "PING_INTERVAL", "5k", "malformed");
    refuse(PROGRAM_EDGE, "PING_INTERVAL", "s", "malformed");
    refuse(PROGRAM_EDGE, "PING_INTERVAL", "1.5s", "malformed");
    refuse(PROGRAM_EDGE, "DEFLATE", "maybe", "on or off");
    refuse(PROGRAM_EDGE, "EDGE_LISTEN", "8080", "host:port");
    refuse(PROGRAM_EDGE, "TRUSTED_PROXIES", "10.0.0.1/8", "networks");
    refuse(PROGRAM_EDGE, "ALLOWED_ORIGINS", "app.example", "origins as https://");
    refuse(PROGRAM_EDGE, "ROUTER_ADDRESSES", "router", "host:port");
    refuse(PROGRAM_EDGE, "ROUTER_ADDRESSES", "router:0", "host:port");
    refuse(PROGRAM_EDGE, "LOG_LEVEL", "loud", "one of error|warning|info|debug");
    refuse(PROGRAM_EDGE, "LOG_LEVEL", "Info", "one of");
    refuse(PROGRAM_EDGE, "STACK_NAME", "a\tb", "malformed");
    refuse(PROGRAM_WORKER, "TARGET_URL", "ftp://host/", "http:// or https:// URL");
    refuse(PROGRAM_WORKER, "TARGET_URL", "http://", "URL");
    refuse(PROGRAM_WORKER, "TARGET_URL", "https:///path", "URL");
    refuse(PROGRAM_WORKER, "TARGET_URL", "http://host/a b", "URL");
}

static void test_out_of_range_values(void **state)
{
    (void)state;
    refuse(PROGRAM_EDGE, "MAX_CONNECTIONS", "0", "is out of range");
    refuse(PROGRAM_EDGE, "MAX_CONNECTIONS", "10000001", "is out of range");
    refuse(PROGRAM_EDGE, "MAX_CONNECTIONS", "99999999999999999999", "is out of range");
    refuse(PROGRAM_EDGE, "MESSAGE_LIMIT", "124", "from 125 to 64M");
    refuse(PROGRAM_EDGE, "MESSAGE_LIMIT", "18014398509481985k", "is out of range"); /* wraps */
    refuse(PROGRAM_EDGE, "PEER_TIMEOUT", "499ms", "from 500ms to 5m");
    refuse(PROGRAM_EDGE, "PEER_TIMEOUT", "301", "is out of range");
    refuse(PROGRAM_EDGE, "STACK_NAME", "12345678901234567890123456789012345678901",
           "its length from 1 to 40");
}

static void test_settings_that_contradict_each_other(void **state)
{
    (void)state;
    refuse(PROGRAM_EDGE, "HEARTBEAT_INTERVAL", "1251ms", "a quarter of PEER_TIMEOUT");
    setenv("HEARTBEAT_INTERVAL", "1250ms", 1);
    load(PROGRAM_EDGE);
    config_fini(&config);
    refuse(PROGRAM_EDGE, "EVENT_QUEUE_LIMIT", "1G", "EDGE_EVENT_LIMIT");
    refuse(PROGRAM_EDGE, "EDGE_UNFINISHED_LIMIT", "3M", "a quarter of EDGE_UNFINISHED_LIMIT");
    setenv("LINK_BUFFER_BYTES", "8M", 1);
    refuse(PROGRAM_EDGE, "BATCH_BYTES", "4M", "LINK_BUFFER_BYTES");
    refuse(PROGRAM_EDGE, "MESSAGE_LIMIT", "4M", "LINK_BUFFER_BYTES");
    refuse(PROGRAM_CONTROL, "PUBLISH_LIMIT", "4M", "LINK_BUFFER_BYTES");
    refuse(PROGRAM_CONTROL, "CONTROL_INFLIGHT_LIMIT", "1M", "CONTROL_INFLIGHT_LIMIT");
    refuse(PROGRAM_ROUTER, "RETRY_FIRST", "1m", "RETRY_LAST");
}

static void test_lists(void **state)
{
    (void)state;
    setenv("TRUSTED_PROXIES", "10.0.0.0/8, ::1", 1);
    setenv("ROUTER_ADDRESSES", "a:1,[::1]:2", 1);
    load(PROGRAM_EDGE);
    assert_int_equal(config.trusted_proxies.count, 2);
    assert_int_equal(config.router_addresses.count, 2);
    assert_string_equal(config.router_addresses.items[1].host, "::1");
}

static void test_secrets(void **state)
{
    (void)state;
    load(PROGRAM_CONTROL);
    assert_int_equal(config.jwt_secret.count, 2);
    assert_span(config.jwt_secret.items[0], "first-secret");
    assert_span(config.jwt_secret.items[1], "second-secret");
    config_fini(&config);
    setenv("JWT_SECRET", "one-secret,,other", 1);
    assert_int_equal(config_load(PROGRAM_CONTROL, &config, error), -EINVAL);
    assert_non_null(strstr(error, "JWT_SECRET is out of range"));
    assert_null(strstr(error, "one-secret"));
    unsetenv("JWT_SECRET");
    assert_int_equal(config_load(PROGRAM_CONTROL, &config, error), -EINVAL);
    assert_non_null(strstr(error, "JWT_SECRET_FILE"));
}

static void write_file(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void test_secret_files(void **state)
{
    (void)state;
    char path[] = "/tmp/slip-config-test-XXXXXX";
    static char large[70000];
    close(mkstemp(path));
    setenv("JWT_SECRET_FILE", path, 1);
    assert_int_equal(config_load(PROGRAM_CONTROL, &config, error), -EINVAL);
    assert_non_null(strstr(error, "are both set"));
    unsetenv("JWT_SECRET");
    static const char *const texts[] = {"from file", "from file\n", "from file\r\n"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        write_file(path, texts[i], strlen(texts[i]));
        load(PROGRAM_CONTROL);
        assert_span(config.jwt_secret.items[0], "from file");
        config_fini(&config);
    }
    write_file(path, "ends with its own newline\n\n", 27);
    load(PROGRAM_CONTROL);
    assert_span(config.jwt_secret.items[0], "ends with its own newline\n");
    config_fini(&config);
    write_file(path, "\n", 1);
    assert_int_equal(config_load(PROGRAM_CONTROL, &config, error), -EINVAL);
    write_file(path, "a\0b", 3);
    assert_int_equal(config_load(PROGRAM_CONTROL, &config, error), -EINVAL);
    memset(large, 'a', sizeof(large));
    write_file(path, large, sizeof(large));
    assert_int_equal(config_load(PROGRAM_CONTROL, &config, error), -EINVAL);
    unlink(path);
    assert_int_equal(config_load(PROGRAM_CONTROL, &config, error), -EINVAL);
    assert_non_null(strstr(error, "No such file or directory"));
    setenv("JWT_SECRET_FILE", "/tmp", 1);
    assert_int_equal(config_load(PROGRAM_CONTROL, &config, error), -EINVAL);
    assert_non_null(strstr(error, "JWT_SECRET_FILE=/tmp cannot be read"));
}

/* One value, whatever it holds; shown nowhere; none is needed. */
static void test_password(void **state)
{
    (void)state;
    char path[] = "/tmp/slip-config-test-XXXXXX";
    load(PROGRAM_ROUTER);
    assert_string_equal(config.database_password, "");
    config_fini(&config);
    setenv("DATABASE_PASSWORD", "one, two,", 1);
    load(PROGRAM_ROUTER);
    assert_string_equal(config.database_password, "one, two,");
    config_fini(&config);
    close(mkstemp(path));
    write_file(path, "from, file\n", 11);
    setenv("DATABASE_PASSWORD_FILE", path, 1);
    assert_int_equal(config_load(PROGRAM_ROUTER, &config, error), -EINVAL);
    assert_non_null(strstr(error, "are both set"));
    unsetenv("DATABASE_PASSWORD");
    load(PROGRAM_ROUTER);
    assert_string_equal(config.database_password, "from, file");
    config_fini(&config);
    write_file(path, "b\x07ll", 4);
    assert_int_equal(config_load(PROGRAM_ROUTER, &config, error), -EINVAL);
    assert_string_equal(error, "DATABASE_PASSWORD is malformed: must be printable text, its length "
                               "from 0 to 1024");
    unlink(path);
    unsetenv("DATABASE_PASSWORD_FILE");
    load(PROGRAM_ROUTER);
}

/* _FILE is for secrets only; for others it is just another variable. */
static void test_file_of_what_is_no_secret(void **state)
{
    (void)state;
    setenv("STACK_NAME_FILE", "/nonexistent", 1);
    load(PROGRAM_EDGE);
    assert_string_equal(config.stack_name, "slip-sockets");
}

static char *printed(void (*print)(FILE *stream))
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    print(stream);
    fclose(stream);
    return text;
}

static enum program_id shown;

static void print_shown(FILE *stream)
{
    config_print(shown, &config, stream);
}

static void help_shown(FILE *stream)
{
    config_help(shown, stream);
}

static void test_print_hides_secrets(void **state)
{
    (void)state;
    shown = PROGRAM_CONTROL;
    load(shown);
    char *text = printed(print_shown);
    assert_non_null(strstr(text, "JWT_SECRET=***\n"));
    assert_non_null(strstr(text, "DATABASE_URL=postgresql://slip:***@db/slip\n"));
    assert_non_null(strstr(text, "DATABASE_PASSWORD=\n"));
    assert_null(strstr(text, "hidden"));
    assert_null(strstr(text, "first-secret"));
    assert_non_null(strstr(text, "PEER_TIMEOUT=5s\n"));
    assert_non_null(strstr(text, "CONTROL_BODY_LIMIT=4M\n"));
    assert_non_null(strstr(text, "CONTROL_LISTEN=127.0.0.1:8081\n"));
    assert_null(strstr(text, "EDGE_LISTEN"));
    free(text);
    setenv("DATABASE_URL", "x\1postgresql://slip:hidden@db/slip", 1);
    config_fini(&config);
    assert_int_equal(config_load(shown, &config, error), -EINVAL);
    assert_null(strstr(error, "hidden"));
}

/* What is printed, fed back, prints the same: the printed form is the form that is read. */
static void test_print_round_trip(void **state)
{
    (void)state;
    shown = PROGRAM_EDGE;
    setenv("TRUSTED_PROXIES", "10.0.0.0/8,::1", 1);
    setenv("PING_INTERVAL", "90s", 1);
    setenv("SEND_QUEUE_LIMIT", "1536k", 1);
    setenv("LOG_FORMAT", "json", 1);
    setenv("PROXY_PROTOCOL", "yes", 1);
    load(shown);
    char *first = printed(print_shown);
    config_fini(&config);
    clearenv();
    char *copy = strdup(first), *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');
        *equals = '\0';
        setenv(line, equals + 1, 1);
    }
    load(shown);
    char *second = printed(print_shown);
    assert_string_equal(first, second);
    assert_non_null(strstr(second, "TRUSTED_PROXIES=10.0.0.0/8,::1/128\n"));
    assert_non_null(strstr(second, "PING_INTERVAL=90s\n"));
    assert_non_null(strstr(second, "SEND_QUEUE_LIMIT=1536k\n"));
    assert_non_null(strstr(second, "PROXY_PROTOCOL=on\n"));
    free(first);
    free(second);
    free(copy);
}

static void test_help_and_docs_name_every_setting(void **state)
{
    (void)state;
    char *docs = printed(config_write_docs);
    for (size_t i = 0; i < setting_count; i++) {
        char needle[100];
        snprintf(needle, sizeof(needle), "| `%s` | ", settings[i].variable);
        assert_non_null(strstr(docs, needle));
        shown = (enum program_id)(settings[i].programs & -settings[i].programs);
        char *help = printed(help_shown);
        snprintf(needle, sizeof(needle), "  %s%s", settings[i].variable,
                 settings[i].standard ? "=" : "  (required");
        assert_non_null(strstr(help, needle));
        free(help);
    }
    assert_non_null(strstr(docs, "error\\|warning"));
    assert_non_null(strstr(docs, "| *required* |"));
    free(docs);
}

#define CONFIG_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(test_defaults),
        CONFIG_TEST(test_every_default_of_every_program_is_valid),
        CONFIG_TEST(test_empty_is_unset),
        CONFIG_TEST(test_foreign_settings_are_not_looked_at),
        CONFIG_TEST(test_amounts),
        CONFIG_TEST(test_malformed_values),
        CONFIG_TEST(test_out_of_range_values),
        CONFIG_TEST(test_settings_that_contradict_each_other),
        CONFIG_TEST(test_lists),
        CONFIG_TEST(test_secrets),
        CONFIG_TEST(test_secret_files),
        CONFIG_TEST(test_password),
        CONFIG_TEST(test_file_of_what_is_no_secret),
        CONFIG_TEST(test_print_hides_secrets),
        CONFIG_TEST(test_print_round_trip),
        CONFIG_TEST(test_help_and_docs_name_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
