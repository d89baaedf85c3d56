"""Checks the tree that this test was started from: its own file, behind Bazel's links, says where that is."""

import os
import sys

from test.layering import layering

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

if __name__ == "__main__":
    if not os.path.exists(os.path.join(ROOT, "WORKSPACE")):
        sys.exit("no workspace at " + ROOT)
    sys.exit(layering.main([ROOT]))
