#!/usr/bin/env python3
"""What notices are sent to: a mail server (STARTTLS, a password) and a webhook, both real, on ports of their own choice.

    receiver.py DIR     needs DIR/cert.pem and DIR/secret; writes DIR/smtp.port, DIR/http.port, then a line for each mail to
                        DIR/mails and for each signed call to DIR/hooks, both as JSON

Mail to an address that begins with "gone" is refused. The HTTP server also answers /beat (counted in DIR/beats), /redirect, /endless (headers without end), /hang and /error.
"""
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import ssl
import sys
import threading
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

top = sys.argv[1]
secret = open(f"{top}/secret", "rb").read().strip()


def note(name, what):
    with open(f"{top}/{name}", "a", encoding="utf-8") as f:
        f.write(json.dumps(what, ensure_ascii=False) + "\n")


class Mails:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 taken"

    async def handle_DATA(self, server, session, envelope):
        m = email.message_from_bytes(envelope.content, policy=email.policy.default)
        note("mails", {"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": m["subject"], "id": m["message-id"],
                       "date": m["date"], "body": m.get_content(), "tls": session.ssl is not None,
                       "user": session.auth_data and session.auth_data.login.decode(),
                       "longest": max(len(line) for line in envelope.content.split(b"\r\n"))})
        return "250 taken"


def known(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"zaibei" and data.password == b"open sesame", handled=False, auth_data=data)


class Hooks(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers=()):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        if self.path == "/beat":
            note("beats", time.time())
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/redirect":
            return self.answer(302, [("Location", "/hook")])
        if self.path == "/error":
            return self.answer(500)
        if self.path == "/hang":
            return time.sleep(60)
        if self.path == "/endless":
            try:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while True:
                    self.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")
            except OSError:
                return None
        parts = dict(p.split("=", 1) for p in self.headers.get("Zaibei-Signature", "t=,id=,v1=").split(","))
        want = hmac.new(secret, f"{parts['t']}.{parts['id']}.".encode() + body, hashlib.sha256).hexdigest()
        good = hmac.compare_digest(want, parts["v1"])
        note("hooks", {"signed": good, "id": parts["id"], "body": json.loads(body)})
        return self.answer(204 if good else 403)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{top}/cert.pem")


def port(name):
    try:
        return int(open(f"{top}/{name}.port", encoding="ascii").read())
    except FileNotFoundError:
        return 0


http.server.ThreadingHTTPServer.allow_reuse_address = True
web = http.server.ThreadingHTTPServer(("127.0.0.1", port("http")), Hooks)
web.daemon_threads = True
threading.Thread(target=web.serve_forever, daemon=True).start()
wanted = port("smtp")
if not wanted:
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        wanted = s.getsockname()[1]
mail = Controller(Mails(), hostname="127.0.0.1", port=wanted, tls_context=context, require_starttls=False,
                  authenticator=known, auth_required=True, auth_require_tls=True)
mail.start()
for name, n in (("smtp", wanted), ("http", web.server_address[1])):
    with open(f"{top}/{name}.port.new", "w", encoding="ascii") as f:
        f.write(str(n))
    os.rename(f"{top}/{name}.port.new", f"{top}/{name}.port")
open(f"{top}/ready", "w").close()
threading.Event().wait()
