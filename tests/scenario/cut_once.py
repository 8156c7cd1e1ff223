"""Between zaibei and zaibeid: cut_once.py LISTEN ZAIBEID before|after|both

One request at a time is passed on. The first connection is cut: before zaibeid has seen anything of it, or after it has answered,
which zaibei never learns; with `both` the second one is cut too, after its answer. A line for each request goes to standard output.
"""
import os
import socket
import sys

path, behind, when = sys.argv[1:]


def whole(s):
    got = b""
    while True:
        head, sep, body = got.partition(b"\r\n\r\n")
        n = [int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length:")]
        if sep and len(body) >= (n[0] if n else 0):
            return got
        more = s.recv(65536)
        if not more:
            return got
        got += more


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(8)
number = 0
while True:
    client, _ = listener.accept()
    request = whole(client)
    if not request:
        continue
    key = [x for x in request.split(b"\r\n") if x.lower().startswith(b"idempotency-key:")]
    print(request.split(b"\r\n")[0].decode(), key[0].decode() if key else "-", flush=True)
    number += 1
    if not (when == "before" and number == 1):
        server = socket.socket(socket.AF_UNIX)
        server.connect(behind)
        server.sendall(request)
        answer = whole(server)
        server.close()
        if number > (2 if when == "both" else 1) or when == "before":
            client.sendall(answer)
    client.shutdown(socket.SHUT_RDWR)
    client.close()
