#!/usr/bin/env python3
"""Summarises logs of `cargo test`: test-report.py LOG...

Prints the ten slowest tests, the tests that were not run, and in the last line the sum over all logs. The numbers are
those of cargo's `test result:` lines; a test that is ignored in one log and run in another is not skipped.
"""

import re
import sys

RUNNING = re.compile(r"^ *(?:Running (?:unittests )?\S+ \(\S*?([^/]+)-[0-9a-f]+\)|Doc-tests (\S+))$")
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
TEST = re.compile(r"^test (.+?) \.\.\. (ignored)?")
TIME = re.compile(r"<([0-9.]+)s>$")


def main(logs):
    passed = failed = 0
    left_out, taken, times = {}, set(), []
    for log in logs:
        program = test = "?"
        for line in open(log, errors="replace"):
            line = re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip())
            if found := RUNNING.match(line):
                program = found[1] or f"documentation of {found[2]}"
            elif found := RESULT.match(line):
                passed, failed = passed + int(found[1]), failed + int(found[2])
            elif found := TEST.match(line):
                test = f"{program} {found[1]}"
                if found[2]:
                    left_out[test] = line.partition("ignored, ")[2]
                else:
                    taken.add(test)
            if found := TIME.search(line):
                times.append((float(found[1]), test))
    print("\nThe slowest tests:")
    for seconds, test in sorted(times, reverse=True)[:10]:
        print(f"  {seconds:7.1f} s  {test}")
    skipped = sorted(set(left_out) - taken)
    if skipped:
        print("\nTests that were left out:")
    for test in skipped:
        print(f"  {test}" + (f": {left_out[test]}" if left_out[test] else ""))
    print(f"\ntests: {passed} passed, {failed} failed, {len(skipped)} skipped")


main(sys.argv[1:])
