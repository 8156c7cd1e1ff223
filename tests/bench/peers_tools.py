"""The programs that are compared, each as the same few acts: make a repository, back up, restore the newest, restore one file of it.
What a program has no method for it is not asked to do.

All speak to the same sshd, with their own defaults. ${root} is the directory with the peers' newer packages, or "/".
"""
import glob
import json
import os
import shutil
import subprocess

import peers_data as data


class Peer:
    name = ""

    def __init__(self, bench):
        self.b, self.repo = bench, f"{bench.work}/repo/{self.name}"
        self.env = {}

    def argv(self, *words):
        return [*self.b.enter, *words]

    def fresh(self, source):
        """An empty repository for ${source}; not timed."""
        shutil.rmtree(self.repo, ignore_errors=True)
        os.makedirs(os.path.dirname(self.repo), exist_ok=True)
        self.source = source

    def quiet(self, *argv, **more):
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **self.env}, **more)

    def stored(self):
        return data.size_of(self.repo)

    def restored(self, target):
        """Where below ${target} the source lies."""
        return target + self.source


class Tar(Peer):
    """The floor: no encryption at rest, no deduplication, no history."""
    name = "tar-zstd-ssh"

    def full(self):
        return self.argv("sh", "-c", f"tar -C {self.source} -cf - . | zstd -q -1 -T1 | ssh -F {self.b.ssh} bench "
                                     f"'cat >{self.repo}.tar.zst && sync {self.repo}.tar.zst'")

    def stored(self):
        return os.path.getsize(f"{self.repo}.tar.zst")


class Find(Peer):
    """What looking at every name and one connection cost."""
    name = "find-and-ssh"

    def same(self):
        return self.argv("sh", "-c", f"find {self.source} -printf '%s %C@ %i\\n' >/dev/null; ssh -F {self.b.ssh} bench true")

    def stored(self):
        return 0


class Rsync(Peer):
    name = "rsync"

    def full(self):
        return self.argv("rsync", "-aHAX", "--delete", "-e", f"ssh -F {self.b.ssh}", self.source + "/", f"bench:{self.repo}")

    same = changed = full

    def restore(self, target):
        return self.argv("rsync", "-aHAX", "-e", f"ssh -F {self.b.ssh}", f"bench:{self.repo}/", target + self.source)


class Rdiff(Peer):
    name = "rdiff-backup"

    def full(self):
        return self.argv("rdiff-backup", "--remote-schema", f"ssh -F {self.b.ssh} {{h}} {self.b.remote('rdiff-backup')} server", "backup",
                         self.source, f"bench::{self.repo}")

    same = changed = full

    def restore(self, target):
        return self.argv("rdiff-backup", "--remote-schema", f"ssh -F {self.b.ssh} {{h}} {self.b.remote('rdiff-backup')} server",
                         "restore", f"bench::{self.repo}", target + self.source)


class Restic(Peer):
    name = "restic"

    def __init__(self, bench):
        super().__init__(bench)
        self.env = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": f"{bench.work}/cache/restic",
                    "RESTIC_REPOSITORY": f"sftp:bench:{self.repo}"}

    def call(self, *words):
        return self.argv("restic", "-q", "-o", f"sftp.command=ssh -F {self.b.ssh} bench -s sftp", *words)

    def fresh(self, source):
        super().fresh(source)
        shutil.rmtree(self.env["RESTIC_CACHE_DIR"], ignore_errors=True)
        self.quiet(*self.call("init"))

    def full(self):
        return self.call("backup", self.source)

    same = changed = full

    def restore(self, target):
        return self.call("restore", "latest", "--target", target)

    def one(self, target, path):
        return self.call("restore", "latest", "--target", target, "--include", path)


class Borg(Peer):
    name = "borg"

    def __init__(self, bench):
        super().__init__(bench)
        self.env = {"BORG_PASSPHRASE": "bench", "BORG_BASE_DIR": f"{bench.work}/cache/borg", "BORG_RSH": f"ssh -F {bench.ssh}",
                    "BORG_REMOTE_PATH": bench.remote("borg"), "BORG_REPO": f"ssh://bench{self.repo}",
                    "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}

    def fresh(self, source):
        super().fresh(source)
        shutil.rmtree(self.env["BORG_BASE_DIR"], ignore_errors=True)
        self.n = 0
        self.quiet(*self.argv("borg", "init", "-e", "repokey-blake2"), stderr=subprocess.DEVNULL)

    def full(self):
        self.n += 1
        return self.argv("borg", "create", f"::{self.n}", self.source)

    same = changed = full

    def restore(self, target):
        return self.argv("env", "-C", target, "borg", "extract", f"::{self.n}")

    def one(self, target, path):
        return [*self.restore(target), path.lstrip("/")]


class Zaibei(Peer):
    """A new host for each repository, so that nothing is there already."""
    name, transport = "zaibei", "libssh2"
    hosts = 0

    def fresh(self, source):
        self.source = source
        self.host = f"bench-{os.getpid()}-{type(self).__name__.lower()}-{Zaibei.hosts}"
        Zaibei.hosts += 1
        at = f"{self.b.work}/agents/{self.host}"
        os.makedirs(at)
        self.config = f"{at}/agent.yaml"
        self.env = {"ZAIBEI_AGENT_CONFIG": self.config}
        line = subprocess.check_output(["zaibei", "host", "enroll-token", self.host, "--system", "bench", "--json"], text=True)
        token = json.loads(line.splitlines()[-1])["token"]
        with open(f"{self.b.work}/box/agent/kit") as f:
            public = next(word for word in f.read().split() if word.startswith("zbk-pub-"))
        self.quiet("zaibei-agent", "enroll", "-", "--recipient", public, "--state", f"{at}/state", input=token.encode())
        self.quiet("zaibei-vault", "rights", f"{self.b.work}/box/vault", self.host, "--read", "all")
        with open(self.config) as f:
            lines = [line for line in f if not line.startswith("transport:")]
        with open(self.config, "w") as f:
            f.writelines([*lines, f"transport: {self.transport}\n"])

    def full(self):
        return ["zaibei-agent", "--json", "backup", self.source]

    same = changed = full

    def restore(self, target):
        return ["zaibei-agent", "--json", "restore", "latest", "--target", target, "--existing", "never"]

    def one(self, target, path):
        return [*self.restore(target), path]

    def stored(self):
        packs = glob.glob(f"{self.b.work}/box/vault/store/hosts/{self.host}/**", recursive=True)
        return sum(os.path.getsize(p) for p in packs if os.path.isfile(p))


class ZaibeiOpenssh(Zaibei):
    name, transport = "zaibei-openssh", "openssh"


ALL = (Zaibei, ZaibeiOpenssh, Tar, Find, Restic, Borg, Rsync, Rdiff)
