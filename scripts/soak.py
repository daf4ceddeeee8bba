#!/usr/bin/env python3
"""Drives the running stack with the demo's traffic for a long time and prints how much of the machine the backend holds.

    scripts/soak.py [--minutes 60] [--rate 5] [--backend http://127.0.0.1:8000] -- COMMAND...

COMMAND is the demo without its `--rate` and `--for`, for instance `./run.sh demo`. Reads the backend's own page of metrics every
15 s and prints a table of Markdown with the mean of each sixth of the time; exits with 1 if a resource grew, that is if its mean in
the last sixth exceeds the one in the second (the first is the warm-up) by more than a tenth and more than its slack.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
import urllib.request

EVERY_SECONDS = 15
PARTS = 6
# Metric, heading, divisor, and what a busy moment may add: MiB, descriptors, threads.
RESOURCES = [
    ("process_resident_memory_bytes", "resident memory, MiB", 1 << 20, 16),
    ("process_open_fds", "file descriptors", 1, 8),
    ("process_threads", "threads", 1, 4),
]
REQUESTS = re.compile(r"^http_requests_total\{.*\} (\S+)$", re.MULTILINE)


def read(backend):
    """The readings of RESOURCES, and the number of requests answered so far."""
    with urllib.request.urlopen(f"{backend}/metrics", timeout=10) as page:
        text = page.read().decode()
    values = []
    for name, _, divisor, _ in RESOURCES:
        found = re.search(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)
        if not found:
            sys.exit(f"{backend}/metrics has no {name}; the soak reads the backend's own metrics")
        values.append(float(found.group(1)) / divisor)
    return values, sum(float(count) for count in REQUESTS.findall(text))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--rate", type=float, default=5)
    arguments.add_argument("--backend", default="http://127.0.0.1:8000")
    arguments.add_argument("command", nargs="+")
    arguments = arguments.parse_args()

    demo = subprocess.Popen(
        [*arguments.command, "--rate", str(arguments.rate), "--for", f"{round(arguments.minutes * 60)}s"],
        stdout=subprocess.DEVNULL,
    )
    samples = []
    began = time.monotonic()
    try:
        while demo.poll() is None:
            samples.append(read(arguments.backend))
            time.sleep(EVERY_SECONDS)
    finally:
        if demo.poll() is None:
            demo.terminate()
    if demo.returncode != 0:
        sys.exit(f"the demo ended with status {demo.returncode}")
    if len(samples) < 2 * PARTS:
        sys.exit(f"{len(samples)} samples are too few; give it more --minutes")

    minutes = (time.monotonic() - began) / 60 / PARTS
    size = len(samples) // PARTS
    parts = [samples[index * size : (index + 1) * size] for index in range(PARTS)]
    print("| Minutes | requests | " + " | ".join(heading for _, heading, _, _ in RESOURCES) + " |")
    print("|---|---|" + "---|" * len(RESOURCES))
    means = []
    for index, part in enumerate(parts):
        means.append([statistics.mean(values[column] for values, _ in part) for column in range(len(RESOURCES))])
        cells = " | ".join(f"{mean:.1f}" for mean in means[-1])
        print(f"| {index * minutes:.0f} to {(index + 1) * minutes:.0f} | {part[-1][1] - part[0][1]:.0f} | {cells} |")

    grew = False
    for column, (_, heading, _, slack) in enumerate(RESOURCES):
        before, after = means[1][column], means[-1][column]
        if after > before * 1.1 and after > before + slack:
            print(f"{heading} grew from {before:.1f} to {after:.1f}", file=sys.stderr)
            grew = True
    sys.exit(1 if grew else 0)


main()
