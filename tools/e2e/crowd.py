"""Many HTTP connections that ask for one path and take nothing of the answer, until they are told to.

crowd.py COUNT PORT reads the request from the first line of its input, as JSON text. Says "open" when every connection has the
first bytes of its answer. Then each further line is the number of a connection: what is left in it is read to its end and said as one
line of JSON. The sockets are as small as the kernel makes them, so that little is lost on the way and the sender feels it soon.
"""

import json
import socket
import sys

# Segment and buffer sizes in bytes; with the usual ones of loopback the kernel takes megabytes for a reader that takes nothing.
SEGMENT = 536
BUFFER = 4096


def connection(port: int, request: bytes) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    one.connect(("127.0.0.1", port))
    one.sendall(request)
    return one


def rest(one: socket.socket) -> str:
    parts = []
    try:
        while part := one.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts).decode("latin-1")


def main() -> None:
    count, port = int(sys.argv[1]), int(sys.argv[2])
    request = json.loads(sys.stdin.readline()).encode()
    crowd = []
    for start in range(0, count, 50):
        fresh = [connection(port, request) for _ in range(start, min(start + 50, count))]
        for one in fresh:
            one.recv(1, socket.MSG_PEEK)
        crowd += fresh
    print("open", flush=True)
    for line in sys.stdin:
        print(json.dumps(rest(crowd[int(line)])), flush=True)


main()
