"""Prints the line coverage of folders from an lcov report.

coverage.py [--lines] REPORT FOLDER=PERCENT...

One line a file, and one a folder; with --lines also the lines that no test ran. The exit status is 1 if a folder has
fewer than PERCENT of its lines covered, or none at all.
"""

import os
import re
import sys

# What tests are made of does not count.
_TESTS = re.compile(r"(_test|_fixture|/test_secrets)\.(cc|h)$")


def read_report(text):
    """Returns {file: {line: times run}} of an lcov report."""
    files = {}
    lines = {}
    for record in text.splitlines():
        tag, _, value = record.partition(":")
        if tag == "SF":
            lines = files.setdefault(value, {})
        elif tag == "DA":
            number, count = value.split(",")[:2]
            lines[int(number)] = lines.get(int(number), 0) + int(count)
    return files


def percent(lines):
    """Which part of `lines` was run."""
    return 100.0 * sum(1 for count in lines.values() if count) / len(lines)


def ranges(numbers):
    """Writes sorted numbers as "1-3, 7"."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else "%d-%d" % (first, last) for first, last in parts)


def row(name, lines):
    """One line of the table."""
    covered = sum(1 for count in lines.values() if count)
    return "%-50s %5d of %5d lines  %5.1f %%" % (name, covered, len(lines), percent(lines))


def report(files, goals, with_lines):
    """Returns (the lines to print, whether every folder reaches its goal)."""
    out = []
    reached = True
    for folder, goal in goals.items():
        total = {}
        for path in sorted(files):
            if os.path.dirname(path) != folder or _TESTS.search(path) or not files[path]:
                continue
            out.append(row(path, files[path]))
            missed = sorted(number for number, count in files[path].items() if not count)
            if with_lines and missed:
                out.append("    not run: " + ranges(missed))
            total.update({(path, number): count for number, count in files[path].items()})
        good = bool(total) and percent(total) >= goal
        reached = reached and good
        out.append(row(folder + " (goal: %g %%)" % goal, total) if total else folder + ": nothing was measured")
    return out, reached


def main(arguments):
    """Runs the program."""
    with_lines = "--lines" in arguments
    path, *goals = [argument for argument in arguments if argument != "--lines"]
    with open(path, encoding="utf-8") as file:
        files = read_report(file.read())
    wanted = {}
    for goal in goals:
        folder, _, number = goal.partition("=")
        wanted[folder] = float(number)
    out, reached = report(files, wanted, with_lines)
    print("\n".join(out))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
