#!/usr/bin/env python3
"""Bytes that no client sends, at zaibeid's socket: hostile_http.py SOCKET TOKEN-FILE

Each case is a request and the statuses that may answer it; 0 is a connection that is closed. After each zaibeid answers a good
request as if nothing had been. Then random damage to good requests, by a seed that is printed on failure.
"""
import os
import random
import socket
import sys

path, token = sys.argv[1], open(sys.argv[2]).readline().strip()
AUTH = f"Authorization: Bearer {token}\r\n".encode()


def talk(data, wait=10.0, half=False):
    """What comes back, as far as it comes."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(wait)
    s.connect(path)
    got = b""
    try:
        s.sendall(data)
        if half:
            s.shutdown(socket.SHUT_WR)
        while True:
            more = s.recv(65536)
            if not more:
                break
            got += more
            head, sep, body = got.partition(b"\r\n\r\n")
            if sep and b"content-length:" in head.lower():
                n = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                if len(body) >= n:
                    break
    except (BrokenPipeError, ConnectionResetError, socket.timeout):
        pass
    s.close()
    return got


def status(data, **how):
    got = talk(data, **how)
    return int(got.split(b" ", 2)[1]) if got.startswith(b"HTTP/1.") else 0


def request(method, target, body=b"", headers=AUTH):
    return (f"{method} {target} HTTP/1.1\r\nHost: zaibeid\r\nContent-Length: {len(body)}\r\n".encode() + headers + b"\r\n" + body)


def alive():
    code = status(request("GET", "/v1/self"))
    if code != 200:
        sys.exit(f"zaibeid does not answer any more: {code}")


deep = b'{"target":' + b"[" * 40 + b"]" * 40 + b"}"
cases = [
    ("nothing", b"", {0, 400}),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), {0, 400}),
    ("no version", b"GET /v1/self\r\n\r\n", {0, 200, 400, 401}),
    ("a version of its own", b"GET /v1/self HTTP/9.9\r\n\r\n", {0, 400, 401, 505}),
    ("no login", request("GET", "/v1/self", headers=b""), {401}),
    ("another scheme", request("GET", "/v1/self", headers=b"Authorization: Basic YTpi\r\n"), {401}),
    ("a token of zeros", request("GET", "/v1/self", headers=b"Authorization: Bearer zbt1-" + b"0" * 64 + b"\r\n"), {401}),
    ("a token that is too long", request("GET", "/v1/self", headers=b"Authorization: Bearer " + b"a" * 9000 + b"\r\n"), {401}),
    ("two logins", request("GET", "/v1/self", headers=b"Authorization: Bearer x\r\n" + AUTH), {200, 401, 400}),
    ("a header of 100 KB", request("GET", "/v1/self", headers=AUTH + b"X: " + b"a" * 100000 + b"\r\n"), {0, 400, 413, 431}),
    ("5,000 headers", request("GET", "/v1/self", headers=AUTH + b"".join(b"X%d: y\r\n" % i for i in range(5000))), {0, 400, 413, 431}),
    ("a path of 60 KB", request("GET", "/" + "a" * 60000), {0, 404, 414, 431}),
    ("a path out", request("GET", "/v1/plans/..%2f..%2fetc%2fpasswd"), {404}),
    ("a zero in the path", request("GET", "/v1/plans/a%00b"), {404, 400}),
    ("no UTF-8 in the path", request("GET", "/v1/plans/%ff%fe"), {404, 400}),
    ("a method of its own", request("BREW", "/v1/plans"), {0, 400, 405, 501}),
    ("lengths that differ", b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 30\r\n" + AUTH + b"\r\n{}", {0, 400, 404}),
    ("length and chunks", b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n" + AUTH + b"\r\n0\r\n\r\n", {0, 400, 404}),
    ("a negative length", b"POST /v1/jobs HTTP/1.1\r\nContent-Length: -1\r\n" + AUTH + b"\r\n", {0, 400, 413}),
    ("a length of 10^30", b"POST /v1/jobs HTTP/1.1\r\nContent-Length: " + b"9" * 30 + b"\r\n" + AUTH + b"\r\n", {0, 400, 413}),
    ("a chunk of 2^64", b"POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + AUTH + b"\r\nffffffffffffffff\r\n{}", {0, 400, 413}),
    ("JSON above its bound", request("POST", "/v1/jobs", b'{"target":"' + b"a" * 300000 + b'"}'), {413}),
    ("3 MB", request("POST", "/v1/plans", b"a" * 3000000), {0, 413, 403}),
    ("JSON too deep", request("POST", "/v1/jobs", deep), {400}),
    ("a key twice", request("POST", "/v1/jobs", b'{"target":"a","target":"b"}'), {400}),
    ("no UTF-8 in JSON", request("POST", "/v1/jobs", b'{"target":"\xff\xfe"}'), {400}),
    ("half a surrogate", request("POST", "/v1/jobs", b'{"target":"\\ud800"}'), {400}),
    ("a zero in JSON", request("POST", "/v1/jobs", b'{"target":"a\\u0000b"}'), {400, 404}),
    ("a number of 400 digits", request("POST", "/v1/jobs", b'{"target":' + b"9" * 400 + b"}"), {400, 404}),
    ("not JSON", request("POST", "/v1/jobs", b"target=x"), {400}),
    ("an empty idempotency key", request("POST", "/v1/jobs", b"{}", AUTH + b"Idempotency-Key: \r\n"), {400, 404}),
    ("an idempotency key of 10 KB", request("POST", "/v1/jobs", b"{}", AUTH + b"Idempotency-Key: " + b"k" * 10000 + b"\r\n"), {400}),
    ("a login of 200 KB", request("POST", "/v1/login", b'{"user":"a","password":"' + b"p" * 200000 + b'"}'), {401}),
    ("a limit that is none", request("GET", "/v1/hosts?limit=1e9"), {400}),
    ("a cursor of 5 KB", request("GET", "/v1/hosts?after=" + "a" * 5000), {400}),
]
for name, data, allowed in cases:
    code = status(data, half=True) if 0 in allowed else status(data)
    if code not in allowed:
        sys.exit(f"{name}: {code}, expected one of {sorted(allowed)}")
    alive()

# Sixty connections that say nothing more hold nobody up for longer than they are let live.
idle = []
for i in range(60):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(b"GET /v1/self HTTP/1.1\r\nX: ")
    idle.append(s)
alive()
for s in idle:
    s.close()

seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
dice = random.Random(seed)
good = [data for _, data, _ in cases if len(data) < 3000 and data]
for i in range(300):
    data = bytearray(dice.choice(good))
    for _ in range(dice.randrange(1, 8)):
        at = dice.randrange(len(data))
        what = dice.randrange(3)
        if what == 0:
            data[at] = dice.randrange(256)
        elif what == 1:
            del data[at:at + dice.randrange(1, 40)]
        else:
            data[at:at] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 20)))
        data = data or bytearray(b"\0")
    code = status(bytes(data), half=True)
    if code >= 500 and code not in (501, 505):
        sys.exit(f"seed {seed}, request {i}: {code}: {bytes(data)!r}")
    if i % 50 == 49:
        alive()
print(f"{len(cases)} hostile requests and 300 damaged ones (seed {seed})")
