/* Commands: what a backend wants done, in the answer to a webhook or in a control request.
 *
 *     {"events": [ {"type": "SUBSCRIBE", "connectionId": "…", "channel": "…"}, … ]}
 *          │ command_list_parse(): all of it is checked before the caller sees any of it
 *          ▼
 *     struct command_list ─▶ commands[0 … count-1]       in the order to be carried out
 *
 * Which commands there are, with which fields, is the table commands.def. Unknown fields are
 * ignored, an unknown type refuses the body.
 *
 * Spans of a command point into the body or into memory of the list: both outlive their use. The
 * caller owns the list and releases it with command_list_fini(). Not shared between threads.
 */
#ifndef SLIP_CONTRACT_COMMAND_H
#define SLIP_CONTRACT_COMMAND_H

#include "common/contract/error.h"
#include "common/contract/rules.h"

enum command_type {
#define COMMAND(type, where, required, optional) COMMAND_##type,
#include "common/contract/commands.def"
#undef COMMAND
    COMMAND_TYPE_COUNT
};

/* COMMAND_FIELD_CONNECTION … as numbers, and as sets COMMAND_HAS_CONNECTION … */
enum command_field {
#define COMMAND_FIELD(id, name) COMMAND_FIELD_##id,
#include "common/contract/commands.def"
#undef COMMAND_FIELD
    COMMAND_FIELD_COUNT
};

enum command_field_set {
    COMMAND_HAS_NOTHING = 0,
#define COMMAND_FIELD(id, name) COMMAND_HAS_##id = 1 << COMMAND_FIELD_##id,
#include "common/contract/commands.def"
#undef COMMAND_FIELD
};

/* Where commands stand. */
enum command_context {
    COMMAND_IN_ANSWER = 1,
    COMMAND_IN_CONTROL = 2,
};

/* A response header for the handshake. The value is trimmed. */
struct command_header {
    struct span name;
    struct span value;
};

/* A checked command. What its type has no field for is zero. */
struct command {
    enum command_type type;
    bool refuses;    /* CLOSE: refuses a handshake (set by answer_split(), not by the body) */
    uint16_t code;   /* CLOSE, CLOSE_CHANNEL: may be sent; 1000 when not given */
    uint16_t status; /* CLOSE: 300 … 599, used when it refuses; 403 when not given */
    struct span connection; /* connectionId, ≤ 128 bytes; perhaps none of ours, then it is gone */
    struct span channel;    /* of channel or channelId: a valid name */
    struct span data;       /* TEXT, PUBLISH_TEXT: UTF-8; BINARY, PUBLISH_BINARY: decoded bytes */
    struct span metadata;   /* SET_METADATA: the JSON as it was written, at least `null` */
    struct span reason;     /* CLOSE, CLOSE_CHANNEL: ≤ 123 bytes of UTF-8 */
    struct span subprotocol; /* ACCEPT: a token, or empty; whether the client offered it is the
                                edge's to check */
    struct span body;        /* CLOSE that refuses: text for the HTTP answer */
    const struct command_header *headers; /* ACCEPT, CLOSE that refuses */
    size_t header_count;
    int64_t timeout_ms; /* POLL_FOR_CONNECTION: 0 … poll_limit_ms, that limit when not given */
};

/* Bounds that operators choose (config.def); a value above one refuses the body. */
struct command_limits {
    size_t commands; /* in one body */
    size_t channel_name_bytes;
    size_t metadata_bytes;
    size_t data_bytes;     /* of one message, decoded */
    int64_t poll_limit_ms; /* a longer timeout is shortened to it */
};

#define COMMAND_LIMITS_DEFAULT                                                 \
    {                                                                          \
        .commands = 10000, .channel_name_bytes = 256, .metadata_bytes = 65536, \
        .data_bytes = 1048576, .poll_limit_ms = 30000                          \
    }

struct command_list {
    struct command *commands;
    size_t count;
    size_t capacity;
    struct command_header *headers; /* of all commands; each points to its own part */
    size_t header_count;
    size_t header_capacity;
    char *text; /* strings that had escapes, binary data; at most as long as the body */
    size_t text_length;
};

/* Reads a whole body `{"events": […]}`. The caller has bounded its length.
 * 0: *ret_list is filled (perhaps with no command) and the caller's.
 * -EINVAL: *ret_error says why; *ret_list is untouched and nothing is to be carried out. */
MUST_USE
int command_list_parse(struct span body, enum command_context context,
                       const struct command_limits *limits, struct command_list *ret_list,
                       struct contract_error *ret_error);

/* Reads one command whose type is known (a REST resource): `body` is an object with its fields,
 * `type` is not looked at. Fields in `given` (a set of enum command_field_set) are neither wanted
 * nor read: the caller has them from the path, checks them by rules.h and puts them into
 * ret_list->commands[0]. An empty body is an object without members.
 * Results as for command_list_parse(); the list holds exactly one command. */
MUST_USE
int command_list_parse_one(struct span body, enum command_type type, unsigned given,
                           const struct command_limits *limits, struct command_list *ret_list,
                           struct contract_error *ret_error);

/* Releases the list's memory and leaves it empty. */
void command_list_fini(struct command_list *list);

/* "SUBSCRIBE" … for logs. */
const char *command_type_name(enum command_type type);

/* The fields that a type has (sets of enum command_field_set). */
unsigned command_type_required(enum command_type type);
unsigned command_type_optional(enum command_type type);

#endif
