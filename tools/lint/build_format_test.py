import os
import tempfile
import unittest

from tools.lint import build_format

GOOD = '''load("//a:b.bzl", "x", "y", z = "w")

# About what follows.
_ALL = [
    "//b",
    "//a",
]

cc_library(
    name = "key",
    srcs = ["key.cc"],
    hdrs = ["key.h"],
    copts = ["-w"],  # generated
    visibility = _ALL,
    deps = [
        ":a",
        "//daemon:b",
        # Only for tests.
        "@absl_status",
    ],
)

[one(
    name = n,
    srcs = ["%s.proto" % n],
) for n in ["b", "a"]]
'''


class BuildFormatTest(unittest.TestCase):
    def test_leaves_a_good_file_alone(self):
        self.assertEqual(build_format.format_build(GOOD), GOOD)

    def check(self, given, wanted):
        self.assertEqual(build_format.format_build(given), wanted)
        self.assertEqual(build_format.format_build(wanted), wanted)

    def test_indents_by_four_and_ends_lines_with_commas(self):
        self.check('a(\n  name = "x",\n  tags = [\n  "t"\n  ]\n)\n', 'a(\n    name = "x",\n    tags = [\n        "t",\n    ],\n)\n')

    def test_puts_one_element_on_a_line(self):
        self.check('a(name = "x",\n  size = "small")\n', 'a(\n    name = "x",\n    size = "small",\n)\n')
        self.check('a(name = "x", size = "small")\n', 'a(name = "x", size = "small")\n')

    def test_writes_double_quotes_and_spaces_around_equals(self):
        self.check("a(name='x')\n", 'a(name = "x")\n')

    def test_sorts_labels_local_first_and_drops_repetitions(self):
        self.check('a(deps = ["@z", "//b:c", ":x", ":x", "f.cc"])\n', 'a(deps = ["f.cc", ":x", "//b:c", "@z"])\n')

    def test_sorts_between_comments_only(self):
        self.check(
            'a(\n    deps = [\n        ":z",\n        ":y",\n        # first\n        ":b",\n        ":a",\n    ],\n)\n',
            'a(\n    deps = [\n        ":y",\n        ":z",\n        # first\n        ":a",\n        ":b",\n    ],\n)\n',
        )

    def test_does_not_sort_what_has_an_order(self):
        text = 'a(args = ["z", "a"])\n'
        self.check(text, text)

    def test_puts_name_first_and_deps_last(self):
        self.check('a(deps = [":d"], visibility = ["//v"], srcs = ["s"], name = "n")\n',
                   'a(name = "n", srcs = ["s"], visibility = ["//v"], deps = [":d"])\n')

    def test_sorts_the_symbols_of_a_load(self):
        self.check('load("//f.bzl", "b", "a")\n', 'load("//f.bzl", "a", "b")\n')

    def test_keeps_every_comment(self):
        text = '# top\n\n# of a\na(\n    # of name\n    name = "x",  # after\n    # at the end\n)\n# last\n'
        wanted = text
        self.check(text, wanted)

    def test_keeps_one_empty_line_between_statements(self):
        self.check('a(\n    x = 1,\n)\n\n\n\nb(\n    x = 1,\n)\nc = 1\nd = 2\n',
                   'a(\n    x = 1,\n)\n\nb(\n    x = 1,\n)\nc = 1\nd = 2\n')

    def test_checks_without_writing_and_fixes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "BUILD.bazel")
            with open(path, "w", encoding="utf-8") as out:
                out.write("a(name='x')\n")
            self.assertEqual(build_format.main(["--check", path]), 1)
            self.assertEqual(build_format.main(["--fix", path]), 0)
            self.assertEqual(build_format.main(["--check", path]), 0)

    def test_reports_a_file_it_cannot_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "BUILD.bazel")
            with open(path, "w", encoding="utf-8") as out:
                out.write("a(\n")
            self.assertEqual(build_format.main(["--check", path]), 1)


if __name__ == "__main__":
    unittest.main()
