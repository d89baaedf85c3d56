"""Checks the links of the tree that this test was started from: its own file says where that is."""

import os
import sys

import links

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

if __name__ == "__main__":
    if not os.path.exists(os.path.join(ROOT, "WORKSPACE")):
        sys.exit("no workspace at " + ROOT)
    PROBLEMS = links.check(ROOT)
    print("\n".join(PROBLEMS) or "all links lead somewhere")
    sys.exit(1 if PROBLEMS else 0)
