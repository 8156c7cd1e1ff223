#!/usr/bin/python3
"""tests/bench/peers.py (make bench, make bench-quick): the product and its peers, one after the other, on the same data,
through sshd on loopback. Writes docs/BENCHMARKS.md and docs/benchmarks.svg with --write; always prints the tables.

In a network namespace of its own, so that what goes over its loopback is what was sent. Of each figure the median of the
rounds counts; a ratio is the median of the rounds' ratios. What is restored is compared, byte by byte. Ends with 1 when something
came back differently; a bar that is missed is printed, and is no failure.

  --rounds N --sets tree,database,dump,random,replaced --peers zaibei,restic,... --quick --write
  ZAIBEI_BENCH_CACHE   where the peers' packages of Debian 13 are kept (build/bench); ZAIBEI_BENCH_DIR: where the data lies
"""
import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time

import peers_data as data
import peers_report as report
import peers_tools as tools

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GIB, MIB = 1 << 30, 1 << 20
PACKAGES = "restic,borgbackup,rdiff-backup,rsync,openssh-client,zstd,python3"


def fetch_debian13(cache):
    """Before the network namespace is entered: there is no way out of it."""
    at = f"{cache}/debian13"
    if not os.path.exists(f"{at}/usr/bin/restic"):
        shutil.rmtree(at, ignore_errors=True)
        os.makedirs(cache, exist_ok=True)
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "trixie", at], stdout=subprocess.DEVNULL,
                       check=False)


class Bench:
    def __init__(self, work, cache):
        self.work, self.daemons = work, []
        self.ssh = f"{work}/ssh/config"
        self.root = self.debian13(cache)
        self.enter = ["chroot", self.root] if self.root != "/" else []

    def remote(self, program):
        return " ".join([*self.enter, program])

    def debian13(self, cache):
        """The peers' newest packages, in a directory; the machine's own where that cannot be had."""
        at = f"{cache}/debian13"
        if not os.path.exists(f"{at}/usr/bin/restic"):
            print("not run: the peers of Debian 13 (debootstrap failed); this machine's are measured", file=sys.stderr)
            return "/"
        for what in ("/proc", "/dev", self.work):
            os.makedirs(at + what, exist_ok=True)
            data.run("mount", "--rbind", what, at + what)
        return at

    def start(self):
        os.makedirs(f"{self.work}/ssh")
        for name in ("host", "user"):
            data.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{self.work}/ssh/{name}")
        os.rename(f"{self.work}/ssh/user.pub", f"{self.work}/ssh/authorized_keys")
        with open(f"{self.work}/ssh/host.pub") as f, open(f"{self.work}/ssh/known", "w") as out:
            out.write("[127.0.0.1]:2222 " + f.read())
        with open(self.ssh, "w") as f:
            f.write(f"Host bench\n HostName 127.0.0.1\n Port 2222\n User root\n IdentityFile {self.work}/ssh/user\n"
                    f" UserKnownHostsFile {self.work}/ssh/known\n BatchMode yes\n")
        with open(f"{self.work}/ssh/sshd_config", "w") as f:
            f.write(f"ListenAddress 127.0.0.1\nPort 2222\nHostKey {self.work}/ssh/host\nPermitRootLogin prohibit-password\n"
                    f"AuthorizedKeysFile {self.work}/ssh/authorized_keys\nStrictModes no\nUsePAM no\nUseDNS no\nPidFile none\n"
                    "Subsystem sftp internal-sftp\nMaxStartups 100\nPrintMotd no\n")
        # A namespace of its own: /run/sshd, and an account that is not locked.
        sshd = ("mount -t tmpfs -o mode=755 run /run && mkdir -m 755 /run/sshd && sed 's/^root:!*/root:*/' /etc/shadow "
                f">{self.work}/ssh/shadow && mount --bind {self.work}/ssh/shadow /etc/shadow && "
                f"exec /usr/sbin/sshd -D -e -f {self.work}/ssh/sshd_config")
        with open(f"{self.work}/ssh/log", "w") as log:
            self.sshd = subprocess.Popen(["unshare", "-m", "sh", "-c", sshd], stderr=log)
        data.run(f"{ROOT}/scripts/sandbox", "up", f"{self.work}/box")
        for line in subprocess.check_output([f"{ROOT}/scripts/sandbox", "env", f"{self.work}/box"], text=True).splitlines():
            if line.startswith("export ZAIBEI"):
                name, value = line[7:].split("=", 1)
                os.environ[name] = value.strip("'")
        self.daemons = [self.sshd.pid, *(int(open(f"{self.work}/box/run/{n}.pid").read().split()[0])
                                         for n in ("keep", "sshd"))]

    def stop(self):
        subprocess.run([f"{ROOT}/scripts/sandbox", "down", f"{self.work}/box"], check=False)
        if hasattr(self, "sshd"):
            self.sshd.terminate()
            self.sshd.wait()

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

    def measured(self, argv, env):
        sent, served, began = wire(), self.served(), time.monotonic()
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **env})
        said = child.stderr.read()
        _, status, use = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"{argv}: {child.returncode}\n{said.decode(errors='replace')[-2000:]}")
        time.sleep(0.3)
        return {"wall": wall, "cpu": use.ru_utime + use.ru_stime + self.served() - served, "peak": use.ru_maxrss / 1024,
                "wire": (wire() - sent) / 1e6}


