# SPDX-License-Identifier: MIT
"""What servers that misbehave as names tell them have in common.

Names of objects begin with a script, "OPERATION.FAULT.TIMES": the first TIMES requests below it
that are of this operation meet the fault, all others are done. Faults are the methods of Handler
that begin with "fault_", operations those that begin with "do_".
"""
import os
import re
import socketserver
import struct
import sys
import threading
import urllib.parse
import xml.sax.saxutils

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
SCRIPT = re.compile(r"([a-z]+)\.([a-z0-9]+)\.([0-9]+)(/|$)")


class Broken(Exception):
    """The connection is to end without a further byte."""


def escape(text):
    return xml.sax.saxutils.escape(text)


class Handler(socketserver.StreamRequestHandler):
    """One connection. Each request is parsed into method, path, query, head and body."""

    def handle(self):
        try:
            while self.read_request() and self.answer_request():
                pass
        except (Broken, ConnectionError):
            pass

    def reset(self):
        self.connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: RST at close.
        raise Broken

    def read_request(self):
        line = self.rfile.readline().decode("latin-1").split()
        if not line:
            return False
        self.method = line[0]
        self.head = {}
        self.was_read = False
        while (header := self.rfile.readline()) not in (b"\r\n", b""):
            name, value = header.decode("latin-1").rstrip("\r\n").split(":", 1)
            self.head[name.lower()] = value.strip()
        self.path, _, query = line[1].partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        return True

    def do(self, operation, about):
        """Do it, or what the script says that it is about."""
        self.operation = operation
        fault = self.server.next_fault(operation, about)
        if fault:
            return getattr(self, "fault_" + fault)()
        self.read_body()
        return getattr(self, "do_" + operation)()

    def read_body(self):
        """From the line once; what comes behind it is the next request."""
        if not self.was_read:
            self.was_read = True
            if self.head.get("expect"):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.body = self.rfile.read(int(self.head.get("content-length", "0")))
        return self.body

    def send(self, status, body=b"", *headers, length=None):
        lines = [f"HTTP/1.1 {status} Text", *headers,
                 f"Content-Length: {len(body) if length is None else length}"]  # fmt: skip
        head = "\r\n".join([*lines, "", ""]).encode()
        self.wfile.write(head + (b"" if self.method == "HEAD" else body))
        return True

    def refuse(self, status, code, message="", more="", *headers):
        self.read_body()
        body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>{more}</Error>"
        return self.send(status, body.encode(), *headers)

    # --- What goes wrong with any service ---

    def fault_internal(self):
        return self.refuse(500, "InternalError")

    def fault_gateway(self):
        self.read_body()
        return self.send(502, HTML)

    def fault_reset(self):
        self.read_body()
        self.reset()

    def fault_cut(self):
        """In the middle of the body that it gets."""
        if not self.was_read:
            if self.head.get("expect"):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.rfile.read(int(self.head["content-length"]) // 2)
        self.reset()

    def fault_lost(self):
        """It is done, and nobody is told."""
        self.read_body()
        self.wfile = open(os.devnull, "wb")
        getattr(self, "do_" + self.operation)()
        self.reset()

    def fault_stall(self):
        self.server.release.wait(60)
        raise Broken

    def fault_html(self):
        self.read_body()
        return self.send(200, HTML)

    def fault_nothing(self):
        """A page's 404."""
        self.read_body()
        return self.send(404, HTML)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.lock = threading.Lock()
        self.met = {}
        self.release = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def next_fault(self, operation, name):
        script = SCRIPT.match(name)
        if not script or script[1] != operation:
            return None
        with self.lock:
            count = self.met.get(script[0], 0)
            self.met[script[0]] = count + 1
        return script[2] if count < int(script[3]) else None

    def handle_error(self, request, client_address):
        print("the server fails:", sys.exc_info()[1], file=sys.stderr)

    def stop(self):
        self.release.set()
        self.shutdown()
        self.server_close()
