"""Tables, bars and a plot from what the bench measured."""
import json
import os
import platform
import statistics
import subprocess

ACTS = {"full": "full", "same": "no change", "changed": "changed", "restore": "restore", "one": "one small file restored"}
HOW = {"": "", "100M": ", 100 Mbit/s", "full": " of the full", "anew": " of what it became"}
FIGURES = (("wall", "wall s", 2), ("cpu", "CPU s", 2), ("per_gb", "CPU s/GB", 1), ("peak", "peak MiB", 0), ("serve", "far MiB", 0),
           ("wire", "wire MB", 1), ("stored", "stored MB", 0))

# set, act, figure, the product, against whom, at most. Against a peer; "ACT of PEER" of the same set; "in SET" for the same act there;
# or nobody: then the figure itself, the greatest of all where set and act are "all". "each": no single pair above it.
BARS = [
    *((s, "full", "wall", z, "tar-zstd-ssh", bar) for s in ("tree", "database")
      for z, bar in (("zaibei", 1.15), ("zaibei-openssh", 0.95))),
    *((s, "full", "wall", z, "restic", bar) for s in ("tree", "database")
      for z, bar in (("zaibei", 0.55), ("zaibei-openssh", 0.5))),
    ("tree", "full", "wall", "zaibei", "borg", 0.4),
    ("database", "full", "wall", "zaibei", "borg", 0.6),
    ("database", "full", "wall", "zaibei-openssh", "borg", 0.5),
    *((s, "full", "stored", "zaibei", "restic", 1.05) for s in ("tree", "database")),
    *((s, "same", "wall", "zaibei", peer, bar) for s in ("tree", "million")
      for peer, bar in (("restic", 0.25), ("borg", 0.1), ("find-and-ssh", 2.5))),
    ("tree", "changed", "wall", "zaibei", "restic", 0.4),
    ("tree", "changed", "wire", "zaibei", "restic", 0.5),
    *(("tree", "changed", "wire", "zaibei", p, 1.0) for p in ("borg", "rsync", "rdiff-backup")),
    ("database", "changed", "wall", "zaibei", "restic", 0.45),
    ("database", "changed", "wire", "zaibei", "restic", 0.02),
    ("database", "changed", "wire", "zaibei", "rdiff-backup", 0.4),
    ("edits", "changed", "wire", "zaibei", "restic", 0.02),
    ("edits", "changed", "wire, each", "zaibei", "restic", 0.06),
    ("edits", "restore", "wall", "zaibei", "restore/full of zaibei", 1.3),
    ("tree", "restore", "wall", "zaibei", "restic", 0.4),
    ("database", "restore", "wall", "zaibei", "restic", 0.6),
    ("million", "one", "wall", "zaibei", None, 1.0),
    ("dump", "changed", "wire", "zaibei", "restic", 0.03),
    ("dump", "changed", "wall", "zaibei", "restic", 1.0),
    ("random", "full", "wall", "zaibei", "restic", 0.7),
    ("random", "full", "wall", "zaibei-openssh", "restic", 0.5),
    ("replaced", "changed", "wall", "zaibei", "full/anew of zaibei", 1.3),
    *(("all", "all", figure, z, None, bar) for z in ("zaibei", "zaibei-openssh") for figure, bar in (("peak", 64), ("serve", 32))),
    *(("million", act, "peak", "zaibei", "in 100k", 1.1) for act in ("full", "same", "one")),
]


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def against(bar):
    """Whose runs a bar is measured by: set, act, peer."""
    at, act, _, product, peer, _ = bar
    if peer.startswith("in "):
        return peer[3:], act, product
    return (at, *peer.split(" of ")) if " of " in peer else (at, act, peer)


def ratio(results, bar):
    """The median of the rounds' ratios (the greatest for "each"), or the figure itself; None when it was not measured."""
    at, act, figure, product, peer, _ = bar
    figure, _, each = figure.partition(", ")
    if at == "all":
        return max((r[figure] for cells in results.values() for (_, p), runs in cells.items() if p == product for r in runs), default=None)
    mine = results.get(at, {}).get((act, product))
    if not mine:
        return None
    if not peer:
        return median(mine, figure)
    other_set, *other_key = against(bar)
    other = results.get(other_set, {}).get(tuple(other_key))
    if not other:
        return None
    pairs = list(zip(mine, other)) if len(mine) == len(other) else [(m, other[0]) for m in mine]
    return (max if each else statistics.median)(a[figure] / b[figure] for a, b in pairs if b[figure])


