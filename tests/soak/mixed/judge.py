"""Judges a soak: python3 judge.py FOLDER. Prints its figures; the exit status is 0 where memory, descriptors and threads
are flat and nothing was lost or wrong.

Flat means: the line of least squares through the samples after the first fifth (warm-up: pools, tables and the allocator reach
their size) rises by no more than the bound from its beginning to its end, and the median of the last quarter is no more
than the bound above that of the first. Bounds:

- memory 5 % of its median, and 2 MiB at least. What clients hold at a moment differs by more from sample to sample; what
  is left of each request would show from 3 bytes on (2 MiB in some 700,000 answers), of each reload from 45 KiB on.
- descriptors 10: a hundredth of what the clients of an hour's soak leave if one in a hundred of those that break off
  keeps its own. Once all clients are gone, none may be left over: that is exact.
- threads 2: those for files come and go with the moment. In the end none may be left over, either.
"""

import csv
import json
import pathlib
import statistics
import sys

folder = pathlib.Path(sys.argv[1])
figures = json.loads((folder / "figures.json").read_text())
with open(folder / "samples.csv", newline="") as file:
    rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
count, before, after = figures["count"], figures["before"], figures["after"]
judged = rows[len(rows) // 5 :]
failed = []


def line(values):
    """What the regression rises by over all samples, and that figure's standard error were the samples independent."""
    at = [row["seconds"] for row in judged]
    slope, start = statistics.linear_regression(at, values)
    off = sum((value - start - slope * x) ** 2 for x, value in zip(at, values, strict=True)) / max(1, len(at) - 2)
    spread = sum((x - statistics.fmean(at)) ** 2 for x in at)
    return slope * (at[-1] - at[0]), (off / spread) ** 0.5 * (at[-1] - at[0])


def row(name, unit, bound):
    values = [row[name] / unit for row in judged]
    quarter = len(values) // 4
    medians = [statistics.median(values[at * quarter : (at + 1) * quarter or None]) for at in range(4)]
    rise, error = line(values)
    verdict = ""
    if bound is not None:
        flat = rise <= bound(statistics.median(values)) and medians[-1] - medians[0] <= bound(statistics.median(values))
        verdict = f"{'flat' if flat else 'RISES'} (at most {bound(statistics.median(values)):.1f})"
        if not flat:
            failed.append(f"{name} rises")
    cells = [f"{min(values):.1f}", *(f"{median:.1f}" for median in medians), f"{max(values):.1f}", f"{rise:+.2f} ± {error:.2f}"]
    print("| " + " | ".join([name, f"{before[name] / unit:.1f}", *cells, f"{after[name] / unit:.1f}", verdict]) + " |")


def memory(median):
    return max(0.05 * median, 2)


minutes = (judged[-1]["seconds"] - judged[0]["seconds"]) / 60
print(f"{figures['minutes']:g} minutes, of which the last {minutes:.0f} are judged, a sample each ten seconds\n")
print("| | before | least | median of quarter 1 | 2 | 3 | 4 | most | rise of the line | all gone | |")
print("|---|---|---|---|---|---|---|---|---|---|---|")
row("rss", 1024, memory)
row("pss", 1024, memory)
row("private_dirty", 1024, memory)
row("descriptors", 1, lambda _: 10)
row("threads", 1, lambda _: 2)
for name in ("connections", "tunnels", "upstream_connections", "upstream_waiting"):
    row(name, 1, None)
print()
for name, value in sorted(count.items()):
    print(f"{name:<32} {value}")
seconds = rows[-1]["seconds"] - rows[0]["seconds"]
print(f"{'right answers a second':<32} {count['answers right'] / seconds:.0f}")
print(f"{'CPU of gatepost':<32} {(rows[-1]['cpu_seconds'] - rows[0]['cpu_seconds']) / seconds:.1%} of a core")
for name, left in (("descriptors", 0), ("threads", 0)):
    if after[name] > before[name] + left:
        failed.append(f"{after[name]} {name} when all clients are gone, {before[name]} before the first")
for what in ("wrong", "lost"):
    if count.get(what):
        failed.append(f"{count[what]} {what}")
for error in figures["errors"]:
    print(f"  {error}")
print("\n" + ("; ".join(failed) if failed else "nothing lost, nothing wrong, flat"))
sys.exit(1 if failed else 0)
