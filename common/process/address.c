#include "common/process/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOST_BYTES = 255 };

static bool is_name(struct span host)
{
    for (size_t i = 0; i < host.length; i++) {
        char c = host.data[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

static bool is_ipv6(struct span host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    if (host.length >= sizeof(text))
        return false;
    memcpy(text, host.data, host.length);
    text[host.length] = '\0';
    return inet_pton(AF_INET6, text, &ignored) == 1;
}

/* Splits at the last ':' that is not inside brackets. */
static bool split(struct span text, struct span *ret_host, struct span *ret_port)
{
    const char *colon = text.length ? memrchr(text.data, ':', text.length) : NULL;
    if (!colon)
        return false;
    size_t length = (size_t)(colon - text.data);
    *ret_host = span_of(text.data, length);
    *ret_port = span_of(colon + 1, text.length - length - 1);
    if (length < 2 || text.data[0] != '[')
        return length > 0 && length <= HOST_BYTES && is_name(*ret_host);
    *ret_host = span_of(text.data + 1, length - 2);
    return text.data[length - 1] == ']' && is_ipv6(*ret_host);
}

int address_parse(struct span text, uint16_t minimum_port, struct address *ret_address)
{
    struct span host, port_text;
    uint64_t port;
    if (!split(text, &host, &port_text) || span_to_u64(port_text, UINT16_MAX, &port) < 0 ||
        port < minimum_port)
        return -EINVAL;
    *ret_address = (struct address){.host = span_dup(host), .port = (uint16_t)port};
    return 0;
}

void address_fini(struct address *address)
{
    free(address->host);
    *address = (struct address){0};
}

int address_list_parse(struct span text, struct address_list *ret_list)
{
    struct address_list list = {0};
    do {
        struct address address;
        if (address_parse(span_trim(span_split(&text, ',')), 1, &address) < 0) {
            address_list_fini(&list);
            return -EINVAL;
        }
        list.items = xrealloc(list.items, (list.count + 1) * sizeof(struct address));
        list.items[list.count++] = address;
    } while (text.data);
    *ret_list = list;
    return 0;
}

void address_list_fini(struct address_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        address_fini(&list->items[i]);
    free(list->items);
    *list = (struct address_list){0};
}

void address_format(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE])
{
    if (strchr(address->host, ':'))
        snprintf(ret_text, ADDRESS_TEXT_SIZE, "[%.255s]:%u", address->host, address->port);
    else
        snprintf(ret_text, ADDRESS_TEXT_SIZE, "%.255s:%u", address->host, address->port);
}
