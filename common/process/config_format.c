#include <inttypes.h>
#include <stdlib.h>

#include "common/process/config_parse.h"
#include "common/process/mask.h"

void setting_format_amount(enum setting_kind kind, uint64_t amount, struct buffer *buffer)
{
    size_t count, best = 0;
    const struct setting_unit *units = setting_units(kind, &count);
    for (size_t i = 1; i < count && amount > 0; i++)
        if (amount % units[i].factor == 0)
            best = i;
    buffer_append_format(buffer, "%" PRIu64 "%s", amount / units[best].factor, units[best].name);
}

static void format_masked(const char *text, struct buffer *buffer)
{
    char *masked = mask_passwords(text);
    buffer_append_text(buffer, masked);
    free(masked);
}

static void format_address(const struct address *address, struct buffer *buffer)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    buffer_append_text(buffer, text);
}

static void format_addresses(const struct address_list *list, struct buffer *buffer)
{
    for (size_t i = 0; i < list->count; i++) {
        buffer_append_text(buffer, i ? "," : "");
        format_address(&list->items[i], buffer);
    }
}

static void format_networks(const struct network_list *list, struct buffer *buffer)
{
    for (size_t i = 0; i < list->count; i++) {
        char text[NETWORK_TEXT_SIZE];
        network_format(&list->items[i], text);
        buffer_append_format(buffer, "%s%s", i ? "," : "", text);
    }
}

static void format_choice(const char *choices, unsigned int index, struct buffer *buffer)
{
    struct span rest = span_text(choices);
    struct span choice = span_split(&rest, '|');
    while (index-- > 0)
        choice = span_split(&rest, '|');
    buffer_append_span(buffer, choice);
}

void setting_format(const struct setting *setting, const struct config *config,
                    struct buffer *buffer)
{
    const void *field = (const char *)config + setting->offset;
    switch (setting->kind) {
    case SETTING_TEXT:
    case SETTING_URL:
        format_masked(*(char *const *)field, buffer);
        break;
    case SETTING_ORIGINS:
        buffer_append_text(buffer, *(char *const *)field ? *(char *const *)field : "");
        break;
    case SETTING_INTEGER:
    case SETTING_BYTES:
        setting_format_amount(setting->kind, *(const uint64_t *)field, buffer);
        break;
    case SETTING_DURATION:
        setting_format_amount(setting->kind, (uint64_t) * (const int64_t *)field, buffer);
        break;
    case SETTING_BOOLEAN:
        buffer_append_text(buffer, *(const bool *)field ? "on" : "off");
        break;
    case SETTING_LISTEN:
        format_address(field, buffer);
        break;
    case SETTING_ADDRESSES:
        format_addresses(field, buffer);
        break;
    case SETTING_NETWORKS:
        format_networks(field, buffer);
        break;
    case SETTING_SECRET:
        buffer_append_text(buffer, "***");
        break;
    case SETTING_PASSWORD:
        buffer_append_text(buffer, **(char *const *)field ? "***" : "");
        break;
    case SETTING_CHOICE:
        format_choice(setting->choices, *(const unsigned int *)field, buffer);
        break;
    }
}

static void describe_range(const struct setting *setting, const char *what, struct buffer *buffer)
{
    buffer_append_format(buffer, "%s from ", what);
    setting_format_amount(setting->kind, setting->minimum, buffer);
    buffer_append_text(buffer, " to ");
    setting_format_amount(setting->kind, setting->maximum, buffer);
}

void setting_describe(const struct setting *setting, struct buffer *buffer)
{
    switch (setting->kind) {
    case SETTING_TEXT:
    case SETTING_PASSWORD:
        describe_range(setting, "printable text, its length", buffer);
        break;
    case SETTING_INTEGER:
        describe_range(setting, "a whole number", buffer);
        break;
    case SETTING_BYTES:
        describe_range(setting, "a number of bytes (k, M, G)", buffer);
        break;
    case SETTING_DURATION:
        describe_range(setting, "a time (ms, s, m, h, d)", buffer);
        break;
    case SETTING_BOOLEAN:
        buffer_append_text(buffer, "on or off");
        break;
    case SETTING_LISTEN:
        buffer_append_text(buffer, "host:port or [ipv6]:port, port 0 for a free one");
        break;
    case SETTING_ADDRESSES:
        buffer_append_text(buffer, "host:port, comma-separated");
        break;
    case SETTING_NETWORKS:
        buffer_append_text(buffer, "networks as 10.0.0.0/8 or fd00::/8, comma-separated");
        break;
    case SETTING_ORIGINS:
        buffer_append_text(buffer, "origins as https://example.com or https://*.example.com, "
                                   "without a default port, comma-separated");
        break;
    case SETTING_URL:
        buffer_append_text(buffer, "an http:// or https:// URL");
        break;
    case SETTING_SECRET:
        describe_range(setting, "comma-separated secrets, the length of each", buffer);
        break;
    case SETTING_CHOICE:
        buffer_append_format(buffer, "one of %s", setting->choices);
        break;
    }
}
