"""A service manager's socket: what each process has told it (sd_notify(3))."""

import socket
import struct
import threading

CREDENTIALS = struct.Struct("3i")


class Manager:
    """`path` is what NOTIFY_SOCKET wants; '@' begins a name in the abstract namespace. A thread reads,
    as systemd does: the socket's queue is short."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind("\0" + path[1:] if path.startswith("@") else path)
        self.told = []  # (process id, datagram)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(CREDENTIALS.size))
            if not data:
                return
            self.told += [(CREDENTIALS.unpack(value)[0], data.decode())
                          for _, kind, value in ancillary if kind == socket.SCM_CREDENTIALS]

    def lines(self, process):
        """Everything that a process of the harness has said so far, in order."""
        return [line for pid, text in list(self.told) if pid == process.process.pid for line in text.splitlines()]

    def status(self, process):
        """The last one told, or None."""
        told = [line.removeprefix("STATUS=") for line in self.lines(process) if line.startswith("STATUS=")]
        return told[-1] if told else None

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            ours.sendto(b"", "\0" + self.path[1:] if self.path.startswith("@") else self.path)
        self.thread.join()
        self.socket.close()
