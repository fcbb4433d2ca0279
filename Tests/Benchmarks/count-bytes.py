"""count-bytes.py FILE PORT=HOST:PORT...: passes connections on, and writes to FILE, four times a second, how many bytes went
through each port in both directions, a line each: PORT BYTES."""
import asyncio
import os
import sys

counts = {}


async def pump(port, reader, writer):
    try:
        while data := await reader.read(65536):
            counts[port] += len(data)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def listen(port, host, target):
    async def connected(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(host, target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(port, reader, far_writer), pump(port, far_reader, writer))

    counts[port] = 0
    return await asyncio.start_server(connected, "127.0.0.1", port)


async def main(path, ways):
    servers = []
    for way in ways:
        port, _, target = way.partition("=")
        host, _, target = target.rpartition(":")
        servers.append(await listen(int(port), host, int(target)))
    while True:
        with open(path + ".new", "w") as file:
            file.writelines(f"{port} {count}\n" for port, count in counts.items())
        os.replace(path + ".new", path)
        await asyncio.sleep(0.25)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
