#!/usr/bin/env python3
"""A command at a terminal: typed.py PROMPT=ANSWER... -- COMMAND...

Each answer is typed when its prompt stands there. What the terminal showed is printed; an answer that was shown is an error,
since these are secrets. Exits with the command's status.
"""
import os
import pty
import select
import sys

at = sys.argv.index("--")
steps = [word.split("=", 1) for word in sys.argv[1:at]]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[at + 1], sys.argv[at + 1:])
shown, seen = b"", 0
while True:
    if not select.select([fd], [], [], 60)[0]:
        sys.exit(f"nothing more after {shown!r}")
    try:
        more = os.read(fd, 4096)
    except OSError:
        more = b""
    if not more:
        break
    shown += more
    if steps and steps[0][0].encode() in shown[seen:]:
        seen = len(shown)
        os.write(fd, steps.pop(0)[1].encode() + b"\n")
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.write(shown.decode(errors="replace"))
for _, answer in (word.split("=", 1) for word in sys.argv[1:at]):
    if answer.encode() in shown:
        sys.exit("a secret was shown")
if steps:
    sys.exit(f"never asked: {steps[0][0]}")
sys.exit(code)
