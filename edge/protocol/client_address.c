#include "edge/protocol/client_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

struct client_address client_address_of_bytes(const void *bytes, size_t length)
{
    ASSERT(length == 4 || length == 16);
    const uint8_t *from = bytes;
    if (length == 16 && memcmp(from, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        from += sizeof(mapped_prefix);
        length = 4;
    }
    struct client_address address = {.length = (uint8_t)length};
    memcpy(address.bytes, from, length);
    return address;
}

struct client_address client_address_of_socket(const struct sockaddr *socket_address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (socket_address->sa_family == AF_INET) {
        memcpy(&v4, socket_address, sizeof(v4));
        return client_address_of_bytes(&v4.sin_addr, sizeof(v4.sin_addr));
    }
    if (socket_address->sa_family == AF_INET6) {
        memcpy(&v6, socket_address, sizeof(v6));
        return client_address_of_bytes(&v6.sin6_addr, sizeof(v6.sin6_addr));
    }
    return (struct client_address){0};
}

void client_address_to_socket(const struct client_address *address,
                              struct sockaddr_storage *ret_socket_address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    *ret_socket_address = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
    if (address->length == sizeof(v4.sin_addr)) {
        memcpy(&v4.sin_addr, address->bytes, sizeof(v4.sin_addr));
        memcpy(ret_socket_address, &v4, sizeof(v4));
    } else if (address->length == sizeof(v6.sin6_addr)) {
        memcpy(&v6.sin6_addr, address->bytes, sizeof(v6.sin6_addr));
        memcpy(ret_socket_address, &v6, sizeof(v6));
    }
}

int client_address_parse(struct span text, struct client_address *ret_address)
{
    char copy[CLIENT_ADDRESS_TEXT_MAX];
    uint8_t bytes[16];
    if (text.length == 0 || text.length >= sizeof(copy) || memchr(text.data, '\0', text.length))
        return -EINVAL;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    bool is_v6 = strchr(copy, ':') != NULL;
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, copy, bytes) != 1)
        return -EINVAL;
    *ret_address = client_address_of_bytes(bytes, is_v6 ? 16 : 4);
    return 0;
}

size_t client_address_format(const struct client_address *address,
                             char ret_text[CLIENT_ADDRESS_TEXT_MAX])
{
    if (address->length == 0) {
        memcpy(ret_text, "unknown", sizeof("unknown"));
        return strlen(ret_text);
    }
    int family = address->length == 4 ? AF_INET : AF_INET6;
    ASSERT(inet_ntop(family, address->bytes, ret_text, CLIENT_ADDRESS_TEXT_MAX));
    return strlen(ret_text);
}

bool client_address_equal(const struct client_address *a, const struct client_address *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}
