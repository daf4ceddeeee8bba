#!/usr/bin/env python3
"""Changes the rules of Prometheus in small ways, and counts which changes their tests notice.

    scripts/rule-mutants/run.py [--promtool PATH] [RULE...]

Each change is one mutant: a comparison flipped, a number made ten times as large, a matcher or a clause left out, a label misspelt, a
`for` halved, another severity. A mutant that passes the tests of its rule has survived. Exits with 1 if more than one in twenty do, or if
one does that equivalent.yml does not explain.
"""

import argparse
import concurrent.futures
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import yaml

import promql
from files import Rules

LEAST_SCORE = 0.95
# Each process of promtool takes this many test files, so that its start costs little.
BATCH = 24
OTHER_SEVERITY = {"critical": "warning", "warning": "info", "info": "critical"}
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def seconds(duration):
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([dhms])", str(duration)))


def mutants(rule):
    """Pairs of a description and a changed rule."""
    for what, expr in promql.mutants(rule["expr"]):
        yield what, {**rule, "expr": expr}
    if seconds(rule.get("for", "0s")):
        half = seconds(rule["for"]) // 2
        yield f"`for` of {rule['for']} is halved", {**rule, "for": f"{half}s"}
    for label, value in rule.get("labels", {}).items():
        changed = copy.deepcopy(rule)
        if label == "severity":
            changed["labels"][label] = OTHER_SEVERITY[value]
            yield f"severity {value} becomes {OTHER_SEVERITY[value]}", changed
        else:
            del changed["labels"][label]
            yield f"its label {label} is left out", changed


class Run:
    """Test files in a folder in memory, and what promtool says of each."""

    def __init__(self, promtool, folder):
        self.promtool, self.folder, self.paths = promtool, pathlib.Path(folder), []

    def add(self, rules, tests):
        """Writes the files of one mutant; returns their paths."""
        folder = self.folder / str(len(self.paths))
        folder.mkdir()
        (folder / "rules.json").write_text(json.dumps(rules))
        paths = []
        for number, test in enumerate(tests):
            path = folder / f"test{number}.json"
            path.write_text(json.dumps(test))
            paths.append(str(path))
        self.paths.append(paths)
        return paths

    def verdicts(self):
        """Path -> what promtool printed of that file."""
        paths = [path for paths in self.paths for path in paths]
        batches = [paths[at : at + BATCH] for at in range(0, len(paths), BATCH)]
        verdicts = {}
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for verdict in pool.map(self.promtool_says, batches):
                verdicts.update(verdict)
        return verdicts

    def promtool_says(self, paths):
        done = subprocess.run(
            [self.promtool, "test", "rules", *paths],
            # It names the file on the one and what failed on the other.
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        parts = re.split(r"^Unit Testing:\s+(\S+)$", done.stdout, flags=re.M)[1:]
        verdict = dict(zip(parts[::2], parts[1::2]))
        if set(verdict) != set(paths):
            sys.exit(f"promtool did not get through its files: {done.stdout[-2000:]}")
        return verdict


def explanations():
    """(rule, mutant) -> why it is no other rule."""
    path = pathlib.Path(__file__).with_name("equivalent.yml")
    known = {}
    for entry in yaml.safe_load(path.read_text()) or []:
        for rule, changes in entry["mutants"].items():
            for change in changes:
                known[rule, change] = entry["reason"]
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--promtool", default="promtool")
    parser.add_argument("rules", nargs="*", help="only of these rules, by name")
    arguments = parser.parse_args()
    started = time.monotonic()
    rules = Rules()
    unknown = set(arguments.rules) - set(rules.rules)
    if unknown:
        sys.exit(f"there is no rule {', '.join(sorted(unknown))}")
    wanted = arguments.rules or list(rules.rules)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        run = Run(arguments.promtool, folder)
        cases = []
        for name in wanted:
            rule = rules.rules[name]
            for what, mutant in [("unchanged", rule), *mutants(rule)]:
                files = run.add(*rules.case(name, mutant))
                cases.append((name, what, files))
        verdicts = run.verdicts()
    sys.exit(report(cases, verdicts, explanations(), bool(arguments.rules), time.monotonic() - started))


def report(cases, verdicts, known, is_part, elapsed):
    """Prints what became of each mutant that needs attention, and the score; returns the exit status."""
    killed, survivors, problems = 0, [], []
    for name, what, files in cases:
        said = "".join(verdicts[path] for path in files)
        has_failed = "FAILED" in said
        if what == "unchanged":
            if has_failed or not files:
                problems.append(f"{name}: {'its tests fail without a change: ' + said if files else 'it has no test'}")
        elif "could not parse expression" in said or "parse error" in said:
            problems.append(f"{name}: {what}: the mutant is not valid: {said.strip()}")
        elif has_failed:
            killed += 1
        else:
            survivors.append((name, what))
    for name, what in survivors:
        if (name, what) not in known:
            problems.append(f"{name}: {what}, and no test notices")
    gone = set(known) - set(survivors)
    if not is_part:
        problems += [f"equivalent.yml explains {name}: {what}, which does not survive" for name, what in sorted(gone)]
    count = killed + len(survivors)
    score = killed / count if count else 0
    explained = sum(1 for survivor in survivors if survivor in known)
    if score < LEAST_SCORE:
        problems.append(f"the score is below {LEAST_SCORE:.0%}")
    print("\n".join(problems))
    for reason in sorted({known[one] for one in survivors if one in known}):
        print(f"{sum(1 for one in survivors if known.get(one) == reason):4} survive, explained: {reason}")
    print(
        f"{count} mutants of {len({name for name, *_ in cases})} rules: {killed} killed, {explained} explained, "
        f"{len(survivors) - explained} not explained; score {score:.1%}, in {elapsed:.0f} s"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    main()
