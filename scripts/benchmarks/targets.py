"""A process of its own: devices of a house on loopback, that answer HTTP or take connections.

It prints one line of JSON with their ports when it is ready, and answers one with the number of connections to "count".
"""

import argparse
import asyncio
import json
import sys

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: device\r\nContent-Type: text/html\r\nContent-Length: 512\r\nConnection: close\r\n\r\n"
)


async def _serve(ports: int) -> None:
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            # One that only connects leaves without a word.
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_ANSWER)
            await writer.drain()
        except asyncio.IncompleteReadError, OSError:
            pass
        finally:
            writer.close()

    servers = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(ports)]
    found = [server.sockets[0].getsockname()[1] for server in servers]
    print(json.dumps({"ports": found}), flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while await orders.readline():
        print(json.dumps({"connections": connections}), flush=True)


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports", type=int, required=True)
    asyncio.run(_serve(parser.parse_args().ports))


if __name__ == "__main__":
    main()
