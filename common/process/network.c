#include "common/process/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static const unsigned char MAPPED_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Any address as 16 bytes; `ret_width` is the length of its own form in bits. */
static bool parse_ip(struct span text, unsigned char ret_bytes[16], unsigned int *ret_width)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.length == 0 || text.length >= sizeof(copy) || memchr(text.data, '\0', text.length))
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    memcpy(ret_bytes, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
    *ret_width = 32;
    if (inet_pton(AF_INET, copy, ret_bytes + 12) == 1)
        return true;
    *ret_width = 128;
    return inet_pton(AF_INET6, copy, ret_bytes) == 1;
}

static bool is_inside(const struct network *network, const unsigned char address[16])
{
    unsigned int whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->prefix, address, whole) != 0)
        return false;
    return rest == 0 || ((network->prefix[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

static bool has_host_bits(const struct network *network)
{
    for (unsigned int bit = network->bits; bit < 128; bit++)
        if (network->prefix[bit / 8] & (0x80 >> bit % 8))
            return true;
    return false;
}

static int network_parse(struct span text, struct network *ret_network)
{
    struct network network;
    unsigned int width;
    struct span length_text = text;
    struct span address = span_split(&length_text, '/');
    if (!parse_ip(address, network.prefix, &width))
        return -EINVAL;
    uint64_t length = width;
    if (length_text.data && span_to_u64(length_text, width, &length) < 0)
        return -EINVAL;
    network.bits = 128 - width + (unsigned int)length;
    if (has_host_bits(&network))
        return -EINVAL;
    *ret_network = network;
    return 0;
}

int network_list_parse(struct span text, struct network_list *ret_list)
{
    struct network_list list = {0};
    if (span_trim(text).length == 0)
        text = span_of(NULL, 0);
    while (text.data) {
        struct network network;
        if (network_parse(span_trim(span_split(&text, ',')), &network) < 0) {
            network_list_fini(&list);
            return -EINVAL;
        }
        list.items = xrealloc(list.items, (list.count + 1) * sizeof(struct network));
        list.items[list.count++] = network;
    }
    *ret_list = list;
    return 0;
}

void network_list_fini(struct network_list *list)
{
    free(list->items);
    *list = (struct network_list){0};
}

void network_format(const struct network *network, char ret_text[NETWORK_TEXT_SIZE])
{
    char address[INET6_ADDRSTRLEN];
    bool is_ipv4 =
        network->bits >= 96 && memcmp(network->prefix, MAPPED_PREFIX, sizeof(MAPPED_PREFIX)) == 0;
    if (is_ipv4)
        inet_ntop(AF_INET, network->prefix + 12, address, sizeof(address));
    else
        inet_ntop(AF_INET6, network->prefix, address, sizeof(address));
    snprintf(ret_text, NETWORK_TEXT_SIZE, "%s/%u", address, network->bits - (is_ipv4 ? 96 : 0));
}

static bool list_has(const struct network_list *list, const unsigned char address[16])
{
    for (size_t i = 0; i < list->count; i++)
        if (is_inside(&list->items[i], address))
            return true;
    return false;
}

bool network_contains(const struct network_list *list, const struct sockaddr *address)
{
    unsigned char bytes[16];
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, address, sizeof(ipv6));
        memcpy(bytes, &ipv6.sin6_addr, sizeof(bytes));
    } else if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address, sizeof(ipv4));
        memcpy(bytes, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
        memcpy(bytes + 12, &ipv4.sin_addr, 4);
    } else {
        return false;
    }
    return list_has(list, bytes);
}