def tables(results):
    """Set and act in words, and the runs of each peer, in the order in which they were made."""
    for name, cells in results.items():
        for act in dict.fromkeys(a for a, _ in cells):
            what, _, how = act.partition("/")
            yield f"{name}, {ACTS[what]}{HOW[how]}", {peer: runs for (a, peer), runs in cells.items() if a == act}


def cell(runs, key, digits):
    value = median(runs, key)
    return f"{value:.{digits}f}" if value or key != "serve" else "–"


def show(results, out):
    for title, rows in tables(results):
        print(f"\n### {title}\n", file=out)
        print("| | " + " | ".join(t for _, t, _ in FIGURES) + " |\n| --- |" + " ---: |" * len(FIGURES), file=out)
        for peer, runs in rows.items():
            print(f"| {peer} | " + " | ".join(cell(runs, k, d) for k, _, d in FIGURES) + " |", file=out)
    print("\n### Bars\n\n| data | act | figure | | against | ratio | bar | |\n| --- | --- | --- | --- | --- | ---: | ---: | --- |",
          file=out)
    for bar in BARS:
        r = ratio(results, bar)
        verdict = "not run" if r is None else "met" if r <= bar[5] else "MISSED"
        print(f"| {' | '.join(x or 'by itself' for x in bar[:5])} | {'' if r is None else f'{r:.3f}'} | {bar[5]} | {verdict} |", file=out)


def plot(results):
    """Wall time of each act as bars, one group for each set and act; longer than the longest of four times the median is cut."""
    groups = [(title, {peer: median(runs, "wall") for peer, runs in rows.items()}) for title, rows in tables(results)]
    line, left, width, y, parts = 16, 170, 520, 10, []
    for title, rows in groups:
        parts.append(f'<text x="4" y="{y + 12}" font-weight="bold">{title}</text>')
        y += line + 4
        most = max(rows.values())
        for peer, wall in sorted(rows.items(), key=lambda x: x[1]):
            colour = "#b5482a" if peer.startswith("zaibei") else "#8a97a6"
            parts.append(f'<text x="16" y="{y + 12}">{peer}</text><rect x="{left}" y="{y + 2}" width="{wall / most * width:.1f}" '
                         f'height="{line - 4}" fill="{colour}"/><text x="{left + wall / most * width + 6:.1f}" y="{y + 12}">'
                         f'{wall:.2f} s</text>')
            y += line
        y += 10
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{y}" font-family="sans-serif" '
            f'font-size="12"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n')


def kept(path):
    """Results of earlier runs: set to act and peer to runs."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        return {name: {tuple(key): runs for key, runs in cells} for name, cells in json.load(f).items()}


def keep(path, results):
    both = {**kept(path), **results}
    with open(f"{path}.new", "w", encoding="utf-8") as f:
        json.dump({name: list(cells.items()) for name, cells in both.items()}, f)
    os.replace(f"{path}.new", path)


def write(results, options, docs):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    with open(f"{docs}/benchmarks.svg", "w") as f:
        f.write(plot(results))
    with open(f"{docs}/BENCHMARKS.md", "w") as f:
        print(f"""<!-- Generated by tests/bench/peers.py. Do not edit; run make bench again. -->

# Benchmarks

Made by `make bench` at {commit} on {os.cpu_count()} processors ({platform.release()}), median of {options.rounds} rounds (rdiff-backup, edits and the
sets of small files once). All
programs with their own defaults, through the same OpenSSH server on loopback, one after the other on the same data; what says
100 Mbit/s, over a pair of veth devices with a token bucket at either end. CPU is that of both ends, and beside it per GB of
source; peak is the sum of the peaks of all processes on the host's side, far that of what sshd started for it (– where sshd itself
does it), both looked at each 50 ms; wire is everything that went over the link, both ways; stored is the repository after the
act. Edits are 30 incrementals of the database, each after a thousand writes. Nothing is asserted: a bar that is missed stands
here as missed.

![Wall time](benchmarks.svg)""", file=f)
        show(results, f)
