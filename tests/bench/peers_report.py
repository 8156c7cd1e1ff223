"""Tables, bars and a plot from what the bench measured."""
import os
import platform
import statistics
import subprocess

ACTS = {"full": "full", "same": "no change", "changed": "changed", "anew": "full of what it became", "restore": "restore"}
FIGURES = (("wall", "wall s", 2), ("cpu", "CPU s", 2), ("peak", "peak MiB", 0), ("wire", "wire MB", 1), ("stored", "stored MB", 0))

# set, act, figure, the product, against whom, at most
BARS = [
    *((s, "full", "wall", z, "tar-zstd-ssh", bar) for s in ("tree", "database")
      for z, bar in (("zaibei", 1.15), ("zaibei-openssh", 0.95))),
    *((s, "full", "wall", z, "restic", bar) for s in ("tree", "database")
      for z, bar in (("zaibei", 0.55), ("zaibei-openssh", 0.5))),
    ("tree", "full", "wall", "zaibei", "borg", 0.4),
    ("database", "full", "wall", "zaibei", "borg", 0.6),
    ("database", "full", "wall", "zaibei-openssh", "borg", 0.5),
    *((s, "full", "stored", "zaibei", "restic", 1.05) for s in ("tree", "database")),
    ("tree", "same", "wall", "zaibei", "restic", 0.25),
    ("tree", "same", "wall", "zaibei", "borg", 0.1),
    ("tree", "same", "wall", "zaibei", "find-and-ssh", 2.5),
    ("tree", "changed", "wall", "zaibei", "restic", 0.4),
    ("tree", "changed", "wire", "zaibei", "restic", 0.5),
    *(("tree", "changed", "wire", "zaibei", p, 1.0) for p in ("borg", "rsync", "rdiff-backup")),
    ("database", "changed", "wall", "zaibei", "restic", 0.45),
    ("database", "changed", "wire", "zaibei", "restic", 0.02),
    ("database", "changed", "wire", "zaibei", "rdiff-backup", 0.4),
    ("tree", "restore", "wall", "zaibei", "restic", 0.4),
    ("database", "restore", "wall", "zaibei", "restic", 0.6),
    ("dump", "changed", "wire", "zaibei", "restic", 0.03),
    ("dump", "changed", "wall", "zaibei", "restic", 1.0),
    ("random", "full", "wall", "zaibei", "restic", 0.7),
    ("random", "full", "wall", "zaibei-openssh", "restic", 0.5),
    ("replaced", "changed", "wall", "zaibei", "full of it", 1.3),
]


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def ratio(results, bar):
    """The median of the rounds' ratios, or None when one of the two was not measured."""
    at, act, figure, product, peer, _ = bar
    mine = results.get(at, {}).get((act, product))
    other = results.get(at, {}).get(("anew", product) if peer == "full of it" else (act, peer))
    if not mine or not other:
        return None
    pairs = list(zip(mine, other)) if len(mine) == len(other) else [(m, other[0]) for m in mine]
    return statistics.median(a[figure] / b[figure] for a, b in pairs if b[figure])


def show(results, out):
    for name, cells in results.items():
        for act, title in ACTS.items():
            rows = {peer: runs for (a, peer), runs in cells.items() if a == act}
            if not rows:
                continue
            print(f"\n### {name}, {title}\n", file=out)
            print("| | " + " | ".join(t for _, t, _ in FIGURES) + " |\n| --- |" + " ---: |" * len(FIGURES), file=out)
            for peer, runs in rows.items():
                print(f"| {peer} | " + " | ".join(f"{median(runs, k):.{d}f}" for k, _, d in FIGURES) + " |", file=out)
    print("\n### Bars\n\n| data | act | figure | | against | ratio | bar | |\n| --- | --- | --- | --- | --- | ---: | ---: | --- |",
          file=out)
    for bar in BARS:
        r = ratio(results, bar)
        verdict = "not run" if r is None else "met" if r <= bar[5] else "MISSED"
        print(f"| {' | '.join(bar[:5])} | {'' if r is None else f'{r:.3f}'} | {bar[5]} | {verdict} |", file=out)


def plot(results):
    """Wall time of each act as bars, one group for each set and act; longer than the longest of four times the median is cut."""
    groups = []
    for name, cells in results.items():
        for act, title in ACTS.items():
            rows = {p: median(r, "wall") for (a, p), r in cells.items() if a == act}
            if rows:
                groups.append((f"{name}, {title}", rows))
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


def write(results, options, docs):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    with open(f"{docs}/benchmarks.svg", "w") as f:
        f.write(plot(results))
    with open(f"{docs}/BENCHMARKS.md", "w") as f:
        print(f"""<!-- Generated by tests/bench/peers.py. Do not edit; run make bench again. -->

# Benchmarks

Made by `make bench` at {commit} on {os.cpu_count()} processors ({platform.release()}), median of {options.rounds} rounds (rdiff-backup once). All
programs with their own defaults, through the same OpenSSH server on loopback, one after the other on the same data. CPU is that of
both ends; peak is the largest process on the host's side; wire is everything that went over the loopback, both ways; stored is
the repository after the act. Nothing is asserted: a bar that is missed stands here as missed.

![Wall time](benchmarks.svg)""", file=f)
        show(results, f)
