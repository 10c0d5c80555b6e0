/* The backend of the benchmark: `backend [PORT]` echoes, and speaks both contracts on one port,
 * told apart by the body: the SLIP contract's is JSON, Pushpin's WebSocket-over-HTTP is not.
 *
 * TEXT is echoed. A connection whose path is /join/A,B,… is subscribed to those channels when it
 * opens. (SLIP only:) TEXT "+A,B,…" subscribes and TEXT "-A,B,…" unsubscribes as well.
 */
#include <stdlib.h>

#include "tests/bench/backend_grip.h"
#include "tests/bench/backend_slip.h"
#include "tests/bench/server.h"

static void on_request(struct server_peer *peer, const struct server_request *request)
{
    static struct buffer answer;
    buffer_clear(&answer);
    if (request->body.length > 0 && request->body.data[0] == '{') {
        backend_slip_answer(request->body, &answer);
        server_answer(peer, "Content-Type: application/websocket-events\r\n", buffer_span(&answer));
    } else {
        backend_grip_answer(request->path, request->body, &answer);
        server_answer(peer,
                      "Content-Type: application/websocket-events\r\n"
                      "Sec-WebSocket-Extensions: grip\r\n",
                      buffer_span(&answer));
    }
}

int main(int count, char **arguments)
{
    poller_open();
    server_open(count > 1 ? (uint16_t)atoi(arguments[1]) : 0, on_request);
    for (;;)
        poller_turn(-1);
}
