/* docs/protocol.md, written from the table. */
#include <inttypes.h>

#include "common/wire/wire.h"

static void write_bound(FILE *file, const char *kind, uint64_t bound, const char *unit)
{
    if (bound == UINT64_MAX)
        fprintf(file, "%s | any", kind);
    else
        fprintf(file, "%s | ≤ %" PRIu64 "%s", kind, bound, unit);
}

static void write_fields_head(FILE *file)
{
    fputs("\n| field | type | bound | meaning |\n|---|---|---|---|\n", file);
}

#define BOUND_U64(bound)   write_bound(file, "unsigned", (bound), "")
#define BOUND_BYTES(bound) write_bound(file, "bytes", (bound), " bytes")
#define WRITE_FIELD(type, name, bound, meaning) \
    fputs("| `" #name "` | ", file);            \
    BOUND_##type(bound);                        \
    fputs(" | " meaning " |\n", file);
#define WRITE_LIST(record, name, bound, meaning)                            \
    fputs("| `" #name "` | ", file);                                        \
    write_bound(file, "array of [" #record "](#" #record ")", (bound), ""); \
    fputs(" | " meaning " |\n", file);

static void write_messages(FILE *file)
{
    fputs("\n## Messages\n", file);
#define RECORD(name, fields)
#define MESSAGE(id, NAME, name, fields, purpose)                \
    fprintf(file, "\n### %d %s\n\n" purpose "\n", (id), #NAME); \
    write_fields_head(file);                                    \
    fields(WRITE_FIELD, WRITE_LIST)
#include "common/wire/messages.def"
}

static void write_records(FILE *file)
{
    fputs("\n## Records\n\nParts of messages: arrays without an id.\n", file);
#define RECORD(name, fields)          \
    fputs("\n### " #name "\n", file); \
    write_fields_head(file);          \
    fields(WRITE_FIELD, WRITE_LIST)
#define MESSAGE(id, NAME, name, fields, purpose)
#include "common/wire/messages.def"
}

void wire_write_docs(FILE *file)
{
    fprintf(file,
            "<!-- Written from common/wire/messages.def; do not edit. -->\n"
            "# The protocol between the programs\n\n"
            "A packet is one ZeroMQ frame: a header and messages, concatenated msgpack values.\n\n"
            "    [version, from, to, number, sent, received] [id, field…] [id, field…] …\n\n"
            "The version is %d. `from` and `to` are the sessions of sender and receiver; `number` "
            "counts packets that\nare kept until received, 0 is a packet that is not; `sent` and "
            "`received` are the highest number the sender\nhas used and has got without a gap. "
            "HELLO, WELCOME, REFUSED, RESYNC, RESEND and BYE travel unnumbered, all\nothers "
            "numbered. An unnumbered packet without messages is a heartbeat.\n\n"
            "Unsigned is any unsigned msgpack integer, bytes is msgpack bin. Fields are only ever "
            "appended: a missing\none is 0 or empty, an additional one is ignored; so is a message "
            "with an unknown id.\n\n"
            "## Who says what\n\n```text\n%s```\n",
            WIRE_VERSION, WIRE_GRAMMAR);
    write_messages(file);
    write_records(file);
}
