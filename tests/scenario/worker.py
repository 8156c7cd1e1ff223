#!/usr/bin/env python3
"""Drive `zaibei-agent worker` as zaibeid does: give the order, make the grant with the kit, keep the journal.

    worker.py ORDER.json --vault DIR --kit FILE [--stop PHASE --do COMMAND] [--kill inner|outer --at PHASE]
              [--wrong-first] [--grant-after SECONDS] [--cancel-at PHASE] [--look PHASE COMMAND] [--connect SOCKET]

--kill: when PHASE begins; the process that tells it stops itself there, so that the kill comes before its end. --stop … --do: the process that tells that PHASE has ended well stops itself then (pre_stop.so); the command is run with the
drill's directory as $1, and it goes on. --look: the command is run when PHASE begins. Commands find the worker's process id in
$WORKER; that they fail ends the test. Prints the journal; exits as the worker did.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("order")
    p.add_argument("--vault", required=True)
    p.add_argument("--kit", required=True)
    p.add_argument("--stop")
    p.add_argument("--do")
    p.add_argument("--look", nargs=2)
    p.add_argument("--kill", choices=("inner", "outer"))
    p.add_argument("--at")
    p.add_argument("--cancel-at")
    p.add_argument("--grant-after", type=float, default=0)
    p.add_argument("--connect")
    p.add_argument("--wrong-first", action="store_true")
    return p.parse_args()


def children(pid):
    """All descendants of a process."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    parents.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def inner_of(pid):
    """The child of the worker that is in another user namespace."""
    own = os.readlink(f"/proc/{pid}/ns/user")
    for child in children(pid):
        try:
            if os.readlink(f"/proc/{child}/ns/user") != own:
                return child
        except OSError:
            pass
    return None


def stopped_of(pid):
    """The descendant that has stopped itself, as soon as it has."""
    while True:
        for child in children(pid):
            with open(f"/proc/{child}/stat") as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "T":
                    return child
        time.sleep(0.01)


def main():
    a = arguments()
    with open(a.order) as f:
        order = json.load(f)
    env = dict(os.environ)
    if a.stop or a.kill:
        words = f'"phase":"{a.stop}" "state":"ok"' if a.stop else f'"phase":"{a.at}" "state":"begin"'
        env.update(LD_PRELOAD=env["B"] + "/tools/pre_stop.so")
        env["STOP_LINE" if a.at == "teardown" else "STOP_AFTER"] = words
    argv = ["zaibei-agent", "worker"] + (["--connect", a.connect] if a.connect else [])
    worker = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)

    def tell(o):
        worker.stdin.write((json.dumps(o) + "\n").encode())
        worker.stdin.flush()

    def grant(public, host_names, ident):
        purpose = order["op"]
        return subprocess.run(
            [os.environ["B"] + "/tools/tool_agent_grant", a.vault, a.kit, "grant", purpose, ident, public, "600", *host_names],
            check=True, stdout=subprocess.PIPE).stdout.decode().strip()

    def run(command):
        env = dict(os.environ, WORKER=str(worker.pid))
        subprocess.run(["sh", "-c", command, "sh", order["dir"] + "/space"], check=True, env=env)

    tell(order)
    hosts = [h["host"] for h in order["hosts"]]
    wrong = a.wrong_first
    killed = False
    for raw in worker.stdout:
        line = raw.decode()
        print(line, end="", flush=True)
        e = json.loads(line)
        if e["event"] == "key":
            public = e["public_key"]
            time.sleep(a.grant_after)
            tell({"op": "grant", "grant": grant(public, hosts, order["id"] + ("x" if wrong else ""))})
        elif e["event"] == "error" and wrong:
            wrong = False
            tell({"op": "grant", "grant": grant(public, hosts, order["id"])})
        elif e["event"] == "phase":
            name, state = e["phase"], e["state"]
            if a.stop == name and state == "ok":
                pid = stopped_of(worker.pid)
                run(a.do)
                os.kill(pid, signal.SIGCONT)
            if a.look and a.look[0] == name and state == "begin":
                run(a.look[1])
            if a.kill and name == a.at and state == "begin" and not killed:
                killed = True
                os.kill(worker.pid if a.kill == "outer" else inner_of(worker.pid), signal.SIGKILL)
            if a.cancel_at and name == a.cancel_at and state == "begin":
                tell({"op": "cancel"})
    code = worker.wait()
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
