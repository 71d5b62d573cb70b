#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An FTP server over pyftpdlib, with TLS and hashes of files.

Usage: ftp_server.py PORT FOLDER

FOLDER holds server.pem, server.pem.key, the first line of "passwords", and the folder "data",
below which everything lies; paths are those of the system. Words of the file "orders", which is
read again and again, change what it does:

no-hash         hashes are refused
short           of each piece of a file its last byte is lost
wrong           the first byte of each piece is another one
full            there is no room
data-port=A:B   connections for data are taken on port A, and clients are told B
"""
import errno
import hashlib
import logging
import os
import pathlib
import sys

from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

USER = "ftp"
BLOCK = 1 << 20


class File:
    """A file that keeps something else than is written."""

    def __init__(self, file, orders):
        self._file = file
        self._orders = orders

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data):
        if "full" in self._orders:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if "short" in self._orders:
            data = data[:-1]
        if "wrong" in self._orders:
            data = bytes([data[0] ^ 1]) + data[1:]
        return self._file.write(data)


class Files(AbstractedFS):
    def open(self, filename, mode):
        return File(super().open(filename, mode), self.cmd_channel.orders())


class Data(TLS_DTPHandler):
    def handle_error(self):
        if "full" in self.cmd_channel.orders():
            self._resp = ("452 There is no room for it.", logging.info)
            self.close()
        else:
            super().handle_error()


class Handler(TLS_FTPHandler):
    """Commands that pyftpdlib lacks, and what is ordered."""

    folder = None
    abstracted_fs = Files
    dtp_handler = Data
    proto_cmds = {
        **TLS_FTPHandler.proto_cmds,
        "XSHA256": {"perm": "r", "auth": True, "arg": True, "help": "Syntax: XSHA256 path."},
    }

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self._extra_feats.append("XSHA256")

    def orders(self):
        path = self.folder / "orders"
        return path.read_text().split() if path.exists() else []

    def ftp_XSHA256(self, path):
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
        if "no-hash" in self.orders():
            self.respond("502 Not now.")
        else:
            self.respond(f"250 {digest.hexdigest().upper()}")

    def data_ports(self):
        """Where connections are taken, and where clients are told; nothing without an order."""
        for order in self.orders():
            if order.startswith("data-port="):
                return [int(port) for port in order.split("=")[1].split(":")]
        return None

    def _make_epasv(self, extmode=False):
        ports = self.data_ports()
        self.passive_ports = ports[:1] if ports else None
        super()._make_epasv(extmode)

    def respond(self, resp, *more, **named):
        ports = self.data_ports() if resp.startswith("229 ") else None
        if ports:
            resp = resp.replace(f"|||{ports[0]}|", f"|||{ports[1]}|")
        super().respond(resp, *more, **named)

    @classmethod
    def get_ssl_context(cls):
        """Sessions can be taken up again: clients do, for data."""
        context = super().get_ssl_context()
        context.set_session_id(b"backupsvc")
        context.set_options(SSL.OP_NO_TICKET)
        return context


def main(port, folder):
    authorizer = DummyAuthorizer()
    password = (folder / "passwords").read_text().splitlines()[0]
    authorizer.add_user(USER, password, "/", perm="elradfmwMT")
    Handler.folder = folder
    Handler.authorizer = authorizer
    Handler.certfile = str(folder / "server.pem")
    Handler.keyfile = str(folder / "server.pem.key")
    Handler.auth_failed_timeout = 0
    FTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), pathlib.Path(sys.argv[2]))
