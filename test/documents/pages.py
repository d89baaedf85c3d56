"""Reads the repository's Markdown: fenced blocks with what is said above them, code in the text, headings and links."""

import dataclasses
import os
import re

_FENCE = re.compile(r"^(?P<indent> {0,8})```(?P<language>[\w-]*)\s*$")
_COMMENT = re.compile(r"^\s*<!--(?P<text>.*)-->\s*$")
_HEADING = re.compile(r"^#{1,6} (?P<text>.*?)\s*$")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")
# A link may not reach into these: they are made, not written.
_MADE = ("out", "bazel-out", ".git")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block. `note` is the HTML comment on the line above it, without which it is empty."""
    page: str
    line: int
    language: str
    note: str
    text: str

    def __str__(self):
        return "%s:%d" % (self.page, self.line)


@dataclasses.dataclass(frozen=True)
class Page:
    """A Markdown file. `prose` are the lines outside of fenced blocks, with their numbers."""
    path: str
    blocks: tuple
    prose: tuple

    def anchors(self):
        """What GitHub calls the headings of this page."""
        found = {}
        for _, line in self.prose:
            heading = _HEADING.match(line)
            if heading:
                name = anchor(heading["text"])
                number = found.get(name, 0)
                found[name] = number + 1
                yield name if number == 0 else "%s-%d" % (name, number)

    def links(self):
        """(line, target) of each link."""
        for number, line in self.prose:
            for link in _LINK.finditer(_CODE.sub("", line)):
                yield number, link["target"]

    def code(self):
        """(line, text) of each `code` in the text."""
        for number, line in self.prose:
            for code in _CODE.finditer(line):
                yield number, code.group(1)


def anchor(heading):
    """The anchor of a heading, as GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def parse(path, text):
    """The page of a text; `path` is what it is called. Raises ValueError for a block that does not end."""
    blocks, prose, note = [], [], ""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        fence = _FENCE.match(line)
        if not fence:
            prose.append((number, line))
            comment = _COMMENT.match(line)
            note = comment["text"].strip() if comment else ""
            continue
        begin, indent, body = number, len(fence["indent"]), []
        while number < len(lines) and lines[number].strip() != "```":
            body.append(lines[number][indent:] if not lines[number][:indent].strip() else lines[number])
            number += 1
        if number == len(lines):
            raise ValueError("%s:%d: this block does not end" % (path, begin))
        number += 1
        blocks.append(Block(path, begin, fence["language"], note, "".join(line + "\n" for line in body)))
        note = ""
    return Page(path, tuple(blocks), tuple(prose))


def paths(root):
    """The Markdown files of the repository, as paths from its root."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _MADE and not name.startswith("bazel-"))
        for name in sorted(files):
            if name.endswith(".md"):
                yield os.path.relpath(os.path.join(folder, name), root)


def pages(root):
    """All pages of the repository."""
    for path in paths(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            yield parse(path, file.read())
