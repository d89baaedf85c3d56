"""Checks or fixes the formatting of BUILD files, in the form that buildifier gives them.

build_format.py --check|--fix FILE...

One element a line in brackets that are written over several lines, with a comma after the last; four columns of indent
a level; double quotes; `name` first, then the other arguments in buildifier's order; labels and file names sorted and
without repetition, between comments; one empty line between statements. Nothing else is changed. The exit status is 1
if --check found something.
"""

import difflib
import io
import sys
import tokenize

_SORTED_LISTS = {"data", "default_visibility", "deps", "exports", "hdrs", "srcs", "tools", "visibility"}
# Arguments that are not listed come in alphabetical order, at 0 (from buildifier's tables).
_PRIORITY = {
    "name": -99, "size": -95, "timeout": -94, "testonly": -93, "src": -92, "srcs": -90, "out": -89, "outs": -88,
    "hdrs": -87, "exports": 2, "runtime_deps": 3, "deps": 4, "implementation": 5, "alwayslink": 7,
}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_INDENT = 4


class Element:
    """A piece of code between two commas: tokens and groups, with the comments that belong to it."""

    def __init__(self):
        self.before = []
        self.parts = []  # (needs a space before it, text or Group)
        self.after = ""

    def key(self):
        """The argument's name if this is `name = value`."""
        if len(self.parts) >= 3 and self.parts[1][1] == "=" and isinstance(self.parts[0][1], str):
            return self.parts[0][1]
        return None

    def string(self):
        """The text of the string if this is one and nothing else."""
        if len(self.parts) == 1 and isinstance(self.parts[0][1], str) and self.parts[0][1].startswith('"'):
            return self.parts[0][1][1:-1]
        return None


class Group:
    """A pair of brackets and the elements in it."""

    def __init__(self, opening):
        self.opening = opening
        self.elements = []
        self.expanded = False
        self.at_end = []  # comments before the closing bracket


class Reader:
    """Reads the tokens of a file into statements (elements at the top level)."""

    def __init__(self, text):
        skip = (tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER)
        self._tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in skip]
        self._next = 0

    def statements(self):
        """Returns [(an empty line stood before it, Element)]; one without parts holds the comments at the end."""
        found, current, blank = [], Element(), False
        while self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.type == tokenize.NL and not current.parts:
                before = self._tokens[self._next - 1] if self._next else None
                alone = before is None or before.type in (tokenize.NL, tokenize.NEWLINE)
                if alone and current.before:  # comments that stand alone
                    found.append((blank, current))
                    current, blank = Element(), True
                blank = blank or alone
                self._next += 1
            elif token.type == tokenize.NEWLINE:
                found.append((blank, current))
                current, blank = Element(), False
                self._next += 1
            else:
                self._part(current)
        if current.before or current.parts:
            found.append((blank, current))
        return found

    def _part(self, element):
        token = self._tokens[self._next]
        if token.type == tokenize.COMMENT:
            if element.parts:
                element.after = token.string
            else:
                element.before.append(token.string)
            self._next += 1
            return
        before = self._tokens[self._next - 1] if self._next else token
        spaced = bool(element.parts) and (before.end[0] != token.start[0] or before.end[1] != token.start[1])
        if element.parts and "=" in (token.string, before.string):
            spaced = True
        if token.string in _CLOSING:
            element.parts.append((spaced, self._group()))
            return
        text = token.string
        if token.type == tokenize.STRING and text[0] == "'" and '"' not in text and not text.startswith("'''"):
            text = '"%s"' % text[1:-1]
        element.parts.append((spaced, text))
        self._next += 1

    def _group(self):
        group = Group(self._tokens[self._next].string)
        self._next += 1
        current = Element()
        after_comma = None
        while True:
            token = self._tokens[self._next]
            if token.string == _CLOSING[group.opening]:
                self._next += 1
                break
            if token.type == tokenize.NL:
                if not current.parts:  # after the bracket or a comma
                    group.expanded = True
                    after_comma = None
                self._next += 1
            elif token.string == ",":
                group.elements.append(current)
                after_comma, current = current, Element()
                self._next += 1
            elif token.type == tokenize.COMMENT and after_comma is not None:
                after_comma.after = token.string
                self._next += 1
            else:
                self._part(current)
        if current.parts:
            group.elements.append(current)
        else:
            group.at_end = current.before
        group.expanded = bool(group.expanded and (group.elements or group.at_end))
        return group


