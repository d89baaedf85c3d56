"""Tests of the checker of commands: it finds each kind of mistake, and nothing in what is right."""

import os
import tempfile
import unittest

import commands
import option_tables
import pages
import run_page
import shell_lines

_HELP = """Usage: ddskeyctl [OPTION...] COMMAND [ARGUMENT...]

Commands:
  key create   Make a key.
  csr          Make a request.
  run          Run something.

Options of all commands:
  --socket PATH      the socket
  --json             for programs
"""
_HELP_OF = {
    (): _HELP,
    ("key", "create"): "Usage: ddskeyctl key create NAME [--algorithm ALGORITHM]\n\n"
                       "  --algorithm ALGORITHM  which\n" + _HELP,
    ("csr",): "Usage: ddskeyctl csr NAME --subject SUBJECT [--yes]\n\n"
               "  --subject SUBJECT  whose\n  --yes              so\n",
    ("run",): "Usage: ddskeyctl run [--identity NAME] [-- CMD [ARG...]]\n\n  --identity NAME  whose\n",
}


def ctl():
    return option_tables.Ctl(lambda *command: _HELP_OF[command])


class OptionTablesTest(unittest.TestCase):

    def test_takes_what_fits(self):
        for line in ("key create talker", "--json key create talker --algorithm rsa-2048",
                     "csr a --subject /CN=a --yes",
                     "csr --subject=/CN=a a", "run --identity a -- ls --color", "--json"):
            self.assertIsNone(ctl().problem(line.split()), line)

    def test_finds_what_does_not(self):
        for line, problem in (
                ("key destroy talker", "ddskeyctl has no command key destroy"),
                ("key", "ddskeyctl has no command key"),
                ("key create", "ddskeyctl key create needs NAME"),
                ("key create a b", "ddskeyctl key create takes 1 operands, not 2"),
                ("key create a --purpose x", "ddskeyctl key create has no option --purpose"),
                ("csr a", "ddskeyctl csr needs --subject"),
                ("csr a --subject", "ddskeyctl csr --subject needs a value"),
                ("--verbose csr a", "ddskeyctl has no option --verbose before a command"),
        ):
            self.assertEqual(ctl().problem(line.split()), problem)

    def test_takes_less_where_a_text_speaks_of_a_command(self):
        self.assertIsNone(ctl().problem(["key"], whole=False))
        self.assertIsNone(ctl().problem(["csr", "--subject"], whole=False))
        self.assertIsNotNone(ctl().problem(["csr", "--object"], whole=False))

    def test_knows_the_options_of_a_program_without_commands(self):
        daemon = option_tables.Daemon("ddskeyd", "  --config FILE  which\n  --check        only\n")
        self.assertIsNone(daemon.problem(["--config=x", "--check"]))
        self.assertEqual(daemon.problem(["--chek"]), "ddskeyd has no option --chek")


class ShellLinesTest(unittest.TestCase):

    def test_finds_every_command_of_a_line(self):
        text = "a=1 one \"$(two 2>/dev/null)\" | three >x && sudo -u robot four -k || env B=2 five; # six\n"
        self.assertEqual(shell_lines.commands(text),
                         [["one", "SUBSTITUTED"], ["three"], ["four", "-k"], ["five"], ["two"]])

    def test_joins_lines_and_leaves_out_here_documents(self):
        text = "cat >x <<'END'\nddskeyctl nonsense\nEND\none \\\n  --two 'three four'\n"
        self.assertEqual(shell_lines.commands(text), [["cat", "<<END"], ["one", "--two", "three four"]])


class CheckerTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self._root = folder.name
        self._write(".ci/run", "./dev test | tee x\n")
        self._write("x/BUILD.bazel", 'cc_test(\n    name = "page_test",\n    srcs = ["page_test.cc"],\n)\n')
        self._write("x/page_test.cc", 'Block(ReadFile("docs/a.md"), "begin");\n')
        self._write("test/system/run.py", 'PAGE = "docs/a.md"\nBLOCK = "start"\n')

    def _write(self, path, text):
        path = os.path.join(self._root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def _problems(self, text, path="docs/a.md", run_pages=("docs/a.md",)):
        checker = commands.Checker(self._root, {"ddskeyctl": ctl()}, run_pages)
        return [problem.split(": ", 1)[1] for problem in checker.problems(pages.parse(path, text))]

    def test_takes_commands_that_something_runs(self):
        for note in ("run", "run: name", "run by //x:page_test", "run by //x:page_test: begin",
                     "run by ./dev test-system: start", "not run: no such device"):
            self.assertEqual(self._problems("<!-- %s -->\n```sh\nddskeyctl key create a\n```\n" % note), [], note)
        self.assertEqual(self._problems("<!-- run by .ci/run -->\n```sh\n./dev test  # all\n```\n"), [])

    def test_refuses_commands_that_nothing_runs(self):
        self.assertIn("nothing runs this block", self._problems("```sh\nls\n```\n")[0])
        self.assertIn("nothing runs this block", self._problems("<!-- run by -->\n```sh\nls\n```\n")[0])
        self.assertIn("nothing runs this block", self._problems("<!-- not run: -->\n```sh\nls\n```\n")[0])

    def test_refuses_blocks_that_do_not_say_what_they_are(self):
        self.assertIn("say what this block is", self._problems("```\nls\n```\n")[0])

    def test_looks_whether_what_is_named_does_run_them(self):
        block = "<!-- %s -->\n```sh\n./dev lint\n```\n"
        for note, path, problem in (
                ("run", "docs/b.md", "docs/b.md is not among the pages that test/documents/BUILD.bazel runs"),
                ("run by //x:page_test", "docs/b.md", "//x:page_test does not read docs/b.md"),
                ("run by //x:page_test: end", "docs/a.md", "//x:page_test does not read the block end"),
                ("run by //x:other_test", "docs/a.md", "there is no //x:other_test"),
                ("run by ./dev test-system: stop", "docs/a.md", "nothing in test/system reads the block stop"),
                ("run by ./dev test-system: start", "docs/b.md", "nothing in test/system reads docs/b.md"),
                ("run by ./dev format", "docs/a.md", "./dev format runs no blocks of documents"),
                ("run by .ci/run", "docs/a.md", ".ci/run does not run ./dev lint"),
                ("run by somebody", "docs/a.md", "who is somebody?"),
        ):
            self.assertEqual(self._problems(block % note, path), [problem])

    def test_holds_commands_to_their_options_also_where_nothing_runs_them(self):
        self.assertEqual(self._problems("<!-- not run: x -->\n```sh\nddskeyctl csr a\n```\n"),
                         ["ddskeyctl csr needs --subject"])
        self.assertIn("bash does not read this", self._problems("<!-- not run: x -->\n```sh\nif\n```\n")[0])

    def test_holds_commands_in_the_text_to_them(self):
        self.assertEqual(self._problems("`ddskeyctl csr NAME --sub`\n"), ["ddskeyctl csr has no option --sub"])
        self.assertEqual(self._problems("`ddskeyctl key create|delete`, `ddskeyctl csr`, `csr --x`\n"), [])

    def test_reads_xml(self):
        self.assertIn("no XML", self._problems("```xml\n<a>\n```\n")[0])

    def test_lists_what_is_not_run(self):
        page = pages.parse("a.md", "<!-- not run: no device -->\n```sh\nls\n```\n<!-- run -->\n```sh\nls\n```\n")
        found = [(str(block), reason) for block, reason in commands.not_run([page])]
        self.assertEqual(found, [("a.md:2", "no device")])


class RunPageTest(unittest.TestCase):

    def test_runs_the_marked_blocks_in_order(self):
        page = pages.parse("a.md", "<!-- run: x -->\n```sh\none\n```\n```sh\ntwo\n```\n"
                           "<!-- run -->\n```sh\nthree\n```\n")
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run_page.script_of(page, folder), ["run_block block-2 x 'a.md:2'",
                                                                "run_block block-9 '' 'a.md:9'"])
            with open(os.path.join(folder, "block-9"), encoding="utf-8") as file:
                self.assertEqual(file.read(), "three\n")

    def test_refuses_a_page_with_nothing_to_run(self):
        with self.assertRaises(ValueError):
            run_page.script_of(pages.parse("a.md", "```sh\none\n```\n"), "/nowhere")

    def test_runs_the_jobs_of_a_cron_table_as_their_users(self):
        block = pages.parse("a.md", "```cron\n# hourly\nPATH=/bin\n1 * * * * robot ls 'a b' && id\n```\n").blocks[0]
        self.assertEqual(run_page.shell_of(block),
                         "runuser -u robot -- env PATH=/bin sh -c 'ls '\"'\"'a b'\"'\"' && id'\n")


if __name__ == "__main__":
    unittest.main()
