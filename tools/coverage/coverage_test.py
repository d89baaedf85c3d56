import unittest

from tools.coverage import coverage

REPORT = """SF:a/x.cc
DA:1,2
DA:2,0
DA:3,0
DA:5,0
end_of_record
SF:a/x_test.cc
DA:1,0
end_of_record
SF:b/y.cc
DA:1,1
end_of_record
SF:a/x.cc
DA:2,1
end_of_record
"""


class CoverageTest(unittest.TestCase):
    def setUp(self):
        self.files = coverage.read_report(REPORT)

    def test_counts_of_a_line_are_added(self):
        self.assertEqual(self.files["a/x.cc"], {1: 2, 2: 1, 3: 0, 5: 0})

    def test_tests_do_not_count(self):
        out, _ = coverage.report(self.files, {"a": 50}, False)
        self.assertEqual(len(out), 2)
        self.assertIn("2 of     4 lines   50.0 %", out[0])

    def test_a_goal_is_reached_or_not(self):
        self.assertTrue(coverage.report(self.files, {"a": 50, "b": 100}, False)[1])
        self.assertFalse(coverage.report(self.files, {"a": 51, "b": 100}, False)[1])

    def test_a_folder_that_was_not_measured_reaches_nothing(self):
        self.assertFalse(coverage.report(self.files, {"c": 0}, False)[1])

    def test_lines_that_were_not_run_are_named(self):
        out, _ = coverage.report(self.files, {"a": 50}, True)
        self.assertIn("    not run: 3, 5", out)
        self.assertEqual(coverage.ranges([1, 2, 3, 7]), "1-3, 7")


if __name__ == "__main__":
    unittest.main()
