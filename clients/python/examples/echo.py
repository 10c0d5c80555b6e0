"""A whole backend: it says everything back, and publishes it to a channel.

    POST /          the broker's events
    POST /announce  the body goes to everybody, by control's REST API

Environment: PORT (0: any free one, which is printed), JWT_SECRET, CONTROL_API.
"""

import os

from slip_sockets import (Binary, Close, Connection, Open, Publisher, RequestHandler, Response, Server,
                          SlipError, Text, Webhook, write_response)

CHANNEL = "everybody"
JWT_SECRET = os.environ["JWT_SECRET"]


def handle(connection: Connection) -> None:
    for event in connection.events:
        if isinstance(event, Open):
            connection.accept()
            connection.subscribe(CHANNEL)
            connection.send_text("hello")
        elif isinstance(event, Text) and event.data == "quit":
            connection.close(4000, "as you wish")
        elif isinstance(event, Text):
            connection.send_text(event.data)
            connection.publish_text(CHANNEL, event.data)
        elif isinstance(event, Binary):
            connection.send_binary(event.data)
        elif isinstance(event, Close):
            connection.publish_text(CHANNEL, "somebody left")


publisher = Publisher(os.environ.get("CONTROL_API", "http://127.0.0.1:8081"), JWT_SECRET)
webhook = Webhook(JWT_SECRET, handle)


class Handler(RequestHandler):
    def do_POST(self) -> None:
        if self.path == "/announce":
            self.announce()
        else:
            webhook.respond(self)

    def announce(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            publisher.publish_text(CHANNEL, text)
            write_response(self, Response(200, {}, b"announced"))
        except SlipError as error:
            write_response(self, Response(502, {}, str(error).encode()))


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Handler)
    print(f"echo: listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
