"""Checks the commands in the documents of the tree that this test was started from: its own file says where that is.

Arguments: ddskeyctl, ddskeyd, ddskeyd-pkcs11, and the pages that run_page.py runs.
"""

import os
import sys

import commands
import option_tables
import pages

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def main(ctl, daemon, module, run_pages):
    programs = {
        "ddskeyctl": option_tables.Ctl.of(ctl),
        "ddskeyd": option_tables.Daemon.of("ddskeyd", daemon),
        "ddskeyd-pkcs11": option_tables.Daemon.of("ddskeyd-pkcs11", module),
        "./dev": commands.Dev(ROOT),
    }
    checker = commands.Checker(ROOT, programs, run_pages, os.path.abspath(daemon))
    read = list(pages.pages(ROOT))
    problems = [problem for page in read for problem in checker.problems(page)]
    with open(os.path.join(ROOT, "docs/man/ddskeyd.8"), encoding="utf-8") as file:
        manual = file.read().replace("\\-", "-")
    problems += ["docs/man/ddskeyd.8 does not have --" + option for option in programs["ddskeyd"].options()
                 if "--" + option not in manual]
    print("not run by anything:")
    for block, reason in commands.not_run(read):
        print("  %s: %s" % (block, reason))
    print("\n".join(problems) or "all other commands are run")
    return 1 if problems else 0


if __name__ == "__main__":
    if not os.path.exists(os.path.join(ROOT, "WORKSPACE")):
        sys.exit("no workspace at " + ROOT)
    sys.exit(main(*sys.argv[1:4], sys.argv[4:]))
