# SPDX-License-Identifier: MIT
"""Azure's own addresses for a blob service on this machine: an HTTP proxy that knows but
https://ACCOUNT.blob.core.windows.net, and is that itself.

Programs that can be given no other address are given this proxy and its certificate.
"""
import select
import socket
import socketserver
import ssl
import subprocess
import threading

DOMAIN = ".blob.core.windows.net"
HEAD_MAX = 64 * 1024
PIECE = 64 * 1024


def make_certificate(folder):
    """One that is its own authority, with its key; the file."""
    path = folder / "front.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=a proxy of tests", "-addext",
         f"subjectAltName=DNS:*{DOMAIN}", "-keyout", path, "-out", folder / "front.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    with open(path, "ab") as file:
        file.write((folder / "front.crt").read_bytes())
    return path


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = connection.recv(1)
        if not piece or len(head) > HEAD_MAX:
            return b""
        head += piece
    return head


def pump(inside, outside):
    """Bytes in both directions, until one end has none any more."""
    while True:
        ready = [inside] if inside.pending() else select.select([inside, outside], [], [])[0]
        for one in ready:
            piece = one.recv(PIECE)
            if not piece:
                return
            (outside if one is inside else inside).sendall(piece)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        words = read_head(self.request).decode("latin-1").split()
        if words[:1] != ["CONNECT"] or not words[1].endswith(DOMAIN + ":443"):
            self.request.sendall(b"HTTP/1.1 502 Not Azure\r\nContent-Length: 0\r\n\r\n")
            return
        self.request.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        try:
            with self.server.context.wrap_socket(self.request, server_side=True) as inside:
                with socket.create_connection(("127.0.0.1", self.server.behind)) as outside:
                    pump(inside, outside)
        except OSError:
            pass  # One of them has gone.


class Front(socketserver.ThreadingTCPServer):
    """Before the server on a port; what it needs is kept in a folder."""

    daemon_threads = True

    def __init__(self, port, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = port
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.certificate = folder / "front.crt"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(make_certificate(folder))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()
