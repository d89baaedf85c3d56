"""Holds a text to OpenMetrics 1.0.0 as far as counters, gauges, histograms and infos go; says what is wrong, and fails."""

import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}(?:,{LABEL})*)?)\}})? (\S+)")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?)|\+Inf")
SUFFIXES = {
    "counter": ["_total"],
    "gauge": [""],
    "info": ["_info"],
    "histogram": ["_bucket", "_sum", "_count"],
}


class Family:
    """A family of metrics, with what was said of it until now."""

    def __init__(self, name):
        self.name = name
        self.said = {}
        self.samples = {}
        self.buckets = {}

    def describe(self, what, text):
        assert not self.samples, f"{what} of {self.name} after its samples"
        assert what not in self.said, f"two {what} of {self.name}"
        self.said[what] = text
        if what == "TYPE":
            assert text in SUFFIXES, f"{self.name} is of the unknown type {text}"
        elif what == "UNIT":
            assert self.name.endswith("_" + text), f"{self.name} does not end with its unit {text}"
        else:
            assert not re.search(r'(?<!\\)(\\\\)*(\\[^\\n"]|")', text), f"HELP of {self.name} is not escaped"

    def add(self, suffix, labels, number):
        assert suffix in SUFFIXES[self.said["TYPE"]], f"{self.name}{suffix} does not fit its type"
        key = (suffix, tuple(sorted(labels.items())))
        assert key not in self.samples, f"{self.name}{suffix} {labels} is there twice"
        assert self.said["TYPE"] == "gauge" or float(number) >= 0, f"{self.name} is negative"
        self.samples[key] = float(number)
        if suffix == "_bucket":
            rest = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
            self.buckets.setdefault(rest, []).append((float(labels["le"]), float(number)))

    def finish(self):
        for rest, buckets in self.buckets.items():
            assert buckets == sorted(buckets), f"the buckets of {self.name} do not rise"
            assert [n for _, n in buckets] == sorted(n for _, n in buckets), f"{self.name} is not cumulative"
            assert buckets[-1][0] == float("inf"), f"{self.name} has no bucket +Inf"
            assert self.samples[("_count", rest)] == buckets[-1][1], f"{self.name}_count is not its last bucket"
            assert ("_sum", rest) in self.samples, f"{self.name} has no sum"


def parse_labels(text):
    labels = {}
    for name, value in re.findall(LABEL, text or ""):
        assert name not in labels, f"two labels {name}"
        labels[name] = value
    return labels


def check(text):
    assert text.endswith("\n# EOF\n"), "the end is not said"
    families = {}
    family = None
    for line in text[: -len("# EOF\n")].splitlines():
        described = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)", line)
        if described:
            what, name, rest = described.groups()
            if family is None or family.name != name:
                assert name not in families, f"{name} is in two places"
                family = families[name] = Family(name)
            family.describe(what, rest)
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, f"no line of OpenMetrics: {line}"
        name, number = sample[1], sample[sample.lastindex]
        assert family is not None and name.startswith(family.name), f"{name} is of no family, or of another one"
        assert NUMBER.fullmatch(number), f"{number} is no number"
        family.add(name[len(family.name) :], parse_labels(sample[2]), number)
    for family in families.values():
        family.finish()
    return families


def main():
    families = check(sys.stdin.buffer.read().decode("utf-8"))
    print(f"{len(families)} families")


if __name__ == "__main__":
    main()
