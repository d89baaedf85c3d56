"""Parts of documents that programs read or write: README's commands, transcripts, tables."""

import re

from steps import Failure

_BLOCK = r"<!-- run by \./dev test-system: %s -->\n```sh\n(.*?)```"


def block(text, name):
    """The lines of the block of shell commands that is marked `name` in a document."""
    found = re.findall(_BLOCK % re.escape(name), text, re.DOTALL)
    if len(found) != 1:
        raise Failure("%d blocks are marked as %s, not one" % (len(found), name))
    return found[0].strip().splitlines()


def between(text, name, content):
    """The document with `content` between the marks `name: begin` and `name: end`."""
    begin, end = "<!-- %s: begin -->\n" % name, "<!-- %s: end -->\n" % name
    if text.count(begin) != 1 or text.count(end) != 1:
        raise Failure("the document has no place for: " + name)
    head, rest = text.split(begin)
    return head + begin + content + end + rest.split(end)[1]
