"""Tests of the reference that is made of the protos, and that docs/configuration.md is what would be made now."""

import os
import tempfile
import unittest

import descriptors
import reference

_PROTO = """syntax = "proto3";
package example;
// Outer has a comment.
message Outer {
  // Two of a kind,
  // explained once.
  string first = 1;
  string second = 2;
  oneof kind {
    Inner inner = 3;
    bool plain = 4;
  }
  // Or | not; `-x`.
  optional uint32 number = 5;
  repeated Inner other = 6;
  message Inner {
    // .begins with a dot
    Side side = 1;
  }
}
enum Side {
  SIDE_UNSPECIFIED = 0;
  // The left one.
  LEFT = 1;
}
"""


class ReferenceTest(unittest.TestCase):

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        with open(os.path.join(self._folder.name, "x.proto"), "w", encoding="utf-8") as file:
            file.write(_PROTO)
        self._messages = {message.name: message for message in descriptors.read(self._folder.name, "x.proto")}

    def test_reads_messages_enumerations_and_their_comments(self):
        self.assertEqual(list(self._messages), ["Outer", "Inner", "Side"])
        outer = self._messages["Outer"]
        self.assertEqual(outer.comment, "Outer has a comment.")
        self.assertEqual([field.name for field in outer.fields],
                         ["first", "second", "inner", "plain", "number", "other"])
        self.assertEqual(outer.fields[0].comment, "Two of a kind, explained once.")
        self.assertEqual([field.choice for field in outer.fields], ["", "", "kind", "kind", "", ""])
        self.assertTrue(outer.fields[5].repeated)

    def test_puts_fields_that_share_a_comment_into_one_row(self):
        text = reference._markdown_of(self._messages["Outer"])
        self.assertIn("| `first`, `second` | string | Two of a kind, explained once. |", text)
        self.assertIn("| `inner` | [Inner](#inner) | One of `inner`, `plain`. |", text)
        self.assertIn("| `number` | uint32 | Or \\| not; `-x`. |", text)
        self.assertIn("| `other` | [Inner](#inner), repeated | See below. |", text)

    def test_leaves_out_the_zero_of_an_enumeration(self):
        text = reference._markdown_of(self._messages["Side"])
        self.assertIn("| `LEFT` | The left one. |", text)
        self.assertNotIn("UNSPECIFIED", text)

    def test_escapes_what_roff_would_read(self):
        self.assertIn("Or | not; \\fB\\-x\\fR.", reference._man_of(self._messages["Outer"]))
        self.assertIn("\n\\&.begins with a dot", reference._man_of(self._messages["Inner"]))

    def test_refuses_a_template_without_a_place_for_fields(self):
        with self.assertRaises(ValueError):
            reference.man(".TH X 5\n", self._folder.name)

    def test_the_page_that_is_checked_in_is_what_would_be_made(self):
        with open("docs/configuration.md", encoding="utf-8") as file:
            self.assertEqual(file.read(), reference.markdown("proto"), "write it with: ./dev docs")


if __name__ == "__main__":
    unittest.main()
