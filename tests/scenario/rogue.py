#!/usr/bin/python3
"""Everything that a stolen platform and a stolen host can ask of a vault. What must be refused and is not ends the program.

    rogue.py VAULT HONEST ROGUE PLACE N -- COMMAND...

HONEST is a host with three points, ROGUE the host whose key was stolen and over which COMMAND (its ssh) opens a session;
PLACE holds the keys of the approvers anna and ben and an approval that was used already; N is how large a flood is. Prints how
often what was tried. What became of the vault is for others to judge.
"""
import base64
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import time

VAULT, HONEST, ROGUE, PLACE, N = sys.argv[1:6]
N, SSH = int(N), sys.argv[7:]
DAY = 86400
tried = {}


def count(what):
    tried[what] = tried.get(what, 0) + 1


def got_through(*what):
    sys.exit(f"GOT THROUGH: {what!r}"[:3000])


def day(days):
    return time.strftime("%Y-%m-%dT12:00:00Z", time.gmtime(time.time() + days * DAY))


# ---- the platform's credentials: `zaibei-vault control` ----

class Control:
    def __init__(self):
        self.p = subprocess.Popen(["zaibei-vault", "control", VAULT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def raw(self, line):
        self.p.stdin.write(line + b"\n")
        self.p.stdin.flush()
        answer = self.p.stdout.readline()
        if not answer:
            got_through("control has ended", line[:200])
        return json.loads(answer)

    def ask(self, op, **members):
        return self.raw(json.dumps({"op": op, **members}).encode())

    def refused(self, what, op, **members):
        count(what)
        answer = self.ask(op, **members)
        if answer["ok"]:
            got_through(what, op, members, answer)
        return answer["error"]["id"]

    def fine(self, what, op, **members):
        count(what)
        answer = self.ask(op, **members)
        if not answer["ok"] and (op != "gc" or answer["error"]["id"] != 1201):  # another collection is running
            sys.exit(f"refused: {what} {op} {members} {answer}")
        return answer


c = Control()


def points(host):
    return [x["point"] for x in c.fine("looking", "points", host=host)["points"]]


def remove(what, host, numbers, **more):
    return c.refused(what, "remove", host=host, points=numbers, reason="x", **more)


def signed(text, *keys, space="zaibei-approval"):
    """[{statement, signature}] by OpenSSH's own program."""
    out = []
    for key in keys:
        name = f"{PLACE}/text"
        with open(name, "w", newline="") as f:
            f.write(text)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", space, "-f", f"{PLACE}/{key}", name], check=True,
                       stderr=subprocess.DEVNULL)
        with open(name + ".sig") as f:
            armour = "".join(f.read().split("\n")[1:-2])
        os.unlink(name + ".sig")
        out.append({"statement": text, "signature": armour})
    return out


def statement(host, numbers, **more):
    return c.fine("requests", "request", action="remove", host=host, points=numbers, **more)["statement"]


def line_of(text, key, value):
    return "".join(f"{key}: {value}\n" if x.startswith(key + ":") else x for x in text.splitlines(True))


def removals():
    mine = points(HONEST)
    for numbers in [[n] for n in mine] + [mine, mine * 50, mine[::-1]]:
        remove("removals", HONEST, numbers)
        remove("removals", HONEST, numbers, approvals=[])
    for numbers in ([], [0], [-1], [2**32], [2**63 - 1], [1.5], ["1"], [None], [[1]], list(range(1, 502)), {"a": 1}, "1", 1):
        remove("removals", HONEST, numbers)
    for host in ("", ".", "..", "../" + HONEST, HONEST + "/", HONEST + "\0", HONEST.upper(), "a" * 64, "*", "nobody", 1, [HONEST]):
        remove("removals", host, [mine[0]])


def approvals():
    target = points(HONEST)[0]
    text = statement(HONEST, [target])
    anna, ben, mallory = (signed(text, k)[0] for k in ("anna", "ben", "mallory"))
    used = json.load(open(f"{PLACE}/used.json"))
    old = used[0]["statement"]
    no = lambda a: remove("approvals", HONEST, [target], approvals=a)
    no([anna]), no([anna, anna]), no([anna] * 8), no([anna] * 9), no([mallory, anna]), no([mallory, mallory])
    no(signed(text, "anna") + signed(text, "anna")), no(signed(text, "anna", "anna", "mallory"))
    no([{"statement": ben["statement"], "signature": anna["signature"]}, anna])
    no(used), no([used[0], ben]), no([{"statement": text, "signature": x["signature"]} for x in used])
    both = lambda t: signed(t, "anna", "ben")
    # What two approvers did sign, but for something else, another vault, another time, or once already.
    no(both(line_of(text, "expires", "2020-01-01T00:00:00Z")))
    late = both(statement(HONEST, [target], expires_s=1))
    time.sleep(2.2)
    no(late), no(both(line_of(text, "expires", "2099-01-01T00:00:00Z"))), no(both(line_of(text, "vault", "0" * 32)))
    no(both(line_of(text, "nonce", old.split("nonce: ")[1].strip()))), no(both(statement(ROGUE, [1])))
    no(both(statement(HONEST, points(HONEST)))), no(both(line_of(text, "action", "floor")))
    no(both(c.ask("request", action="floor", host=HONEST, days=92)["statement"]))
    no(signed(text, "anna", "ben", space="file")), no([anna, signed(text, "ben", space="zaibei")[0]])
    # Other spellings of the very same words.
    for other in (text.replace("\n", "\r\n"), text + "\n", text[:-1], text.replace(": ", ":  "), " " + text, text + text,
                  text.replace("remove", "Remove"), text.replace("\nexp", "\nobjects: x/1\nexp"), "", "\0", text[:40]):
        no(both(other))
    raw = base64.b64decode(anna["signature"])
    for at in range(0, len(raw), 3):
        flipped = base64.b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]).decode()
        no([ben, {"statement": text, "signature": flipped}])
        no([ben, {"statement": text, "signature": base64.b64encode(raw[:at]).decode()}])
    for odd in ("x", [], {}, None, [None], [[]], [{}], [{"statement": text}], [{"signature": "x"}], [{"statement": 1, "signature": 2}]):
        no(odd)
    for days in (1, 91, 0, -1):
        c.refused("floors", "floor", host=HONEST, days=days, reason="x", approvals=both(text))
    c.refused("clocks", "confirm", time=day(4000), approvals=both(text))
    c.refused("clocks", "confirm", time=day(-4000), approvals=[])