def _label_order(value):
    phase = 1 if value.startswith(":") else 2 if value.startswith("//") else 3 if value.startswith("@") else 0
    return phase, value.replace(":", ".").split(".")


def _sort_chunks(elements, order):
    """Sorts runs of elements that no comment interrupts, and drops repetitions."""
    chunks = []
    for element in elements:
        if element.before or not chunks:
            chunks.append([])
        chunks[-1].append(element)
    result = []
    for chunk in chunks:
        comments, chunk[0].before = chunk[0].before, []
        seen = {}
        for element in sorted(chunk, key=lambda e: order(e.string())):
            seen.setdefault(element.string(), element)
        chunk = list(seen.values())
        chunk[0].before = comments
        result += chunk
    return result


def _arrange(element, top=False):
    """Sorts what has an order, inside out."""
    for position, (_, part) in enumerate(element.parts):
        if not isinstance(part, Group):
            continue
        for inner in part.elements:
            _arrange(inner)
        key = element.key()
        strings = all(e.string() is not None for e in part.elements)
        if part.opening == "[" and key in _SORTED_LISTS and position == 2 and strings and part.elements:
            part.elements = _sort_chunks(part.elements, _label_order)
        called = element.parts[0][1] if isinstance(element.parts[0][1], str) else ""
        is_call = top and part.opening == "(" and position == 1
        if is_call and called == "load":
            part.elements[1:] = sorted(part.elements[1:], key=lambda e: (e.key() is not None, e.key() or e.string()))
        elif is_call and all(e.key() for e in part.elements):
            part.elements.sort(key=lambda e: (_PRIORITY.get(e.key(), 0), e.key()))


class Writer:
    """Writes elements back as text."""

    def __init__(self):
        self.lines = []
        self._line = ""

    def statement(self, element):
        self.lines += element.before
        if element.parts:
            self._element(element, 0)
            self._end(element.after)

    def _end(self, comment=""):
        self.lines.append(self._line + ("  " + comment if comment else ""))
        self._line = ""

    def _element(self, element, depth):
        for spaced, part in element.parts:
            self._line += " " if spaced else ""
            if isinstance(part, Group):
                self._group(part, depth)
            else:
                self._line += part

    def _group(self, group, depth):
        self._line += group.opening
        if not group.expanded:
            for position, element in enumerate(group.elements):
                self._line += ", " if position else ""
                self._element(element, depth)
        else:
            indent = " " * (_INDENT * (depth + 1))
            self._end()
            for position, element in enumerate(group.elements):
                self.lines += [indent + comment for comment in element.before]
                self._line = indent
                self._element(element, depth + 1)
                last = position == len(group.elements) - 1
                # `*args` and `**kwargs` take no comma behind them, nor does a comprehension.
                words = [part for _, part in element.parts if isinstance(part, str)]
                self._line += "" if last and (words[:1] in (["*"], ["**"]) or "for" in words) else ","
                self._end(element.after)
            self.lines += [indent + comment for comment in group.at_end]
            self._line = " " * (_INDENT * depth)
        self._line += _CLOSING[group.opening]


def format_build(text):
    """Returns `text`, the content of a BUILD file, as it should be."""
    writer = Writer()
    for blank, element in Reader(text).statements():
        _arrange(element, top=True)
        start = len(writer.lines)
        writer.statement(element)
        if start and (blank or len(writer.lines) - start > 1) and writer.lines[start - 1]:
            writer.lines.insert(start, "")
    return "\n".join(writer.lines) + "\n"


def main(arguments):
    if not arguments or arguments[0] not in ("--check", "--fix"):
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    for path in arguments[1:]:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if not text.strip():
            continue
        try:
            wanted = format_build(text)
        except (tokenize.TokenError, IndexError) as error:
            print("%s: cannot be read: %s" % (path, error))
            wrong += 1
            continue
        if wanted == text:
            continue
        if arguments[0] == "--fix":
            with open(path, "w", encoding="utf-8") as file:
                file.write(wanted)
        else:
            wrong += 1
            diff = difflib.unified_diff(text.splitlines(True), wanted.splitlines(True), path, path + " (wanted)")
            sys.stdout.writelines(diff)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
