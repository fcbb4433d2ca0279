#!/usr/bin/env python3
"""hostile-link.py HOST:PORT SEED: a way to a server that loses, delays, repeats and cuts off requests, by a seed.

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


async def serve(reader, writer):
    try:
        content = await request(reader)
        fate = "pass" if off and os.path.exists(off) else dice.choices(
            ["pass", "slow", "lost", "unanswered", "twice", "cut"], [60, 12, 8, 8, 8, 4])[0]
        if fate == "lost":
            return
        if fate == "slow":
            await asyncio.sleep(dice.random() * 0.5)
        if fate in ("unanswered", "twice"):
            async for _ in exchange(content):
                pass
            if fate == "unanswered":
                return
        async for piece in exchange(content, 20 if fate == "cut" else None):
            writer.write(piece)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    print(f"hostile-link serves http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
