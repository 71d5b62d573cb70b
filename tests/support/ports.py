# SPDX-License-Identifier: MIT
"""Ports of this machine for servers that tests start."""
import pathlib
import random
import socket

FIRST = 10000
RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count):
    """Ports that nobody has, of those that the system gives to nobody who does not ask for them:
    else a connection of another test may get one before its server listens."""
    end = int(RANGE.read_text().split()[0])
    found = []
    while len(found) < count:
        port = random.SystemRandom().randrange(FIRST, end)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def free_port():
    return free_ports(1)[0]
