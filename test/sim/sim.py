"""Simulates the start of a fleet: 1,000 robots with 30 participants each, unless told otherwise.

Says how many signatures the robots' devices make, when the pairs of participants are matched, how busy the devices are,
and what is refused or tried again; without and with vouching for participants of one host. docs/fleet.md has what came
of it, and what it assumes. The same seed gives the same figures.
"""

import argparse
import dataclasses
import multiprocessing
import os
import sys
import time

import calibration
import figures
import report
import storm
from scenario import Scenario

_DEFAULT = Scenario()
_OPTIONS = [
    ("robots", int, "how many robots there are"),
    ("participants", int, "participants on each, all of which meet each other"),
    ("neighbours", int, "how many robots each robot hears"),
    ("peers", int, "how many participants of a robot meet as many of each robot it hears"),
    ("device", str, "what makes signatures: %s" % ", ".join(sorted(figures.DEVICES))),
    ("boot_spread", float, "seconds within which the robots get their power"),
    ("stagger", float, "seconds from one participant's start to the next one's, on average"),
    ("cores", int, "processor cores of a robot"),
    ("loss", float, "part of the messages that is lost, and sent again after a second"),
    ("retry", float, "seconds after which a pending step is tried again"),
    ("retry_growth", float, "by what that grows each further time"),
    ("limit", float, "seconds after which a handshake is abandoned"),
    ("seed", int, "of what is left to chance"),
]

# What docs/fleet.md has in its table.
_TABLE = [("power comes back", {"device": device}) for device in ("tpm-slow", "tpm", "tpm-fast", "swtpm", "software")] + [
    ("the robots start within 10 minutes", {"boot_spread": 600.0}),
    ("a robot starts its participants one by one, a second apart", {"stagger": 1.0}),
    ("the same, 3 s apart", {"device": "tpm-slow", "stagger": 3.0}),
    ("pending steps are tried again after 1, 2, 4 ... s", {"retry_growth": 2.0}),
    ("a message in a hundred is lost", {"loss": 0.01}),
    ("each robot hears 60 others", {"neighbours": 60}),
]


def _run(work):
    what, scenario = work
    return what, storm.run(scenario)


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev sim", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, text in _OPTIONS:
        default = getattr(_DEFAULT, name)
        parser.add_argument("--" + name.replace("_", "-"), type=kind, default=default,
                            help="%s (%s)" % (text, default))
    parser.add_argument("--exact", action="store_true", help="play each question, also those that change nothing")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--vouching", choices=["no", "yes", "both"], default="both",
                       help="whether the daemon vouches for participants of its host to each other (both)")
    which.add_argument("--table", action="store_true", help="make the table of docs/fleet.md, of a fleet of this size")
    which.add_argument("--calibrate", metavar="PAGE",
                       help="compare with what was measured, as PAGE (docs/benchmarks.md) has it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many to simulate at once (one a core)")
    return parser.parse_args(arguments)


def _table(base, jobs):
    works = [(what, dataclasses.replace(base, vouching=vouching, **more)) for what, more in _TABLE
             for vouching in (False, True)]
    print(report.head(), flush=True)
    with multiprocessing.Pool(jobs, maxtasksperchild=1) as pool:
        for what, outcome in pool.imap(_run, works, chunksize=1):
            print(report.row(what, outcome), flush=True)


def _calibrate(path):
    with open(path, encoding="utf-8") as file:
        page = file.read()
    for kind, cases in (("fitted", calibration.FITTED), ("predicted", calibration.PREDICTED)):
        for case in cases:
            measured = calibration.measured(page, case)
            found = storm.run(case.scenario).matched_at(1)
            print("%-9s  %-50s  measured %6.2f s, simulated %6.2f s: %.2f" % (kind, case.row, measured, found,
                                                                            found / measured))


def main(arguments):
    options = _parse(arguments)
    base = Scenario(**{name: getattr(options, name) for name, _, _ in _OPTIONS}, exact=options.exact)
    try:
        base.check()
        if options.calibrate:
            _calibrate(options.calibrate)
            return 0
    except (OSError, ValueError) as problem:
        print("error: %s" % problem, file=sys.stderr)
        return 2
    if options.table:
        _table(base, options.jobs)
        return 0
    print("%d robots with %d participants each, device %s; each hears %d robots, by %d participants of each" % (
        base.robots, base.participants, base.device, base.neighbours, base.peers))
    for vouching in {"no": [False], "yes": [True], "both": [False, True]}[options.vouching]:
        began = time.monotonic()
        outcome = storm.run(dataclasses.replace(base, vouching=vouching))
        print("\n%s (%s events, %.0f s)" % ("with vouching for participants of one host" if vouching else "without vouching",
                                          report.count(outcome.events), time.monotonic() - began))
        print(report.text(outcome), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
