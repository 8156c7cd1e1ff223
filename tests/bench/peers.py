#!/usr/bin/python3
"""tests/bench/peers.py (make bench, make bench-quick): the product and its peers, one after the other, on the same data,
through sshd on loopback, incrementals on a link of 100 Mbit/s, too. Writes docs/BENCHMARKS.md and docs/benchmarks.svg with --write;
always prints the tables.

In a network namespace of its own, so that what goes over its loopback is what was sent. Of each figure the median of the
rounds counts; a ratio is the median of the rounds' ratios. What is restored is compared, byte by byte. Ends with 1 when something
came back differently; a bar that is missed is printed, and is no failure.

  --rounds N --sets tree,database,edits,dump,replaced,random --peers zaibei,restic,... --quick --write
  --scale      the sets of 100,000 and of 1,000,000 small files, too
  --results F  sets may be measured one by one: each takes its place in F, and the report is of all that are there
  ZAIBEI_BENCH_CACHE   where the peers' packages of Debian 13 are kept (build/bench); ZAIBEI_BENCH_DIR: where the data lies
"""
import argparse
import collections
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time

import memory
import peers_data as data
import peers_net
import peers_report as report
import peers_tools as tools

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GIB = 1 << 30
NOT_COUNTED = ("sshd", "sh", "bash", "sandbox")  # of what runs below the two sshd
PACKAGES = "restic,borgbackup,rdiff-backup,rsync,openssh-client,zstd,python3"


def debian13_make(cache):
    """The peers' newest packages, in a directory, while there is a network still; the machine's own where that cannot be had."""
    at = f"{cache}/debian13"
    if os.path.exists(f"{at}/usr/bin/restic"):
        return
    shutil.rmtree(at, ignore_errors=True)
    os.makedirs(cache, exist_ok=True)
    if subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "trixie", at],
                      stdout=subprocess.DEVNULL, check=False).returncode:
        shutil.rmtree(at, ignore_errors=True)


class Bench:
    def __init__(self, work, cache):
        self.work, self.daemons = work, []
        self.net = peers_net.Net()
        self.ssh = f"{work}/ssh/config"
        self.root = self.debian13(cache)
        self.enter = ["chroot", self.root] if self.root != "/" else []

    def remote(self, program):
        return " ".join([*self.enter, program])

    def debian13(self, cache):
        """Where the peers are."""
        at = f"{cache}/debian13"
        if not os.path.exists(f"{at}/usr/bin/restic"):
            print("not run: the peers of Debian 13 (debootstrap failed); this machine's are measured", file=sys.stderr)
            return "/"
        for what in ("/proc", "/dev", *([] if self.work.startswith("/dev/") else [self.work])):
            os.makedirs(at + what, exist_ok=True)
            data.run("mount", "--rbind", what, at + what)
        return at

    def start(self):
        os.makedirs(f"{self.work}/ssh")
        for name in ("host", "user"):
            data.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{self.work}/ssh/{name}")
        os.rename(f"{self.work}/ssh/user.pub", f"{self.work}/ssh/authorized_keys")
        with open(f"{self.work}/ssh/host.pub") as f, open(f"{self.work}/ssh/known", "w") as out:
            out.write(f"[{peers_net.ADDRESS}]:2222 " + f.read())
        with open(self.ssh, "w") as f:
            f.write(f"Host bench\n HostName {peers_net.ADDRESS}\n Port 2222\n User root\n IdentityFile {self.work}/ssh/user\n"
                    f" UserKnownHostsFile {self.work}/ssh/known\n BatchMode yes\n")
        with open(f"{self.work}/ssh/sshd_config", "w") as f:
            f.write(f"ListenAddress {peers_net.ADDRESS}\nPort 2222\nHostKey {self.work}/ssh/host\nPermitRootLogin prohibit-password\n"
                    f"AuthorizedKeysFile {self.work}/ssh/authorized_keys\nStrictModes no\nUsePAM no\nUseDNS no\nPidFile none\n"
                    "Subsystem sftp internal-sftp\nMaxStartups 100\nPrintMotd no\nSetEnv SHLVL=2\n") # no ~/.bashrc: sandbox
        # A namespace of its own: /run/sshd, and an account that is not locked.
        sshd = ("mount -t tmpfs -o mode=755 run /run && mkdir -m 755 /run/sshd && sed 's/^root:!*/root:*/' /etc/shadow "
                f">{self.work}/ssh/shadow && mount --bind {self.work}/ssh/shadow /etc/shadow && "
                f"exec /usr/sbin/sshd -D -e -f {self.work}/ssh/sshd_config")
        with open(f"{self.work}/ssh/log", "w") as log:
            self.sshd = subprocess.Popen(["unshare", "-m", "sh", "-c", sshd], stderr=log)
        os.environ["ZAIBEI_SANDBOX_ADDRESS"] = peers_net.ADDRESS
        data.run(f"{ROOT}/scripts/sandbox", "up", f"{self.work}/box")
        for line in subprocess.check_output([f"{ROOT}/scripts/sandbox", "env", f"{self.work}/box"], text=True).splitlines():
            if line.startswith("export ZAIBEI"):
                name, value = line[7:].split("=", 1)
                os.environ[name] = value.strip("'")
        keep, door = (int(open(f"{self.work}/box/run/{n}.pid").read().split()[0]) for n in ("keep", "sshd"))
        self.doors, self.daemons = [self.sshd.pid, door], [self.sshd.pid, door, keep]

    def stop(self):
        subprocess.run([f"{ROOT}/scripts/sandbox", "down", f"{self.work}/box"], check=False)
        if hasattr(self, "sshd"):
            self.sshd.terminate()
            self.sshd.wait()
        self.net.stop()

    def served(self):
        """CPU seconds of the daemons, of their children, and of those below them that still live."""
        total, todo = 0, list(self.daemons)
        while todo:
            pid = todo.pop()
            try:
                with open(f"/proc/{pid}/stat") as f:
                    total += sum(map(int, f.read().rpartition(")")[2].split()[11:15]))
                with open(f"/proc/{pid}/task/{pid}/children") as f:
                    todo += map(int, f.read().split())
            except OSError:
                continue
        return total / os.sysconf("SC_CLK_TCK")

    def measured(self, argv, env, slow):
        sent, served, began = self.net.wire(slow), self.served(), time.monotonic()
        child = subprocess.Popen([*(self.net.entered() if slow else []), *argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 env={**os.environ, **env})
        watch = memory.Watch({"peak": [child.pid], "serve": self.doors}, NOT_COUNTED)
        said = child.stderr.read()
        _, status, use = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        peaks = {name: seen[0] / 1024 for name, seen in watch.stop().items()}
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"{argv}: {child.returncode}\n{said.decode(errors='replace')[-2000:]}")
        time.sleep(0.3)
        return {"wall": wall, "cpu": use.ru_utime + use.ru_stime + self.served() - served, **peaks,
                "wire": (self.net.wire(slow) - sent) / 1e6}


