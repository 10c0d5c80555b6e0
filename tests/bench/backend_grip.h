/* Answers a request of Pushpin's WebSocket-over-HTTP: events in text lines,
 *
 *     OPEN␍␊        TEXT <length in hexadecimal>␍␊<content>␍␊        CLOSE …, DISCONNECT␍␊
 *
 * and, with the extension "grip", messages to the client that begin with "m:" and to Pushpin with
 * "c:".
 */
#ifndef SLIP_BENCH_BACKEND_GRIP_H
#define SLIP_BENCH_BACKEND_GRIP_H

#include "common/base/buffer.h"

/* Ends the benchmark when the request is not such. */
void backend_grip_answer(struct span path, struct span body, struct buffer *answer);

#endif
