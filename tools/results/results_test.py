import json
import os
import tempfile
import unittest

from tools.results import results


def configured(label):
    return {"id": {"targetConfigured": {"label": label}}, "configured": {"testSize": "SMALL"}}


def library(label):
    return {"id": {"targetConfigured": {"label": label}}, "configured": {"targetKind": "cc_library rule"}}


def ended(label, status):
    return {"id": {"testSummary": {"label": label}}, "testSummary": {"overallStatus": status}}


class ResultsTest(unittest.TestCase):
    def test_counts_targets_of_all_runs(self):
        plain = results.Run([configured("//a:t"), ended("//a:t", "PASSED")], 0)
        sanitize = results.Run([configured("//a:t"), ended("//a:t", "PASSED")], 0)
        self.assertEqual(results.summarize([("plain", plain), ("sanitize", sanitize)]), (["2 passed, 0 failed"], 0))

    def test_names_a_test_that_passed_at_its_second_attempt(self):
        lines, code = results.summarize([("plain", results.Run([configured("//a:t"), ended("//a:t", "FLAKY")], 0))])
        self.assertEqual((lines[-1], code), ("1 passed, 0 failed", 0))
        self.assertIn("//a:t", lines[0])

    def test_fails_when_a_test_fails_or_times_out(self):
        for status in ["FAILED", "TIMEOUT", "INCOMPLETE", "NO_STATUS"]:
            run = results.Run([configured("//a:t"), ended("//a:t", status)], 3)
            lines, code = results.summarize([("plain", run)])
            self.assertEqual((lines[-1], code), ("0 passed, 1 failed", 1))
            self.assertIn("//a:t", lines[0])

    def test_a_test_that_did_not_build_failed(self):
        run = results.Run([configured("//a:t"), configured("//a:u"), library("//a:l"), ended("//a:u", "PASSED")], 1)
        self.assertEqual(run.failed, {"//a:t": "did not build"})
        self.assertEqual(run.passed, {"//a:u"})

    def test_a_build_that_breaks_without_any_test_failed(self):
        self.assertEqual(results.summarize([("plain", results.Run([], 1))])[0][-1], "0 passed, 1 failed")
        broken_library = results.Run([configured("//a:t"), ended("//a:t", "PASSED")], 1)
        self.assertEqual(results.summarize([("plain", broken_library)])[0][-1], "1 passed, 1 failed")

    def test_fails_when_no_test_ran(self):
        lines, code = results.summarize([("plain", results.Run([library("//a:l")], 4))])
        self.assertEqual((lines[-1], code), ("0 passed, 0 failed", 1))

    def test_a_run_without_tests_beside_one_with_tests_is_fine(self):
        plain = results.Run([configured("//a:t"), ended("//a:t", "PASSED")], 0)
        self.assertEqual(results.summarize([("plain", plain), ("sanitize", results.Run([], 4))])[1], 0)

    def test_reads_what_is_there_of_files_cut_short(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "events")
            with open(path, "w", encoding="utf-8") as out:
                out.write(json.dumps(configured("//a:t")) + '\n{"id": {"testSu')
            self.assertEqual(len(results.read_events(path)), 1)
            self.assertEqual(results.read_exit_code(path + ".code"), 37)
            self.assertEqual(results.main(["plain=" + path]), 1)


if __name__ == "__main__":
    unittest.main()
