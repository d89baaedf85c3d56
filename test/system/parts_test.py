"""What the run of a whole system relies on must be read and written correctly."""

import os
import unittest

import documents
import faults
import lifecycle
import quickstart
import sandbox
import steps
import traffic
import tree

_ROOT = os.path.join(os.environ["TEST_SRCDIR"], os.environ["TEST_WORKSPACE"])


def read(path):
    with open(os.path.join(_ROOT, path), encoding="utf-8") as file:
        return file.read()


class DocumentsTest(unittest.TestCase):
    def test_finds_the_lines_that_beginners_type(self):
        lines = documents.block(read("README.md"), "quickstart")
        self.assertTrue(lines[0].startswith("apt install"))
        self.assertTrue(any("ddskeyctl setup" in line for line in lines))
        self.assertIn("ddskeyctl doctor", documents.block(read("README.md"), "quickstart-look"))

    def test_refuses_a_block_that_is_not_there(self):
        with self.assertRaises(steps.Failure):
            documents.block(read("README.md"), "nothing")

    def test_replaces_only_what_is_between_its_marks(self):
        text = "a\n<!-- t: begin -->\nold\n<!-- t: end -->\nb\n"
        self.assertEqual(documents.between(text, "t", "new\n"), text.replace("old", "new"))
        with self.assertRaises(steps.Failure):
            documents.between(text, "u", "new\n")

    def test_shortens_what_is_long(self):
        self.assertEqual(quickstart.shortened("a\n\nb \n"), ["a", "b"])
        long = quickstart.shortened("\n".join(str(number) for number in range(100)))
        self.assertEqual(long, ["0", "1", "[88 more lines]"] + [str(number) for number in range(90, 100)])


class TrafficTest(unittest.TestCase):
    def test_counts_what_ddsperf_says(self):
        line = ("[19] 1.003  size 1024 total 755 lost 2 delta 700 lost 1 rate 0.75 kS/s 6.18 Mb/s\n"
                "[19] 1.003  rss:10.8MB vcsw:1259\n[19] participant vm:20: new\n")
        self.assertEqual(traffic.counts(line), [(755, 2, 700)])
        self.assertEqual(traffic.counts("[19] participant vm:20: new\n"), [])


class SandboxTest(unittest.TestCase):
    def test_names_a_line_of_the_unit_for_each_attempt(self):
        lines = sandbox.properties(read("systemd/ddskeyd.service"))
        for attempt, line, _ in sandbox.ATTEMPTS:
            self.assertTrue(any(other == line or line.endswith("=") and other.startswith(line) for other in lines),
                            "%s: %s" % (attempt, line))

    def test_takes_the_sandbox_of_a_unit_and_nothing_else(self):
        unit = ("[Unit]\nAfter=a\n[Service]\n# Why\nExecStart=/a\nWatchdogSec=3\nUser=ddskeyd\nNoExecPaths=/\n"
                "[Install]\nAlso=b\n")
        self.assertEqual(sandbox.properties(unit), ["User=ddskeyd", "NoExecPaths=/"])

    def test_reads_what_the_probe_says(self):
        self.assertEqual(sandbox.results("a b\trefused\tEPERM\nnothing\tallowed\t\n"),
                         {"a b": (True, "EPERM"), "nothing": (False, "")})


class ReportTest(unittest.TestCase):
    def test_shows_what_is_wrong_in_the_table(self):
        rows = [faults.Row("none", "-", 0.25, 0, 3000), faults.Row("a fault", "fine", None, None, None, "lost")]
        table = faults.table(rows)
        self.assertIn("| none | - | 0.2 s | 0 of 3000 |", table)
        self.assertIn("| a fault | lost | - | - |", table)


class ListsTest(unittest.TestCase):
    def test_tells_what_is_installed_from_what_apt_only_finds(self):
        installed, archive = tree.package_lists("# A\na\n\n# [archive] B\nb  # why\nc\n")
        self.assertEqual((installed, archive), (["a"], ["b", "c"]))

    def test_knows_the_packages_of_a_machine(self):
        with self.assertRaises(steps.Failure):
            lifecycle.built(os.path.join(_ROOT, "systemd"))


if __name__ == "__main__":
    unittest.main()
