"""Small fleets that were measured, and what the simulation says about them.

docs/benchmarks.md has what was measured: participants of Cyclone DDS in real processes with the real daemon, on a
machine with two cores. FITTED rows gave two figures of figures.py; PREDICTED ones gave none.
"""

import dataclasses
import re

from scenario import Scenario

# How far a prediction may be from what was measured, as a factor.
FACTOR = 1.25

_MACHINE = {"boot_spread": 0.0, "cores": 2, "one_machine": True}


@dataclasses.dataclass(frozen=True)
class Case:
    """A row of docs/benchmarks.md, known by how it begins, and the fleet that it was measured with."""

    row: str
    scenario: Scenario


def _host(participants, device):
    return Scenario(robots=1, participants=participants, neighbours=0, peers=0, device=device, **_MACHINE)


FITTED = [
    Case("20 participants at once, last match", _host(20, "software")),
    Case("50 participants, software keys, last match", _host(50, "software")),
]
PREDICTED = [
    Case("start to first match, 2 participants", _host(2, "software")),
    Case("20 participants, TPM of 20 signatures a second", _host(20, "tpm")),
    # A thousand signatures a second.
    Case("20 participants, TPM of 1,000 signatures a second", _host(20, "swtpm-abrmd")),
    Case("2 hosts with 10 participants each",
         Scenario(robots=2, participants=10, neighbours=1, peers=10, device="tpm", **_MACHINE)),
]


def measured(page, case):
    """Seconds that the row of `case` in `page`, the text of docs/benchmarks.md, has in its column "ours"."""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 1 and cells[0].startswith(case.row):
            number, unit = re.match(r"([0-9.]+) (ms|s)\b", cells[1]).groups()
            return float(number) / (1000 if unit == "ms" else 1)
    raise ValueError("docs/benchmarks.md has no row that begins with: " + case.row)
