#include "webhook-worker/http/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct http_connect {
    struct list link;
    CURL *easy;
    void *owner;
    char error[CURL_ERROR_SIZE];
};

static void set_long(CURL *easy, CURLoption option, long value)
{
    CURLcode code = curl_easy_setopt(easy, option, value);
    ASSERT(code == CURLE_OK);
}

static void set_pointer(CURL *easy, CURLoption option, const void *value)
{
    CURLcode code = curl_easy_setopt(easy, option, value);
    ASSERT(code == CURLE_OK);
}

static struct http_connect *connect_new(struct http_connector *connector)
{
    struct http_connect *connect = xcalloc(1, sizeof(*connect));
    CURL *easy = curl_easy_init();
    ASSERT(easy);
    connect->easy = easy;
    list_init(&connect->link);
    set_pointer(easy, CURLOPT_PRIVATE, connect);
    set_pointer(easy, CURLOPT_URL, connector->settings->url);
    set_pointer(easy, CURLOPT_PROTOCOLS_STR, "http");
    set_pointer(easy, CURLOPT_NOPROXY, "*");
    set_pointer(easy, CURLOPT_ERRORBUFFER, connect->error);
    set_long(easy, CURLOPT_CONNECT_ONLY, 1);
    set_long(easy, CURLOPT_NOSIGNAL, 1);
    set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connector->settings->connect_timeout_ms);
    /* One that is given up would otherwise wait for its resolver's thread, and the loop with it. */
    set_long(easy, CURLOPT_QUICK_EXIT, 1);
    http_multi_prepare(&connector->multi, easy);
    return connect;
}

static void connect_release(struct http_connector *connector, struct http_connect *connect)
{
    http_multi_remove(&connector->multi, connect->easy);
    list_remove(&connect->link);
    list_prepend(&connector->spare, &connect->link);
}

/* libcurl closes its descriptor when the handle is taken out of the multi; this is another one of
 * the same socket. It may be gone already: libcurl looks after dead connections in between. */
static int take_socket(CURL *easy)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    CURLcode code = curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    ASSERT(code == CURLE_OK);
    if (fd == CURL_SOCKET_BAD)
        return -ECONNRESET;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

static void on_done(struct http_multi *multi, CURL *easy, CURLcode code)
{
    struct http_connector *connector = CONTAINER_OF(multi, struct http_connector, multi);
    struct http_connect *connect = NULL;
    CURLcode found = curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&connect);
    ASSERT(found == CURLE_OK && connect);
    const char *error = connect->error[0] ? connect->error : curl_easy_strerror(code);
    int fd = code == CURLE_OK ? take_socket(easy) : -1;
    if (code == CURLE_OK && fd < 0)
        error = strerror(-fd);
    connect_release(connector, connect);
    connector->on_end(connect->owner, fd < 0 ? -1 : fd, error);
}

void http_connector_init(struct http_connector *connector, struct loop *loop,
                         const struct transfer_settings *settings, size_t attempts,
                         void (*on_end)(void *owner, int fd, const char *error))
{
    connector->settings = settings;
    connector->on_end = on_end;
    list_init(&connector->running);
    list_init(&connector->spare);
    http_multi_init(&connector->multi, loop, attempts, on_done);
}

void http_connector_fini(struct http_connector *connector)
{
    LIST_FOR_EACH(&connector->running, link)
        connect_release(connector, LIST_ENTRY(link, struct http_connect, link));
    http_multi_fini(&connector->multi);
    LIST_FOR_EACH(&connector->spare, link) {
        struct http_connect *connect = LIST_ENTRY(link, struct http_connect, link);
        list_remove(&connect->link);
        curl_easy_cleanup(connect->easy);
        free(connect);
    }
}

struct http_connect *http_connector_begin(struct http_connector *connector, void *owner)
{
    struct http_connect *connect = LIST_FIRST(&connector->spare, struct http_connect, link);
    if (!connect)
        connect = connect_new(connector);
    list_remove(&connect->link);
    list_append(&connector->running, &connect->link);
    connect->owner = owner;
    connect->error[0] = '\0';
    http_multi_add(&connector->multi, connect->easy);
    return connect;
}

void http_connector_cancel(struct http_connector *connector, struct http_connect *connect)
{
    connect_release(connector, connect);
}
