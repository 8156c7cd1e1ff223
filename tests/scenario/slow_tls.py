"""A peer that is slow on purpose: slow_tls.py PORT CONNECTIONS

It opens connections from 127.0.0.2 and sends a byte of a header on each every second. It fails when it gets more than sixteen at
once, when one of them lives for more than a minute, or when none lived for ten seconds: then it was not the deadline that ended it.
"""
import socket
import ssl
import sys
import time

port, wanted = int(sys.argv[1]), int(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
alive, lived, began = [], [], time.monotonic()
for _ in range(wanted):
    s = socket.socket()
    s.bind(("127.0.0.2", 0))
    s.settimeout(20)
    try:
        s.connect(("127.0.0.1", port))
        t = context.wrap_socket(s)
        t.sendall(b"GET /v1/health HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        t.setblocking(False)
        alive.append((t, time.monotonic()))
    except OSError:
        s.close()
most = len(alive)
while alive and time.monotonic() - began < 90:
    time.sleep(1)
    for t, since in list(alive):
        try:
            t.send(b"x")
            if t.recv(100) == b"":
                raise ConnectionResetError
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            continue
        except OSError:
            alive.remove((t, since))
            lived.append(time.monotonic() - since)
            t.close()
print(f"{most} connections of {wanted}; they lived {min(lived, default=0):.0f} to {max(lived, default=0):.0f} s; {len(alive)} still do")
sys.exit(not (0 < most <= 16 and not alive and max(lived) <= 60 and max(lived) >= 10))
