#!/usr/bin/python3
"""Peak memory of whole families of processes, looked at in /proc twenty times a second while they live.

Each process has its own peak (VmHWM); they are added up over a process and all below it, and the greatest sum counts. That is at
least what they had at any one moment. A process that begins and ends between two looks is not seen.

As a program: memory.py OUT NAME=PID...   until SIGTERM, or none of them is left; OUT then has NAME, greatest sum, greatest single process (both KiB), and
how many there were at once, for each NAME one line.
"""
import contextlib
import os
import signal
import sys
import threading

EVERY_S = 0.05


def family(pid):
    """This process and all below it."""
    todo = [pid]
    while todo:
        at = todo.pop()
        yield at
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{at}/task"):
                with contextlib.suppress(OSError), open(f"/proc/{at}/task/{task}/children", encoding="ascii") as f:
                    todo += map(int, f.read().split())


def peak_of(pid):
    """A process's name and its peak so far in KiB; 0 of one that has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        fields = dict(line.split(":", 1) for line in f)
        return fields["Name"].strip(), int(fields.get("VmHWM", "0").split()[0])
    return "", 0


class Watch(threading.Thread):
    """Looks until stop(). ${roots} has the processes whose families make a name, ${passed_over} begins the names of programs that
    are not counted."""

    def __init__(self, roots, passed_over=()):
        super().__init__(daemon=True)
        self.roots, self.passed_over = roots, tuple(passed_over)
        self.seen = {name: (0, 0, 0) for name in roots}  # greatest sum, greatest single, most at once
        self.over = threading.Event()
        self.start()

    def look(self):
        for name, pids in self.roots.items():
            known = [peak_of(p) for root in pids for p in family(root)]
            own = [kib for program, kib in known if kib and not program.startswith(self.passed_over)]
            self.seen[name] = tuple(map(max, self.seen[name], (sum(own), max(own, default=0), len(own))))

    def run(self):
        while not self.over.wait(EVERY_S):
            self.look()

    def stop(self):
        self.over.set()
        self.join()
        return self.seen


def main():
    watch = Watch({name: [int(pid)] for name, pid in (word.split("=") for word in sys.argv[2:])})
    while not signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, 1):
        if not any(os.path.exists(f"/proc/{pid}") for pids in watch.roots.values() for pid in pids):
            break
    with open(sys.argv[1], "w", encoding="ascii") as out:
        for name, figures in watch.stop().items():
            print(name, *figures, file=out)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
