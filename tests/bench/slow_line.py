# SPDX-License-Identifier: MIT
"""A line with a delay before servers of this machine: what comes in goes out so much later."""
import asyncio
import multiprocessing

HOST = '127.0.0.2'  # Where it listens, on the server's own ports; the server has 127.0.0.1.
BLOCK = 256 * 1024
HELD_MAX = 256  # Blocks that are on their way in one direction.


async def take(reader, held, delay):
    """What comes in, with the time at which it goes out; at the end nothing."""
    now = asyncio.get_running_loop().time
    block = b'-'
    while block:
        try:
            block = await reader.read(BLOCK)
        except OSError:
            block = b''
        await held.put((now() + delay, block))


async def give(held, writer):
    """Once the other end takes no more, the rest is thrown away."""
    now = asyncio.get_running_loop().time
    while True:
        due, block = await held.get()
        await asyncio.sleep(due - now())
        try:
            if not block:
                writer.write_eof()
                return
            writer.write(block)
            await writer.drain()
        except OSError:
            if not block:
                return


async def serve(ports, host, delay, ready):
    under_way = set()  # Nobody else holds them while they wait for each other.

    async def connected(reader, writer):
        under_way.add(asyncio.current_task())
        await asyncio.sleep(2 * delay)  # What shaking hands takes.
        try:
            there, back = await asyncio.open_connection(
                host, writer.get_extra_info('sockname')[1])
        except OSError:
            writer.close()
            return
        up, down = asyncio.Queue(HELD_MAX), asyncio.Queue(HELD_MAX)
        await asyncio.gather(take(reader, up, delay), give(up, back),
                             take(there, down, delay), give(down, writer))
        for one in (writer, back):
            one.close()
        under_way.discard(asyncio.current_task())

    for port in ports:
        await asyncio.start_server(connected, HOST, port)
    ready.set()
    await asyncio.Event().wait()


def run(ports, host, delay, ready):
    asyncio.run(serve(ports, host, delay, ready))


class SlowLine:
    """A round trip takes `seconds` more."""

    def __init__(self, ports, host, seconds):
        ready = multiprocessing.Event()
        self.process = multiprocessing.Process(target=run, args=(ports, host, seconds / 2, ready),
                                               daemon=True)
        self.process.start()
        if not ready.wait(60):
            raise OSError('the slow line does not come up')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()
