#include "common/process/config_parse.h"

#include <errno.h>
#include <stdlib.h>

#include "common/process/web_origin.h"

const struct setting_unit *setting_units(enum setting_kind kind, size_t *ret_count)
{
    static const struct setting_unit bytes[] = {
        {"", 1}, {"k", 1u << 10}, {"M", 1u << 20}, {"G", 1u << 30}};
    static const struct setting_unit times[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    if (kind == SETTING_DURATION) {
        *ret_count = ARRAY_LENGTH(times);
        return times;
    }
    *ret_count = kind == SETTING_BYTES ? ARRAY_LENGTH(bytes) : 1;
    return bytes;
}

bool setting_is_secret(const struct setting *setting)
{
    return setting->kind == SETTING_SECRET || setting->kind == SETTING_PASSWORD;
}

void *setting_field(const struct setting *setting, struct config *config)
{
    return (char *)config + setting->offset;
}

static size_t digits(struct span text)
{
    size_t count = 0;
    while (count < text.length && text.data[count] >= '0' && text.data[count] <= '9')
        count++;
    return count;
}

static const struct setting_unit *find_unit(enum setting_kind kind, struct span name)
{
    static const struct setting_unit bare_second = {"", 1000};
    size_t count;
    const struct setting_unit *units = setting_units(kind, &count);
    if (kind == SETTING_DURATION && name.length == 0)
        return &bare_second;
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(name, span_text(units[i].name)))
            return &units[i];
    return NULL;
}

static int parse_amount(const struct setting *setting, struct span text, uint64_t *ret_amount)
{
    uint64_t number;
    size_t length = digits(text);
    int rc = span_to_u64(span_of(text.data, length), UINT64_MAX, &number);
    const struct setting_unit *unit =
        find_unit(setting->kind, span_of(text.data + length, text.length - length));
    if (rc == -EINVAL || !unit)
        return -EINVAL;
    if (rc < 0 || number > setting->maximum / unit->factor ||
        number * unit->factor < setting->minimum)
        return -ERANGE;
    *ret_amount = number * unit->factor;
    return 0;
}

/* The first byte that is not printable has no business in a name or an address. */
static bool is_printable(struct span text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return true;
}

static int parse_text(const struct setting *setting, struct span text, char **field)
{
    if (!is_printable(text))
        return -EINVAL;
    if (text.length < setting->minimum || text.length > setting->maximum)
        return -ERANGE;
    free(*field);
    *field = span_dup(text);
    return 0;
}

static int parse_url(const struct setting *setting, struct span text, char **field)
{
    struct span scheme = text;
    scheme.length = min_size(text.length, sizeof("https://") - 1);
    bool is_https = span_equal_nocase(scheme, span_text("https://"));
    scheme.length = min_size(text.length, sizeof("http://") - 1);
    bool is_http = span_equal_nocase(scheme, span_text("http://"));
    size_t authority = is_https ? sizeof("https://") - 1 : sizeof("http://") - 1;
    if (!(is_http || is_https) || text.length == authority || strchr("/?#", text.data[authority]) ||
        memchr(text.data, ' ', text.length))
        return -EINVAL;
    return parse_text(setting, text, field);
}

static int parse_origins(const struct setting *setting, struct span text, char **field)
{
    return web_origins_are_valid(text) ? parse_text(setting, text, field) : -EINVAL;
}

static int parse_boolean(struct span text, bool *field)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (span_equal_nocase(text, span_text(words[i]))) {
            *field = i % 2;
            return 0;
        }
    return -EINVAL;
}

static int parse_choice(const struct setting *setting, struct span text, unsigned int *field)
{
    struct span rest = span_text(setting->choices);
    for (unsigned int i = 0; rest.data; i++)
        if (span_equal(text, span_split(&rest, '|'))) {
            *field = i;
            return 0;
        }
    return -EINVAL;
}

static int parse_secret(const struct setting *setting, struct span text, struct secret_list *field)
{
    struct secret_list list = {.text = span_dup(text)};
    struct span rest = span_of(list.text, text.length);
    int rc = 0;
    do {
        struct span item = span_split(&rest, ',');
        if (item.length < setting->minimum || item.length > setting->maximum)
            rc = -ERANGE;
        list.items = xrealloc(list.items, (list.count + 1) * sizeof(struct span));
        list.items[list.count++] = item;
    } while (rest.data);
    struct secret_list loser = rc == 0 ? *field : list;
    if (rc == 0)
        *field = list;
    free(loser.items);
    free(loser.text);
    return rc;
}

static int parse_listen(struct span text, struct address *field)
{
    struct address address;
    int rc = address_parse(text, 0, &address);
    if (rc < 0)
        return rc;
    address_fini(field);
    *field = address;
    return 0;
}

static int parse_addresses(struct span text, struct address_list *field)
{
    struct address_list list;
    int rc = address_list_parse(text, &list);
    if (rc < 0)
        return rc;
    address_list_fini(field);
    *field = list;
    return 0;
}

static int parse_networks(struct span text, struct network_list *field)
{
    struct network_list list;
    int rc = network_list_parse(text, &list);
    if (rc < 0)
        return rc;
    network_list_fini(field);
    *field = list;
    return 0;
}

int setting_parse(const struct setting *setting, struct span text, struct config *config)
{
    void *field = setting_field(setting, config);
    uint64_t amount;
    int rc = 0;
    switch (setting->kind) {
    case SETTING_TEXT:
    case SETTING_PASSWORD:
        return parse_text(setting, text, field);
    case SETTING_URL:
        return parse_url(setting, text, field);
    case SETTING_ORIGINS:
        return parse_origins(setting, text, field);
    case SETTING_INTEGER:
    case SETTING_BYTES:
        return parse_amount(setting, text, field);
    case SETTING_DURATION:
        rc = parse_amount(setting, text, &amount);
        if (rc == 0)
            *(int64_t *)field = (int64_t)amount;
        return rc;
    case SETTING_BOOLEAN:
        return parse_boolean(text, field);
    case SETTING_LISTEN:
        return parse_listen(text, field);
    case SETTING_ADDRESSES:
        return parse_addresses(text, field);
    case SETTING_NETWORKS:
        return parse_networks(text, field);
    case SETTING_SECRET:
        return parse_secret(setting, text, field);
    case SETTING_CHOICE:
        return parse_choice(setting, text, field);
    }
    return -EINVAL;
}

void setting_fini(const struct setting *setting, struct config *config)
{
    void *field = setting_field(setting, config);
    struct secret_list *secrets = field;
    switch (setting->kind) {
    case SETTING_PASSWORD:
        if (*(char **)field)
            explicit_bzero(*(char **)field, strlen(*(char **)field));
        free(*(char **)field);
        break;
    case SETTING_TEXT:
    case SETTING_URL:
    case SETTING_ORIGINS:
        free(*(char **)field);
        break;
    case SETTING_LISTEN:
        address_fini(field);
        break;
    case SETTING_ADDRESSES:
        address_list_fini(field);
        break;
    case SETTING_NETWORKS:
        network_list_fini(field);
        break;
    case SETTING_SECRET:
        if (secrets->text)
            explicit_bzero(secrets->text, strlen(secrets->text));
        free(secrets->text);
        free(secrets->items);
        break;
    case SETTING_INTEGER:
    case SETTING_BYTES:
    case SETTING_DURATION:
    case SETTING_BOOLEAN:
    case SETTING_CHOICE:
        break;
    }
}
