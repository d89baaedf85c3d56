"""Counts what became of test targets in one or more Bazel runs.

results.py NAME=EVENTS...: EVENTS is a file that `bazel test --build_event_json_file` wrote; EVENTS.code beside it holds
Bazel's exit status. Prints the targets that failed, those that passed at a second attempt only, and, as its last line,
"N passed, N failed". The exit status is 0 only if tests ran and all passed.
"""

import json
import sys

# Of Bazel: a test that failed is counted by its target; no tests found is no failure of a run that filters them.
_BUILD_OR_TESTS_FAILED = {1, 3}
_OK = {0, 4}


class Run:
    """What the events of one Bazel run say about its test targets."""

    def __init__(self, events, exit_code):
        self.passed = set()
        self.flaky = set()
        self.failed = {}
        tests = set()
        ended = {}
        for event in events:
            ident = event.get("id", {})
            if "targetConfigured" in ident and "testSize" in event.get("configured", {}):
                tests.add(ident["targetConfigured"]["label"])
            elif "testSummary" in ident and "testSummary" in event:
                ended[ident["testSummary"]["label"]] = event["testSummary"].get("overallStatus", "NO_STATUS")
        for label in tests | set(ended):
            status = ended.get(label, "did not build")
            if status in ("PASSED", "FLAKY"):
                self.passed.add(label)
                if status == "FLAKY":
                    self.flaky.add(label)
            else:
                self.failed[label] = status.replace("_", " ").lower()
        broken = exit_code not in _OK and not self.failed
        if broken or exit_code not in _OK | _BUILD_OR_TESTS_FAILED:
            self.failed["the build"] = "bazel exited with status %d" % exit_code


def read_events(path):
    """Reads a file of one JSON event a line; a file cut short by a crash is read as far as it goes."""
    events = []
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                events.append(json.loads(line))
    except (OSError, ValueError):
        pass
    return events


def read_exit_code(path):
    """Reads Bazel's exit status; 37 (Bazel's own for a crash) if there is none."""
    try:
        with open(path, encoding="ascii") as text:
            return int(text.read())
    except (OSError, ValueError):
        return 37


def summarize(runs):
    """Returns (lines to print, exit status) for [(name, Run)]."""
    lines = []
    for name, run in runs:
        for label in sorted(run.flaky):
            lines.append("FLAKY %s (%s): passed at the second attempt; find out why" % (label, name))
        for label, why in sorted(run.failed.items()):
            lines.append("FAILED %s (%s): %s" % (label, name, why))
    passed = sum(len(run.passed) for _, run in runs)
    failed = sum(len(run.failed) for _, run in runs)
    if passed + failed == 0:
        lines.append("FAILED: no test ran")
    lines.append("%d passed, %d failed" % (passed, failed))
    return lines, 0 if passed and not failed else 1


def main(arguments):
    runs = []
    for argument in arguments:
        name, path = argument.split("=", 1)
        runs.append((name, Run(read_events(path), read_exit_code(path + ".code"))))
    lines, code = summarize(runs)
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
