#!/usr/bin/env python3
"""hostile-link.py HOST:PORT SEED: a way to a server that loses, delays, repeats, cuts off and alters, by a seed.

Prints its own port. Each request is sent on over a connection of its own; the file named by HOSTILE_LINK_OFF, while it is
there, makes it an honest one.
"""
import asyncio
import os
import random
import sys

target, seed = sys.argv[1], int(sys.argv[2])
host, port = target.rsplit(":", 1)
dice = random.Random(seed)
off = os.environ.get("HOSTILE_LINK_OFF", "")


async def request(reader):
    """One request as it came, or nothing at the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    lines = head.split(b"\r\n")
    for line in lines[1:]:
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":", 1)[1])
    kept = [line for line in lines[:-2] if not line.lower().startswith(b"connection:")]
    body = await reader.readexactly(length)
    return b"\r\n".join(kept + [b"Connection: close", b"", b""]) + body


async def exchange(content, limit=None):
    """Sends a request and gives the answer in pieces, or the first of its bytes."""
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(content)
        await writer.drain()
        while piece := await reader.read(65536):
            if limit is not None:
                yield piece[:limit]
                return
            yield piece
    finally:
        writer.close()


def fate_of(content):
    """What becomes of a request. A watch has no end that could be waited for, and the bytes of a release can be altered."""
    if off and os.path.exists(off):
        return "pass"
    line = content.split(b"\r\n", 1)[0]
    if b"watch=" in line:
        return dice.choices(["pass", "slow", "lost", "cut", "ended"], [60, 12, 8, 4, 16])[0]
    if line.startswith(b"GET /api/artifacts/"):
        return dice.choices(["pass", "slow", "lost", "cut", "altered"], [60, 12, 8, 4, 16])[0]
    return dice.choices(["pass", "slow", "lost", "unanswered", "twice", "cut"], [60, 12, 8, 8, 8, 4])[0]


async def pass_on(content, writer, limit=None, altered=False):
    async for piece in exchange(content, limit):
        # One bit of the last byte: of the body, where a piece has more than a head.
        if altered and len(piece) > 1024:
            piece, altered = piece[:-1] + bytes([piece[-1] ^ 1]), False
        writer.write(piece)
        await writer.drain()


async def serve(reader, writer):
    try:
        content = await request(reader)
        fate = fate_of(content)
        if fate == "lost":
            return
        if fate == "slow":
            await asyncio.sleep(dice.random() * 0.5)
        if fate in ("unanswered", "twice"):
            async for _ in exchange(content):
                pass
            if fate == "unanswered":
                return
        passing = pass_on(content, writer, 20 if fate == "cut" else None, fate == "altered")
        await (asyncio.wait_for(passing, dice.random() * 5) if fate == "ended" else passing)
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    print(f"hostile-link serves http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