def wire():
    """Bytes over the loopback of this network namespace (that of /sys is the one it was mounted in)."""
    with open("/proc/self/net/dev") as f:
        return next(int(line.split(":")[1].split()[0]) for line in f if line.strip().startswith("lo:"))


def same(a, b):
    """Whether two trees have the same names and bytes."""
    names = []
    for at in (a, b):
        names.append(sorted(os.path.relpath(os.path.join(d, n), at) for d, _, files in os.walk(at) for n in files))
    if names[0] != names[1]:
        return False
    return all(filecmp.cmp(f"{a}/{n}", f"{b}/{n}", shallow=False) for n in names[0])


def a_round(bench, peers, source, change, acts, figures, seed):
    bad = 0
    for peer in peers:
        peer.fresh(source)
    for act in acts:
        if act == "anew":  # a full of what replaced it
            peers = [p for p in peers if p.name.startswith("zaibei")]
            for peer in peers:
                peer.fresh(source)
        if act == "changed":
            change(source, seed)
        for peer in peers if seed % 2 else peers[::-1]:
            if act not in (*peer.acts, "anew"):
                continue
            target = f"{bench.work}/back"
            shutil.rmtree(target, ignore_errors=True)
            os.makedirs(os.path.dirname(target + source) if act == "restore" and peer.name.startswith("r") else target)
            argv = getattr(peer, "full" if act == "anew" else act)(*([target] if act == "restore" else []))
            figure = bench.measured(argv, peer.env)
            figure["stored"] = peer.stored() / 1e6
            figures.setdefault((act, peer.name), []).append(figure)
            print(f"  {act:8} {peer.name:16} " + " ".join(f"{k} {v:.2f}" for k, v in figure.items()), flush=True)
            if act == "restore" and not same(source, peer.restored(target)):
                print(f"WRONG: {peer.name} brought back something else")
                bad += 1
            shutil.rmtree(target, ignore_errors=True)
    return bad


def sets(work, cache, quick):
    """What is measured: how the data comes to be, what changes it, the acts. The data is made once, and kept in the cache."""
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

    everything = ("full", "same", "changed", "restore")
    return {
        "tree": (from_cache("tree", tree), data.tree_change, everything),
        "database": (from_cache("database", database), data.pages_change, ("full", "changed", "restore")),
        "dump": (from_cache("dump", database), data.dump_change, ("full", "changed")),
        "replaced": (from_cache("database", database, "replaced"), data.pages_replace, ("full", "changed", "anew")),
        "random": (lambda: data.noise_make(f"{work}/data/random", GIB // small, 1), None, ("full",)),
    }


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--sets", default="tree,database,dump,replaced,random")
    p.add_argument("--peers", default=",".join(t.name for t in tools.ALL))
    p.add_argument("--quick", action="store_true")
    p.add_argument("--write", action="store_true")
    o = p.parse_args()
    cache = os.environ.get("ZAIBEI_BENCH_CACHE", ROOT + "/build/bench")
    if "ZAIBEI_BENCH_INSIDE" not in os.environ:
        fetch_debian13(cache)
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
        wanted = o.sets.split(",")
        table = sets(work, cache, o.quick)
        os.makedirs(f"{work}/data")
        for name in [n for n in table if n in wanted]:
            make, change, acts = table[name]
            make()
            source = f"{work}/data/{name}"
            results[name] = {}
            for n in range(o.rounds):
                print(f"{name}, round {n + 1} of {o.rounds}", flush=True)
                peers = [t(bench) for t in tools.ALL if t.name in o.peers.split(",")]
                if n and name in ("tree", "random", "database", "replaced"):
                    peers = [t for t in peers if t.name != "rdiff-backup"]  # it is slow: once
                bad += a_round(bench, peers, source, change, acts, results[name], n + 1)
                shutil.rmtree(f"{work}/repo", ignore_errors=True)
    finally:
        bench.stop()
        shutil.rmtree(f"{work}", ignore_errors=True)
    report.show(results, sys.stdout)
    if o.write:
        report.write(results, o, f"{ROOT}/docs")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
