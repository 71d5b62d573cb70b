#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a test program beside an HTTP server on this machine that does as paths tell it.

Usage: http_server.py PROGRAM

PROGRAM gets the server's URL, that of the same server over TLS, and the file with the
authority that signed its certificate, which is for the name "storage.test".
"""
import os
import pathlib
import shutil
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading


class Handler(socketserver.StreamRequestHandler):
    """Answers one request after the other over a connection."""

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections += 1
            self.number = self.server.connections

    def handle(self):
        try:
            while self.answer_one():
                pass
        except (ConnectionError, ssl.SSLError):
            pass

    def answer_one(self):
        line = self.rfile.readline().decode("latin-1").split()
        if not line:
            return False
        self.method, self.target = line[0], line[1]
        self.head = []
        while (header := self.rfile.readline()) not in (b"\r\n", b""):
            self.head.append(header.decode("latin-1").rstrip("\r\n"))
        verb, *rest = self.target.split("?")[0].strip("/").split("/")
        return getattr(self, "do_" + verb, self.do_echo)(*rest)

    def header(self, name):
        for line in self.head:
            if line.lower().startswith(name + ":"):
                return line.split(":", 1)[1].strip()
        return ""

    def body(self):
        if self.header("transfer-encoding") == "chunked":
            return b"".join(iter(self.chunk, b""))
        return self.rfile.read(int(self.header("content-length") or "0"))

    def chunk(self):
        size = self.rfile.readline()
        if not size:
            self.server.cut.set()
            raise ConnectionAbortedError
        data = self.rfile.read(int(size, 16))
        self.rfile.readline()
        return data

    def send(self, status, body=b"", *headers):
        """A header of the path's own that tells of a length stands instead of the right one."""
        lines = [f"HTTP/1.1 {status} Text", f"X-Connection: {self.number}", *headers]
        if not any("length" in line.lower() for line in headers):
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode()
        self.wfile.write(head + (b"" if self.method == "HEAD" else body))
        return True

    def do_echo(self, *rest):
        body = self.body()
        seen = [f"{self.method} {self.target}", *self.head, ""]
        return self.send(200, "\n".join(seen).encode() + body)

    def do_sum(self):
        body = self.body()
        return self.send(200, f"{len(body)} {sum(body)}".encode())

    def do_cut(self):
        return self.send(200 if self.server.cut.wait(60) else 500)

    def do_status(self, status, *retry):
        self.body()
        wait = [f"Retry-After: {retry[0]}".replace("_", " ")] if retry else []
        return self.send(int(status), b"<Error>why</Error>", *wait)

    def do_redirect(self):
        return self.send(301, b"", "Location: /echo")

    def do_bytes(self, count):
        return self.send(200, bytes(i % 251 for i in range(int(count))), "ETag: \"abc\"  ")

    def do_chunked(self, end):
        self.send(200, b"3\r\nabc\r\n" + (b"0\r\n\r\n" if end == "whole" else b""),
                  "Transfer-Encoding: chunked", "X-No-Length: 1")  # fmt: skip
        return end == "whole"

    def do_short(self):
        self.send(200, b"ten bytes.", "Content-Length: 1000")
        return False

    def do_endless(self, status):
        self.send(int(status), b"", "X-No-length: 1", "Connection: close")
        while True:
            self.wfile.write(b"x" * 10000)

    def do_headers(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")

    def do_interim(self):
        while True:
            self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n")

    def do_stall(self):
        self.server.release.wait(60)
        return False

    def do_drop(self):
        return False

    def do_reset(self):
        self.body()
        self.connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: RST at close.
        return False

    def do_once(self):
        """Answers, and closes the connection when the next request has come."""
        self.body()
        self.send(200)
        self.rfile.readline()
        return False

    def do_early(self, status):
        self.send(int(status), b"", "Connection: close")
        return False

    def do_other(self):
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        return False


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.context = context
        self.lock = threading.Lock()
        self.connections = 0
        self.release = threading.Event()
        self.cut = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def finish_request(self, request, client_address):
        if self.context:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except (ConnectionError, ssl.SSLError):
                return
        super().finish_request(request, client_address)
        if self.context:
            request.close()

    def handle_error(self, request, client_address):
        pass

    def stop(self):
        self.release.set()
        self.shutdown()
        self.server_close()


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(folder):
    """An authority, and a certificate of its for the name storage.test."""
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new_key, "-days", "3", "-subj", "/CN=Authority of a test",
            "-keyout", folder / "ca.key", "-out", folder / "ca.pem")  # fmt: skip
    openssl("req", *new_key, "-subj", "/CN=storage.test", "-keyout", folder / "key.pem",
            "-out", folder / "request.pem")  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:storage.test\n")
    openssl("x509", "-req", "-in", folder / "request.pem", "-CA", folder / "ca.pem", "-CAkey",
            folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", folder / "names",
            "-out", folder / "cert.pem")  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def main(program):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="backupsvc-http."))
    servers = []
    try:
        servers = [Server(), Server(make_certificates(folder))]
        ports = [str(server.server_address[1]) for server in servers]
        environment = {**os.environ, "http_proxy": "http://127.0.0.1:1"}  # Not to be used.
        command = [program, *ports, folder / "ca.pem"]
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
