"""The data that the bench measures with: of this machine's own files and of a real PostgreSQL under pgbench.

Each set is a directory; each has a change that an incremental then meets. Everything random comes from a seed, so that two
rounds differ in the order of events only.
"""
import contextlib
import os
import pwd
import random
import shutil
import subprocess
import time

MIB = 1 << 20


def run(*argv, **more):
    return subprocess.run(argv, check=True, **more)


def tree_make(at, files, size):
    """Real files, whole directories at a time, until there are enough of either."""
    os.makedirs(at)
    n = total = 0
    for top in ("/usr/share", "/usr/lib", "/usr/include", "/usr/bin", "/etc", "/usr/src", "/opt", "/var/lib"):
        for base, dirs, names in os.walk(top):
            dirs.sort()
            if n >= files or total >= size:
                return
            into = at + base
            for name in names:
                path = os.path.join(base, name)
                if not os.path.isfile(path) or os.path.islink(path):
                    continue
                length = os.path.getsize(path)
                if length > size // 20:
                    continue
                with contextlib.suppress(OSError):
                    os.makedirs(into, exist_ok=True)
                    shutil.copy2(path, into)
                    n, total = n + 1, total + length


def tree_change(at, seed):
    """One file in a hundred: appended to, rewritten in the middle, or new."""
    dice = random.Random(seed)
    paths = sorted(os.path.join(b, n) for b, _, names in os.walk(at) for n in names)
    for path in dice.sample(paths, len(paths) // 100):
        what = dice.randrange(3)
        if what == 0:
            with open(path, "ab") as f:
                f.write(dice.randbytes(100))
        elif what == 1 and os.path.getsize(path) > 200:
            with open(path, "r+b") as f:
                f.seek(dice.randrange(os.path.getsize(path) - 100))
                f.write(dice.randbytes(100))
        else:
            with open(f"{path}.{seed}", "wb") as f:
                f.write(dice.randbytes(2000).hex().encode())


def crowd_make(at, files):
    """Many small files, two hundred in a directory."""
    for d in range(files // 200):
        os.makedirs(f"{at}/{d % 100}/{d}")
        folder = os.open(f"{at}/{d % 100}/{d}", os.O_RDONLY)
        for n in range(200):
            fd = os.open(f"file-{n}", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=folder)
            os.write(fd, b"%d %d\n" % (d, n) * 10)
            os.close(fd)
        os.close(folder)


def one_of(at):
    """The same file of a set each time, from its middle."""
    while os.path.isdir(at):
        names = sorted(os.listdir(at))
        at = f"{at}/{names[len(names) // 2]}"
    return at


def size_of(at):
    return int(run("du", "-sb", at, capture_output=True, text=True).stdout.split()[0])


class Postgres:
    """A database of its own, below ${at}, for as long as it is open."""

    def __init__(self, at):
        self.at, self.bin = at, sorted(p for p in os.listdir("/usr/lib/postgresql"))[-1]
        self.bin = f"/usr/lib/postgresql/{self.bin}/bin"
        user = pwd.getpwnam("postgres")
        self.who = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--no-new-privs"]
        os.makedirs(at)
        os.chown(at, user.pw_uid, user.pw_gid)

    def call(self, *argv, **more):
        return run(*self.who, *argv, cwd=self.at, stdout=more.pop("stdout", subprocess.DEVNULL),
                   stderr=subprocess.DEVNULL, env={**os.environ, "PGHOST": self.at, "PGUSER": "postgres"}, **more)

    def __enter__(self):
        self.call(f"{self.bin}/initdb", "-D", f"{self.at}/data", "-U", "postgres", "-A", "trust")
        self.call(f"{self.bin}/pg_ctl", "-D", f"{self.at}/data", "-w", "-l", f"{self.at}/log", "-o",
                  f"-c listen_addresses= -c unix_socket_directories={self.at} -c fsync=off", "start")
        self.call("createdb", "bench")
        return self

    def __exit__(self, *_):
        self.call(f"{self.bin}/pg_ctl", "-D", f"{self.at}/data", "-m", "fast", "stop")
        shutil.rmtree(self.at)


# What applications keep: numbers, times, references that do not compress, words that do. pgbench's own tables are mostly blanks.
LEDGER = """create unlogged table ledger as select i as id, (random() * 50000)::int as account,
 round((random() * 9000)::numeric, 2) as amount, timestamp '2026-01-01' + i * interval '7 seconds' as at,
 md5(i::text) || md5((i * 7)::text) as reference,
 (array['transfer','fee','deposit','refund','correction'])[1 + i % 5] as kind,
 (array['approved by the office after the second reading','awaiting a second signature of the department','',
        'sent to the archive together with its annexes'])[1 + i % 4] as note
 from generate_series(1, {rows}) i"""


def database_make(work, at, size, dump_at, dump_size):
    """One file of database pages, and a dump as SQL text."""
    with Postgres(f"{work}/postgres") as pg:
        pg.call("pgbench", "-i", "-q", "-s", "10", "bench")
        pg.call("pgbench", "-T", "5", "-c", "2", "bench")
        pg.call("psql", "-qc", LEDGER.format(rows=max(size // 180, dump_size // 140)), "bench")
        pg.call("psql", "-qc", "checkpoint", "bench")
        os.makedirs(at)
        tables = [os.path.join(b, n) for b, _, names in os.walk(f"{work}/postgres/data/base") for n in names]
        left = size
        with open(f"{at}/pages", "wb") as out:
            for path in sorted(tables, key=os.path.getsize, reverse=True):
                with open(path, "rb") as f:
                    while left and (piece := f.read(min(left, 4 * MIB))):
                        out.write(piece)
                        left -= len(piece)
        os.makedirs(dump_at)
        with open(f"{dump_at}/dump-20261120.sql", "wb") as out:
            dump = subprocess.Popen([*pg.who, "pg_dump", "-h", pg.at, "-U", "postgres", "bench"], stdout=subprocess.PIPE)
            left = dump_size
            while left and (piece := dump.stdout.read(min(left, 4 * MIB))):
                out.write(piece)
                left -= len(piece)
            dump.stdout.close()
            dump.wait()


def pages_change(at, seed):
    """Scattered writes: a thousand in 2 GiB, fewer in less, so that their distance is the same."""
    dice = random.Random(seed)
    size = os.path.getsize(f"{at}/pages")
    edits = max(size * 1000 >> 31, 1)
    with open(f"{at}/pages", "r+b") as f:
        for _ in range(edits):
            f.seek(dice.randrange(size - 100))
            f.write(dice.randbytes(100))


def pages_replace(at, seed):
    noise_make(at, os.path.getsize(f"{at}/pages"), seed, "pages")


def noise_make(at, size, seed, name="noise"):
    os.makedirs(at, exist_ok=True)
    dice = random.Random(seed)
    with open(f"{at}/{name}", "wb") as f:
        for _ in range(0, size, MIB):
            f.write(dice.randbytes(MIB))


def dump_change(at, seed):
    """The next night: another name; lines changed, gone and new all over it (two thousand in 1.2 GiB), so that all of it is shifted."""
    old = sorted(os.listdir(at))[-1]
    lines = int(os.path.getsize(f"{at}/{old}") * 2000 / (1.2 * (1 << 30)))
    new = time.strftime("dump-%Y%m%d.sql", time.gmtime(time.mktime(time.strptime(old, "dump-%Y%m%d.sql")) + 36 * 3600))
    dice = random.Random(seed)
    with open(f"{at}/{old}", "rb") as f:
        total = sum(piece.count(b"\n") for piece in iter(lambda: f.read(4 * MIB), b""))
    changed = set(dice.sample(range(total), min(lines, total)))
    with open(f"{at}/{old}", "rb") as f, open(f"{at}/{new}", "wb") as out:
        for i, line in enumerate(f):
            if i in changed:
                line = dice.choice((b"", line + line, b"%d\t%s\n" % (seed, dice.randbytes(20).hex().encode())))
            out.write(line)
    os.remove(f"{at}/{old}")
