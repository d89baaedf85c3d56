"""Tests of the checker of links."""

import unittest

import links
import pages


def problems(files, there=()):
    parsed = [pages.parse(path, text) for path, text in files.items()]
    return list(links.broken(parsed, lambda path: path in files or path in there))


class LinksTest(unittest.TestCase):

    def test_takes_links_to_files_and_headings_that_are_there(self):
        self.assertEqual(problems({
            "README.md": "[a](docs/a.md) [b](docs/a.md#a-heading-with-code-1) [c](#here) [d](https://e.f)\n# Here\n",
            "docs/a.md": "# A heading: with `code`\n## A heading, with code\n[up](../README.md#here)\n",
        }), [])

    def test_finds_a_file_that_is_not_there(self):
        self.assertEqual(problems({"docs/a.md": "\n[b](b.md)\n"}), ["docs/a.md:2: b.md leads to no file"])

    def test_finds_a_heading_that_is_not_there(self):
        found = problems({"docs/a.md": "[b](b.md#gone) [c](#Case)\n# case\n", "docs/b.md": "```\n# gone\n```\n"})
        self.assertEqual(found, ["docs/a.md:1: b.md#gone has no heading of that name",
                                 "docs/a.md:1: #Case has no heading of that name"])

    def test_wants_https(self):
        self.assertEqual(problems({"a.md": "[b](http://example.com)\n"}), ["a.md:1: http://example.com is not https"])

    def test_finds_names_of_files_in_the_text_that_are_not_there(self):
        text = "`daemon/rpc/` `daemon/gone.h` (docs/gone.md) `test/NAME_test.cc` `/usr/share/docs/x.md`\n"
        self.assertEqual(problems({"a.md": text}, there=("daemon/rpc",)),
                         ["a.md:1: there is no daemon/gone.h", "a.md:1: there is no docs/gone.md"])

    def test_does_not_look_into_blocks_and_decisions(self):
        self.assertEqual(problems({"docs/adr/1.md": "`daemon/gone.h`\n", "a.md": "```\n[b](b.md)\n```\n"}), [])

    def test_finds_documents_that_sources_name_and_that_are_not_there(self):
        found = list(links.named_by_sources("x.h", "// see docs/a.md, docs/b.md\n", lambda path: path == "docs/a.md"))
        self.assertEqual(found, ["x.h:1: there is no docs/b.md"])

    def test_finds_suites_of_tests_that_are_not_there(self):
        page = pages.parse("a.md", "`HereTest`, `GoneTest`, `Test`\n")
        self.assertEqual(list(links.unknown_tests(page, {"HereTest"})), ["a.md:1: there is no test GoneTest"])


class PagesTest(unittest.TestCase):

    def test_reads_blocks_with_the_comment_above_them(self):
        page = pages.parse("a.md", "text\n<!-- run -->\n```sh\none\n  two\n```\n   ```\n   in\n     a list\n   ```\n")
        self.assertEqual([(block.line, block.language, block.note, block.text) for block in page.blocks],
                         [(3, "sh", "run", "one\n  two\n"), (7, "", "", "in\n  a list\n")])

    def test_takes_no_comment_that_is_not_right_above(self):
        self.assertEqual(pages.parse("a.md", "<!-- run -->\n\n```sh\none\n```\n").blocks[0].note, "")

    def test_refuses_a_block_without_an_end(self):
        with self.assertRaisesRegex(ValueError, "a.md:2"):
            pages.parse("a.md", "\n```sh\none\n")


if __name__ == "__main__":
    unittest.main()
