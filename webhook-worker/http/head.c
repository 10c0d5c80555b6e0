#include "webhook-worker/http/head.h"

#include <curl/curl.h>
#include <errno.h>

/* Appends a part of the URL between two texts, if the URL has it. */
static int append_part(CURLU *url, CURLUPart part, unsigned flags, const char *before,
                       struct buffer *buffer)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, flags);
    if (code == CURLUE_NO_QUERY || code == CURLUE_NO_PORT)
        return 0;
    if (code != CURLUE_OK)
        return -EINVAL;
    buffer_append_text(buffer, before);
    buffer_append_text(buffer, text);
    curl_free(text);
    return 0;
}

static bool is_plain(CURLU *url)
{
    char *scheme = NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return false;
    bool is_http = strcmp(scheme, "http") == 0;
    curl_free(scheme);
    return is_http;
}

static int append_fixed(CURLU *url, struct buffer *buffer)
{
    int rc = append_part(url, CURLUPART_PATH, 0, "POST ", buffer);
    if (rc == 0)
        rc = append_part(url, CURLUPART_QUERY, 0, "?", buffer);
    buffer_append_text(buffer, " HTTP/1.1\r\n");
    if (rc == 0)
        rc = append_part(url, CURLUPART_HOST, CURLU_PUNYCODE, "Host: ", buffer);
    if (rc == 0)
        rc = append_part(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, ":", buffer);
    buffer_append_text(buffer, "\r\nUser-Agent: " TRANSFER_USER_AGENT "\r\nAccept: */*\r\n"
                               "Content-Type: " EVENT_MEDIA_TYPE "\r\n");
    return rc;
}

int http_head_init(struct http_head *head, const char *url_text)
{
    *head = (struct http_head){0};
    CURLU *url = curl_url();
    ASSERT(url);
    int rc = -EINVAL;
    if (curl_url_set(url, CURLUPART_URL, url_text, CURLU_URLENCODE) == CURLUE_OK && is_plain(url))
        rc = append_fixed(url, &head->fixed);
    curl_url_cleanup(url);
    if (rc < 0)
        buffer_fini(&head->fixed);
    return rc;
}

void http_head_fini(struct http_head *head)
{
    buffer_fini(&head->fixed);
    buffer_fini(&head->prefix);
}

/* One token serves many requests. */
static void take_authorization(struct http_head *head, const struct transfer_request *request)
{
    ASSERT(request->authorization_generation != 0);
    if (head->authorization_generation == request->authorization_generation)
        return;
    buffer_clear(&head->prefix);
    buffer_append_span(&head->prefix, buffer_span(&head->fixed));
    buffer_append_text(&head->prefix, request->authorization);
    buffer_append_text(&head->prefix, "\r\nIdempotency-Key: ");
    head->authorization_generation = request->authorization_generation;
}

void http_head_append(struct http_head *head, const struct transfer_request *request,
                      struct buffer *buffer)
{
    take_authorization(head, request);
    buffer_append_span(buffer, buffer_span(&head->prefix));
    buffer_append_text(buffer, request->key);
    buffer_append_format(buffer, "\r\nContent-Length: %zu\r\n\r\n", request->body.length);
}
