"""The network between the two ends: the loopback of the bench's own namespace, and a second namespace for the host's side,
behind a link of 100 Mbit/s.

The servers listen at one address. From beside them it is reached over loopback; from the other namespace over a pair of veth
devices with a token bucket at either end. So a command meets the slow link by being entered there, and is the same otherwise.
"""
import subprocess

ADDRESS, NEAR, FAR = "10.99.0.1", "10.99.1.1", "10.99.1.2"
BUCKET = "tbf rate 100mbit burst 64kb latency 50ms".split()
SLOW = "100M"  # acts over the slow link are called ACT/100M


class Net:
    def __init__(self):
        self.why = self.holder = None  # why there is no slow link
        ip("addr", "add", f"{ADDRESS}/32", "dev", "lo")
        try:
            self.slow_link()
        except (OSError, subprocess.CalledProcessError) as e:
            self.why = (getattr(e, "stderr", "") or str(e)).strip()

    def slow_link(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        ip("link", "add", "slow", "type", "veth", "peer", "name", "slow", "netns", str(self.holder.pid))
        for enter, own in (([], NEAR), (self.entered(), FAR)):
            ip("addr", "add", f"{own}/30", "dev", "slow", enter=enter)
            ip("link", "set", "slow", "up", enter=enter)
            call(*enter, "tc", "qdisc", "add", "dev", "slow", "root", *BUCKET)
        ip("route", "add", ADDRESS, "via", NEAR, enter=self.entered())

    def entered(self):
        return ["nsenter", "-t", str(self.holder.pid), "-n"]

    def wire(self, slow):
        """Bytes that went over the link so far, both ways (in /proc/self: /sys shows the namespace it was mounted in)."""
        with open("/proc/self/net/dev", encoding="ascii") as f:
            rows = {name.strip(): list(map(int, rest.split())) for name, _, rest in (line.partition(":") for line in f) if rest}
        return rows["slow"][0] + rows["slow"][8] if slow else rows["lo"][0]

    def stop(self):
        if self.holder:
            self.holder.kill()
            self.holder.wait()


def call(*argv):
    subprocess.run(argv, check=True, capture_output=True, text=True)


def ip(*words, enter=()):
    call(*enter, "ip", *words)
