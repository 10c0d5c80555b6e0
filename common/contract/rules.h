/* The small rules of the contract, each in one place: what a channel may be called, which close
 * codes may be sent, what may stand in a response header. For commands in a body and for the
 * resources of the REST API alike.
 *
 * Each check returns NULL when the value is good, otherwise the reason ("is empty", …), static and
 * such that it reads on from the name of the field.
 */
#ifndef SLIP_CONTRACT_RULES_H
#define SLIP_CONTRACT_RULES_H

#include "common/base/span.h"

#define RULES_CONNECTION_ID_BYTES_MAX 128
#define RULES_REASON_BYTES_MAX        123 /* RFC 6455 §5.5: 125 less the code */
#define RULES_SUBPROTOCOL_BYTES_MAX   256
#define RULES_REFUSAL_BODY_BYTES_MAX  65536
#define RULES_REFUSAL_STATUS_DEFAULT  403
#define RULES_CLOSE_CODE_DEFAULT      1000
#define RULES_CLOSE_CODE_NONE         1005 /* what a CLOSE event says when the client gave no code */

/* All headers of one answer together, counted as `name: value\r\n`. Whoever writes a handshake
 * response has room for them. */
#define RULES_HEADERS_BYTES_MAX 4096
#define RULES_HEADERS_MAX       64

/* The setting that bounds a channel's name. */
#define RULES_CHANNEL_SETTING "CHANNEL_NAME_LIMIT"

/* Valid UTF-8, 1 … limit bytes, no control character (U+0000–U+001F, U+007F–U+009F). */
MUST_USE
const char *rules_check_channel(struct span channel, size_t limit_bytes);

/* One JSON value (RFC 8259) and nothing after it, of at most `limit_bytes`. */
MUST_USE
const char *rules_check_metadata(struct span metadata, size_t limit_bytes);

/* Codes that an end point may put into a close frame (RFC 6455 §7.4 and IANA's registry):
 * 1000–1003, 1007–1014 and 3000–4999; not 1004, 1005, 1006, 1015. */
MUST_USE
const char *rules_check_close_code(int64_t code);

/* Valid UTF-8 of at most RULES_REASON_BYTES_MAX bytes. */
MUST_USE
const char *rules_check_reason(struct span reason);

/* The status of a refused handshake: 300 … 599. */
MUST_USE
const char *rules_check_status(int64_t status);

/* A token (RFC 9110 §5.6.2) of at most RULES_SUBPROTOCOL_BYTES_MAX bytes. */
MUST_USE
const char *rules_check_subprotocol(struct span subprotocol);

/* A field name (RFC 9110 §5.1) that a backend may set in the answer to a handshake: none that
 * frames the message or belongs to the handshake itself. */
MUST_USE
const char *rules_check_header_name(struct span name);

/* A field value (RFC 9110 §5.5), trimmed: no control characters but tab. */
MUST_USE
const char *rules_check_header_value(struct span value);

/* RFC 9110 §5.6.2: one or more tchar. */
MUST_USE
bool rules_is_token(struct span text);

#endif
