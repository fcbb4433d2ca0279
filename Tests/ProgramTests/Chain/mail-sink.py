#!/usr/bin/env python3
"""mail-sink.py SEED: an SMTP server that takes every mail, and sometimes does not say so, or puts the sender off, by a seed.

The file named by HOSTILE_LINK_OFF, while it is there, makes it an honest one. Prints its own port, and each mail that it took as a line of JSON: its Message-ID, its subject, a digest of all that it says, and
whether the sender was told.
"""
import asyncio
import email
import email.policy
import hashlib
import json
import os
import random
import sys

dice = random.Random(int(sys.argv[1]))
off = os.environ.get("HOSTILE_LINK_OFF", "")


def describe(text, told):
    mail = email.message_from_bytes(text, policy=email.policy.default)
    words = b"".join(part.get_content().encode() for part in mail.walk() if not part.is_multipart())
    digest = hashlib.sha256(words).hexdigest()
    print(json.dumps({"id": mail["Message-ID"], "subject": mail["Subject"], "digest": digest, "told": told}), flush=True)


async def serve(reader, writer):
    async def say(line):
        writer.write(line.encode() + b"\r\n")
        await writer.drain()

    try:
        await say("220 sink")
        while line := await reader.readline():
            command = line.decode("latin-1").strip().upper()
            if command == "QUIT":
                return await say("221 bye")
            if command == "DATA":
                honest = off and os.path.exists(off)
                fate = "take" if honest else dice.choices(["take", "silent", "later"], [80, 10, 10])[0]
                if fate == "later":
                    await say("451 later")
                    continue
                await say("354 go on")
                text = await reader.readuntil(b"\r\n.\r\n")
                describe(text[:-3], fate == "take")
                if fate == "silent":
                    return
                await say("250 taken")
            else:
                await say("250 ok")
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22)
    print(f"mail-sink serves smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