def pins():
    target = points(HONEST)[0]
    end = lambda: [x["pinned_until"] or "" for x in c.ask("points", host=HONEST)["points"] if x["point"] == target][0]
    had, made = end(), 0
    for i in range(N):  # each asks for a day more
        count("pins")
        answer = c.ask("pin", host=HONEST, point=target, until=day(200 + i % 3400), reason="flood", who="x" * (i % 60))
        made += answer["ok"] and answer["extended"]
        if i % 50 == 0 and end() < had:
            got_through("a pin was shortened", had, end())
    for bad in ({"until": day(-1)}, {"until": day(5000)}, {"until": "9999-12-31T00:00:00Z"}, {"until": "1970-01-01T00:00:00Z"},
                {"months": 0}, {"months": -3}, {"months": 121}, {"months": 2**62}, {"months": 1.5}, {"until": 5}, {}):
        c.refused("pins", "pin", host=HONEST, point=target, reason="x", **bad)
    for point in (0, -1, 2**32, 10**6, "1", None):
        c.refused("pins", "pin", host=HONEST, point=point, months=3, reason="x")
    if made > 40:
        got_through("a flood of pins", made)
    print(f"{N} pins of one point asked for, {made} recorded")
    return made


def tickets_and_tokens():
    for i in range(N):
        count("tickets")
        until = ("1970-01-02T00:00:00Z", day(-400), day(1), day(30000))[i % 4]
        c.ask("ticket", host=(HONEST, ROGUE)[i % 2], ticket=f"t{i}", labels=["daily"], retain_until=until)
    for name in ("", ".", "..", "../x", "a/b", "x" * 64, "a\n", "a\0b", "-" * 200, "é"):
        c.refused("tickets", "ticket", host=HONEST, ticket=name, retain_until=day(1))
    for until in (day(40000), "9999-12-31T23:59:59Z", "1960-01-01T00:00:00Z", "", "now", 5, None, "2026-13-01T00:00:00Z"):
        c.refused("tickets", "ticket", host=HONEST, ticket="x", retain_until=until)
    for labels in (["a"] * 99, ["../x"], ["a" * 40], [""], [1]):
        c.refused("tickets", "ticket", host=HONEST, ticket="x", labels=labels, retain_until=day(1))
    for host in (HONEST, ROGUE, "", "..", "A", "x" * 64):
        c.refused("tokens", "token", host=host, system="s")
    for system in ("", "..", "../../keeper/key", "x" * 64, "A"):
        c.refused("tokens", "token", host="fresh", system=system)
    for i in range(N // 10):
        count("tokens")
        c.ask("token", host=f"fresh{i}", system=f"s{i}", expires_s=60)


def floors():
    for days in range(93, 113):
        c.fine("floors", "floor", host=HONEST, days=days, reason="flood")
    for days in (112 - 1, 92, 91, 0, -1, 3661, 2**40, "93", None):
        c.refused("floors", "floor", host=HONEST, days=days, reason="x")


def nonsense():
    big = b'{"op":"points","host":"' + b"a" * (1 << 20) + b'"}'
    deep = b'{"op":"pin","host":' + b"[" * 500 + b"]" * 500 + b"}"
    lines = [b"{}", b"[]", b"null", b"1", b'"x"', b"{", b"\xff\xfe", b"{\"op\":\"remove\\u0000\"}", big, deep, b'{"op":1e999}',
             b'{"op":"hosts","op":"remove","host":"%s","points":[1]}' % HONEST.encode(), b"\0" * 100, b'{"op":{"op":"x"}}']
    lines += [b'{"op":"%s"}' % x for x in (b"", b"removee", b"delete", b"approver", b"approvers-set", b"recover", b"rights", b"init",
                                           b"confirm-alone", b"keep", b"floor", b"pin", b"remove", b"ticket", b"token", b"revoke")]
    for line in lines:
        count("nonsense")
        if c.raw(line)["ok"]:
            got_through(line[:100])
    draw = random.Random(97)
    words = ["pin", "remove", "floor", "ticket", "quota", "request", "confirm", "gc", "points", "pins", "token", "revoke", "scrub"]
    values = [None, True, -1, 0, 1, 2**31, 2**63 - 1, 1e300, "", "x", HONEST, "../..", [], [1], [[[]]], {}, day(1), "a" * 5000]
    for _ in range(N):
        count("nonsense")
        q = {"op": draw.choice(words)}
        for key in ("host", "point", "points", "days", "months", "until", "reason", "time", "action", "grace_s", "system", "approvals"):
            if draw.random() < 0.5:
                q[key] = draw.choice(values)
        if q["op"] == "revoke" and q.get("host") == HONEST or q["op"] == "quota":
            continue  # the platform may stop a host; it is tried below, where it is taken back
        answer = c.raw(json.dumps(q).encode())
        if answer["ok"] and (q["op"] == "remove" or q["op"] == "confirm"):
            got_through(q, answer)


def collections():
    for grace in (0, -1, 1, 7 * DAY - 1, 2**62, -2**63):
        c.refused("collections", "gc", grace_s=grace)
    for _ in range(5):
        c.fine("collections", "gc")
        c.fine("collections", "gc", dry_run=True, grace_s=8 * DAY)


# ---- the host's credentials: a session by its SSH key ----

def vu(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def blob(b):
    return vu(len(b)) + b


HELLO, LIST, _, BEGIN, OPEN, SEG, CLOSE, USED, COMMIT, ABANDON, INDEX, GET, CALL, PING, BYE, ENROL, KEYS = range(1, 18)
BEGUN, DONE, COMMITTED, ERROR = 0x45, 0x46, 0x47, 0x7F
SERVE = ["zaibei-vault", "serve", VAULT, "--host", ROGUE]


class Session:
    def __init__(self, command=SERVE, hello=True):
        self.p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.over, self.gen, self.first = False, bytes(16), 0
        self.write(b"ZAIBEI1\n")
        if hello:
            kind, body = self.ask(HELLO, struct.pack("<H", 1) + blob(b"rogue") + b"\0")
            if kind != 0x41:
                sys.exit(f"no WELCOME: {kind:x} {body!r}")

    def write(self, data):
        try:
            self.p.stdin.write(data)
            self.p.stdin.flush()
        except OSError:
            self.over = True

    def put(self, kind, payload=b""):
        self.write(struct.pack("<IB", 1 + len(payload), kind) + payload)

    def get(self):
        if not hasattr(self, "greeted"):
            self.greeted = self.p.stdout.read(8)
        head = self.p.stdout.read(5)
        if len(head) < 5:
            self.over = True
            return 0, b""
        n, kind = struct.unpack("<IB", head)
        return kind, self.p.stdout.read(n - 1)

    def ask(self, kind, payload=b""):
        self.put(kind, payload)
        return self.get()

    def begin(self, kind=1, upload=None, ticket=b""):
        self.upload = upload or os.urandom(16)
        answer, b = self.ask(BEGIN, bytes([kind]) + self.upload + blob(ticket))
        if answer != BEGUN:
            return struct.unpack("<I", b[:4])[0] if answer == ERROR else 0
        self.gen = b[2:][80:96]  # of the begin record: a length of two bytes, the head of 76, the point
        return None

    def pack(self, number, kind, count=2):
        self.put(OPEN, struct.pack("<IB", number, kind))
        for slot in range(count):
            sealed = os.urandom(3000)
            self.put(SEG, struct.pack("<II", number, slot) + os.urandom(32) + digest(sealed) + sealed)
        return self.ask(CLOSE, struct.pack("<I", number))[0] == DONE

    def used(self, gen=None, number=0, bits=3):
        page = b"ZBUS" + struct.pack("<HH", 1, 0) + (gen or self.gen) + struct.pack("<I", 0) + vu(1) + vu(number) + blob(bytes([bits]))
        self.put(USED, struct.pack("<I", 0) + page)
        return digest(page)

    def commit(self, page, upload=None, state=1, walk=0):
        body = (upload or self.upload) + bytes([state]) + struct.pack("<q", walk) + struct.pack("<4Q", 1, 2**63, 3, 2**64 - 1)
        return self.ask(COMMIT, body + blob(b"no root") + vu(1) + struct.pack("<I", 0) + page)

    def end(self):
        self.put(BYE)
        for f in (self.p.stdin, self.p.stdout):
            try:
                f.close()
            except OSError:
                pass
        if self.p.wait(30) < 0:
            got_through("serve died of a signal", self.p.returncode)


def digest(data):
    return hashlib.blake2b(data, digest_size=32).digest()


WALKS = (-2**63, -1, 0, 1, 10**18, 4 * 10**18, 2**63 - 1)


def flood_of_points(n):
    """Points of this host, with times of the past and of the future, tickets of others, no new bytes."""
    s = Session(SSH)
    if s.begin() is not None or not s.pack(0, 1):
        sys.exit("the rogue's first upload does not work")
    page, made, refused = s.used(), 0, 0
    if s.commit(page, walk=WALKS[0])[0] != COMMITTED:
        sys.exit("the rogue's first point does not work")
    for i in range(n):
        count("points")
        said = s.begin(2, ticket=(b"", b"t%d" % i, b"t%d" % (i + 1), b"../" + HONEST.encode() + b"/t0")[i % 4])
        if said is not None:
            refused += 1
            s.end()
            s = Session()
            continue
        answer = s.commit(page, state=1 + i % 2, walk=WALKS[i % len(WALKS)])[0]
        made += answer == COMMITTED
        if i % 100 == 50:  # a collection in the middle of it
            c.fine("collections", "gc")
    s.end()
    print(f"{n} points asked for, {made} made, {refused} refused")
    return made


def frames(gen_of_honest):
    """Out of order, cut, too long, of others: an error or the end, never an answer that gives or changes anything."""
    def anew(begun):
        s = Session()
        if begun and s.begin(2) is not None:
            sys.exit("a session that may begin is refused")
        return s

    def no(what, s, kind, payload, *good):
        count("frames")
        answer, _ = s.ask(kind, payload)
        if answer in good:
            got_through(what, hex(answer))
        s.end()

    upload, zero = os.urandom(16), bytes(32)
    head = upload + b"\1" + bytes(8 * 5) + blob(b"x") + vu(1) + struct.pack("<I", 0)
    for begun in (False, True):
        for kind in (OPEN, SEG, CLOSE, USED, COMMIT, ABANDON, ENROL, KEYS, 0, 0x12, 0x20, 0x24, 0x41, 0x47, 0x7F, 0xFF):
            no("empty", anew(begun), kind, b"", DONE, COMMITTED, 0x48, 0x50, 0x51)
        no("a commit of nothing", anew(begun), COMMIT, head + zero, COMMITTED)
        no("an abandon of another's upload", anew(begun), ABANDON, os.urandom(16) + blob(b"x"), 0x48)
        no("another's index", anew(begun), INDEX, gen_of_honest + bytes(4), 0x49)
        no("another's segment", anew(begun), GET, gen_of_honest + vu(1) + vu(0) + vu(0), 0x4A)
        no("keys of a foreign check", anew(begun), KEYS, vu(1) + zero + blob(b"x") + blob(bytes(80)) + bytes(16), 0x51)
        no("enrolment", anew(begun), ENROL, blob(HONEST.encode()) + zero + vu(1) + zero + blob(b"x") + blob(bytes(80)) + bytes(16), 0x50)
    s = anew(True)
    page = s.used(gen_of_honest)
    no("a used page of another's generation", s, COMMIT, s.upload + head[16:] + page, COMMITTED)
    s = anew(True)
    page = s.used(number=200, bits=255)
    no("packs that are not there", s, COMMIT, s.upload + head[16:] + page, COMMITTED)
    s, t = anew(True), anew(False)
    count("frames")
    if t.begin(2) is None:
        got_through("two sessions hold the lease")
    t.end(), s.end()
    for n in (0, 2**21 + 1, 2**31, 2**32 - 1):
        s = anew(True)
        count("frames")
        s.write(struct.pack("<IB", n, PING))
        if s.get()[0] not in (0, ERROR):
            got_through("a length from hell", n)
        s.end()
    for cut in range(0, 70, 7):  # the middle of each field of a commit
        s = anew(True)
        count("frames")
        s.write((struct.pack("<IB", 1 + len(head) + 32, COMMIT) + head + zero)[:cut])
        s.end()


def in_use():
    """The parent of an upload under way does not go, though two approvers say so."""
    s = Session()
    if s.begin(2) is not None:
        sys.exit("no upload")
    last = points(ROGUE)[-1]
    text = statement(ROGUE, [last])
    if remove("in use", ROGUE, [last], approvals=signed(text, "anna", "ben")) != 1311:
        got_through("another error than that it is in use")
    remove("in use", ROGUE, points(ROGUE)[-300:], approvals=signed(statement(ROGUE, points(ROGUE)[-300:]), "anna", "ben"))
    s.end()


def stopping():
    """What the platform may do: no more room, no more host. Nothing that is there goes."""
    for bad in (-1, -2**63, 1.5, "1", 1e300):
        c.refused("quotas", "quota", host=HONEST, bytes=bad)
    c.refused("quotas", "quota", department="d", systems=["s"] * 300, bytes=1)
    c.refused("quotas", "quota", department="../d", systems=["s"], bytes=1)
    c.fine("quotas", "quota", host=HONEST, bytes=1)
    c.fine("quotas", "quota", system="sandbox", bytes=1)
    c.fine("quotas", "quota", department="d", systems=["sandbox"], bytes=1)
    remove("removals", HONEST, [points(HONEST)[0]])
    for of in ({"host": HONEST}, {"system": "sandbox"}, {"department": "d"}):
        c.fine("quotas", "quota", bytes=0, **of)
    c.fine("revocation", "revoke", host=ROGUE, reason="x")
    remove("removals", ROGUE, points(ROGUE)[:5])


generations = sorted(os.listdir(f"{VAULT}/store/hosts/{HONEST}/packs"))
removals()
approvals()
pins()
floors()
tickets_and_tokens()
nonsense()
collections()
made = flood_of_points(N)
removals()
frames(bytes.fromhex(generations[0]))
in_use()
removals()
stopping()
print(f"{sum(tried.values())} attempts: " + ", ".join(f"{n} {what}" for what, n in sorted(tried.items())))
