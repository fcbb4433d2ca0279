#!/usr/bin/env python3
"""idle-connections.py PID PORT COUNT [CA-FILE]: how much memory a server's idle connections take, with TLS where CA-FILE is given.

Opens COUNT connections from addresses of the loopback network, each with one answered request, and prints by how many bytes
the resident memory of the process PID grew for each of them."""
import os, re, socket, ssl, sys

pid, port, count = (int(text) for text in sys.argv[1:4])
context = ssl.create_default_context(cafile=sys.argv[4]) if len(sys.argv) > 4 else None
request = (
    b"GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + os.environ["TOKEN"].encode() + b"\r\n\r\n")


def resident():
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024


def connect(number):
    # A quarter of all connections may come from one address.
    address = f"127.0.{1 + number // 500}.1"
    connection = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(address, 0))
    if context:
        connection = context.wrap_socket(connection, server_hostname="localhost")
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        sys.exit(f"the server answered {answer[:100]!r}")
    return connection


warm = [connect(number) for number in range(50)]
before = resident()
connections = [connect(number) for number in range(count)]
print((resident() - before) // count)