def same(a, b):
    """Whether two trees have the same names and bytes."""
    names = []
    for at in (a, b):
        names.append(sorted(os.path.relpath(os.path.join(d, n), at) for d, _, files in os.walk(at) for n in files))
    if names[0] != names[1]:
        return False
    return all(filecmp.cmp(f"{a}/{n}", f"{b}/{n}", shallow=False) for n in names[0])


Set = collections.namedtuple("Set", "make change acts once who", defaults=(False, ()))


def had_memory(work, n):
    """Where the data lies in memory: have the machine hold as much as will be written. A virtual machine gets it from its host when it
    first writes there, gives it back when it is free for a while, and otherwise whoever comes first would pay for all."""
    if subprocess.check_output(["stat", "-fc", "%T", work], text=True).strip() != "tmpfs":
        return
    zeros = bytes(1 << 20)
    with open(f"{work}/memory", "wb") as f:
        for _ in range(0, n, len(zeros)):
            f.write(zeros)
    os.remove(f"{work}/memory")


def an_act(bench, peer, source, act, argv_more, figures):
    """One act of one peer, measured; whether what it restored is right."""
    method, _, how = act.partition("/")
    target = f"{bench.work}/back"
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(os.path.dirname(target + source) if argv_more and peer.name.startswith("r") else target)
    had_memory(bench.work, data.size_of(source))
    figure = bench.measured(getattr(peer, method)(*argv_more), peer.env, how == peers_net.SLOW)
    figure["stored"] = peer.stored() / 1e6
    figure["per_gb"] = figure["cpu"] / (data.size_of(source) / 1e9)
    figures.setdefault((act, peer.name), []).append(figure)
    print(f"  {act:12} {peer.name:16} " + " ".join(f"{k} {v:.2f}" for k, v in figure.items()), flush=True)
    right = True
    if method == "restore":
        right = same(source, peer.restored(target))
    elif method == "one":
        right = os.path.exists(target + argv_more[1]) and filecmp.cmp(argv_more[1], target + argv_more[1], shallow=False)
    shutil.rmtree(target, ignore_errors=True)
    if not right:
        print(f"WRONG: {peer.name} brought back something else")
    return right


def a_round(bench, peers, source, a_set, figures, seed):
    bad = 0
    for peer in peers:
        peer.fresh(source)
    more = {"restore": [f"{bench.work}/back"], "one": [f"{bench.work}/back", data.one_of(source)]}
    for n, act in enumerate(a_set.acts):
        method, _, how = act.partition("/")
        if how == peers_net.SLOW and bench.net.why:
            continue
        if method == "changed":
            a_set.change(source, seed * 100 + n)
        if how == "anew":  # a full of what it became
            peers = [p for p in peers if p.name.startswith("zaibei")]
            for peer in peers:
                peer.fresh(source)
        for peer in peers if seed % 2 else peers[::-1]:
            if hasattr(peer, method):
                bad += not an_act(bench, peer, source, act, more.get(method, []), figures)
    return bad


