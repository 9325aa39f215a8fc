"""Makes the tables of build.sh: medians, ratios to the peer, peak memory, and where the time of a cold build goes."""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

results, out, rounds = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
seconds, memory = defaultdict(list), defaultdict(int)
for line in results.read_text().splitlines():
    name, took, kib = line.split()
    seconds[name].append(float(took))
    memory[name] = max(memory[name], int(kib))


def median(name):
    return statistics.median(seconds[name]) if seconds[name] else float("nan")


def peer(kind, *steps):
    return sum(median(f"{kind}.{step}") for step in steps)


def duration(value):
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def row(what, name, against, goal):
    ratio = f"{median(name) / against:.2f} ×" if against else "–"
    peer_text = duration(against) if against else "–"
    print(f"| {what} | {duration(median(name))} | {peer_text} | {ratio} | {goal} | {memory[name] / 1024:.0f} MiB |")


TREE = ("mmdebstrap", "untar", "mke2fs")
ALL = (*TREE, "sha256", "zstd")
print(f"Medians of {rounds} alternating rounds; memory is that of the largest process.\n")
print("| what | blueprint | peer | ratio | goal | peak memory |")
print("|---|---|---|---|---|---|")
row("cold: packages to a hashed, compressed ext4, against mmdebstrap + untar + mke2fs -d", "cold", peer("peer-cold", *TREE), "≤ 0.50 ×")
row("the same, against those and openssl sha256 + zstd -3 -T2", "cold", peer("peer-cold", *ALL), "")
row(".debs at hand, against mmdebstrap + untar + mke2fs -d with its .debs at hand", "debs", peer("peer-debs", *TREE), "≤ 0.35 ×")
row("nothing changed", "nothing", 0, "≤ 50 ms")
row("an 8 KiB file of the last layer changed", "file", 0, "≤ 100 ms")

print("\nThe peer's steps:\n\n| step | cold | .debs at hand |\n|---|---|---|")
for step in ALL:
    print(f"| {step} | {duration(median('peer-cold.' + step))} | {duration(median('peer-debs.' + step))} |")


def stages(path):
    """(stage, seconds) in the order of their beginning, from the events of --progress json."""
    begun, order, took = {}, [], {}
    for line in path.read_text(errors="replace").splitlines():
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        stage = event.get("stage")
        if event.get("event") == "started":
            begun[stage] = event["seconds"]
            order.append(stage)
        elif event.get("event") == "finished" and stage in begun:
            took[stage] = event["seconds"] - begun[stage]
    return [(stage, took[stage]) for stage in order if stage in took]


for name, title in (("cold", "a cold build"), ("debs", "a build with .debs at hand")):
    path = out / f"{name}.err"
    if path.is_file():
        print(f"\nWhere the last round's time of {title} goes (stages nest and overlap):\n\n| stage | time |\n|---|---|")
        for stage, took in stages(path):
            print(f"| {stage} | {duration(took)} |")