def sets(work, cache, quick):
    """What is measured. What takes long to make is made once, and kept in the cache."""
    small = 8 if quick else 1
    kept = f"{cache}/data-{small}"

    def tree(at):
        data.tree_make(f"{at}/tree", 70000 // small, 2_100_000_000 // small)

    def database(at):
        data.database_make(at, f"{at}/database", 2 * GIB // small, f"{at}/dump", int(1.2 * GIB) // small)

    def from_cache(name, make, into=None):
        def copy():
            if not os.path.exists(f"{kept}/{name}"):
                shutil.rmtree(f"{kept}.new", ignore_errors=True)
                os.makedirs(f"{kept}.new")
                make(f"{kept}.new")
                os.makedirs(kept, exist_ok=True)
                for made in os.listdir(f"{kept}.new"):
                    os.rename(f"{kept}.new/{made}", f"{kept}/{made}")
            data.run("cp", "-a", "--reflink=auto", f"{kept}/{name}", f"{work}/data/{into or name}")
        return copy

    def crowd(name, files):
        acts = ("full", *["same"] * 3, *["one"] * 3)
        return Set(lambda: data.crowd_make(f"{work}/data/{name}", files // small), None, acts, True,
                   ("zaibei", "zaibei-openssh", "find-and-ssh", "restic", "borg"))

    slow = peers_net.SLOW
    return {
        "tree": Set(from_cache("tree", tree), data.tree_change,
                    ("full", "same", "changed", f"same/{slow}", f"changed/{slow}", "restore")),
        "database": Set(from_cache("database", database), data.pages_change, ("full", "changed", f"changed/{slow}", "restore")),
        "edits": Set(from_cache("database", database, "edits"), data.pages_change,
                     ("full", "restore/full", *["changed"] * 30, "restore"), True, ("zaibei", "restic")),
        "dump": Set(from_cache("dump", database), data.dump_change, ("full", "changed", f"changed/{slow}")),
        "replaced": Set(from_cache("database", database, "replaced"), data.pages_replace, ("full", "changed", "full/anew")),
        "random": Set(lambda: data.noise_make(f"{work}/data/random", GIB // small, 1), None, ("full",)),
        "100k": crowd("100k", 100_000),
        "million": crowd("million", 1_000_000),
    }


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--sets", default="tree,database,edits,dump,replaced,random")
    p.add_argument("--peers", default=",".join(t.name for t in tools.ALL))
    p.add_argument("--scale", action="store_true")
    p.add_argument("--results", default=None)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--write", action="store_true")
    o = p.parse_args()
    cache = os.environ.get("ZAIBEI_BENCH_CACHE", ROOT + "/build/bench")
    if "ZAIBEI_BENCH_INSIDE" not in os.environ:
        debian13_make(cache)
        os.environ["ZAIBEI_BENCH_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
                              sys.executable, *sys.argv])
    os.environ["PATH"] = f"{os.environ.get('B', ROOT + '/build')}/bin:" + os.environ["PATH"]
    work = os.path.realpath(tempfile.mkdtemp(prefix="bench.", dir=os.environ.get("ZAIBEI_BENCH_DIR")))
    os.chmod(work, 0o755)
    bench = Bench(work, cache)
    bad, results = 0, {}
    try:
        bench.start()
        if bench.net.why:
            print(f"not run: acts on a link of 100 Mbit/s ({bench.net.why})", flush=True)
        wanted = o.sets.split(",") + (["100k", "million"] if o.scale else [])
        table = sets(work, cache, o.quick)
        os.makedirs(f"{work}/data")
        for name in [n for n in table if n in wanted]:
            a_set = table[name]
            a_set.make()
            results[name] = {}
            rounds = 1 if a_set.once else o.rounds
            for n in range(rounds):
                print(f"{name}, round {n + 1} of {rounds}", flush=True)
                peers = [t(bench) for t in tools.ALL if t.name in o.peers.split(",") and t.name in (a_set.who or t.name)]
                if n and name in ("tree", "random", "database", "replaced"):
                    peers = [t for t in peers if t.name != "rdiff-backup"]  # it is slow: once
                bad += a_round(bench, peers, f"{work}/data/{name}", a_set, results[name], n + 1)
                shutil.rmtree(f"{work}/repo", ignore_errors=True)
            if o.results:
                report.keep(o.results, {name: results[name]})
    finally:
        bench.stop()
        shutil.rmtree(f"{work}", ignore_errors=True)
    if o.results:
        results = report.kept(o.results)
    report.show(results, sys.stdout)
    if o.write:
        report.write(results, o, f"{ROOT}/docs")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
