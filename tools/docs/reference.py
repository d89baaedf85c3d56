"""Writes the reference of configuration and policy: docs/configuration.md and the fields in man pages.

The comments of config.proto and policy.proto are the reference; whatever else says it is made of them. The man pages
are made at build. docs/configuration.md is made by `./dev docs` and checked in, though generated files otherwise are
not: people read it where the repository is shown. //tools/docs:reference_test fails when it is not what this makes.
"""

import argparse
import os
import re
import sys

import descriptors

_PROTOS = "ddskey/v1"
_MARKER = re.compile(r"^@FIELDS (?P<file>\w+\.proto)@$", re.MULTILINE)
_HEAD = """# Configuration and policy: every field

<!-- Made of the comments in proto/ddskey/v1/ by ./dev docs. Change them, not this. -->

Both files are in protobuf text format: `name: value`, `name { ... }` for a message, `name: [a, b]` for several, `#`
begins a comment. `ddskeyd --check` reads both and names line and column of a mistake. Both must belong to root, or to
the user that the daemon runs as, and be writable by nobody else. How they are used: [operations.md](operations.md),
[keys.md](keys.md), [revocation.md](revocation.md).
"""
_FILES = (
    ("config.proto", "Configuration: `/etc/ddskeyd/ddskeyd.textproto`",
     "Read at the start of the daemon; begins with the fields of `Config`."),
    ("policy.proto", "Policy: `/etc/ddskeyd/policy.textproto`",
     "Read at the start and on SIGHUP; begins with the fields of `Policy`."),
)


def rows(entries):
    """(entries, comment) of each row: a scalar or a value without a comment belongs to the one above it."""
    found = []
    for entry in entries:
        if getattr(entry, "choice", "") or getattr(entry, "named", False) or entry.comment or not found:
            found.append(([entry], entry.comment))
        else:
            found[-1][0].append(entry)
    return found


def meaning(entries, comment, all_fields):
    """What a row says: the comment, or, of a message without one, how it is to be read."""
    choice = getattr(entries[0], "choice", "")
    if comment:
        return comment
    if not choice:
        return "See below."
    others = [field.name for field in all_fields if field.choice == choice]
    return "One of %s." % ", ".join("`%s`" % name for name in others)


def shown_values(message):
    """Those that somebody may write: not the zero of the enumeration."""
    return [value for value in message.values if not value.name.endswith("UNSPECIFIED")]


def markdown(proto_path):
    """All of docs/configuration.md."""
    text = [_HEAD]
    for file, title, introduction in _FILES:
        text.append("\n## %s\n\n%s\n" % (title, introduction))
        messages = descriptors.read(proto_path, os.path.join(_PROTOS, file))
        for message in messages:
            text.append(_markdown_of(message))
    return "".join(text)


def _cell(text):
    return text.replace("|", "\\|")


def _markdown_of(message):
    lines = ["", "### " + message.name, ""]
    if message.comment:
        lines += [message.comment, ""]
    if message.fields:
        lines += ["| field | type | |", "|---|---|---|"]
    else:
        lines += ["| value | |", "|---|---|"]
    for entries, comment in rows(message.fields or shown_values(message)):
        names = ", ".join("`%s`" % entry.name for entry in entries)
        said = _cell(meaning(entries, comment, message.fields))
        if message.fields:
            lines.append("| %s | %s | %s |" % (names, _markdown_type(entries[0]), said))
        else:
            lines.append("| %s | %s |" % (names, said))
    return "\n".join(lines) + "\n"


def _markdown_type(field):
    kind = "[%s](#%s)" % (field.type, field.type.lower()) if field.named else field.type
    return kind + (", repeated" if field.repeated else "")


def man(template, proto_path):
    """A man page: `template` with its line @FIELDS x.proto@ replaced by the fields of that file."""
    def fields(match):
        messages = descriptors.read(proto_path, os.path.join(_PROTOS, match["file"]))
        return "\n".join(_man_of(message) for message in messages)
    made, number = _MARKER.subn(fields, template)
    if number != 1:
        raise ValueError("a template has one line @FIELDS x.proto@")
    return made


def roff(text):
    """Text of a comment as groff wants it: `code` is bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)
    return "\\&" + text if text[:1] in (".", "'") else text


def _man_of(message):
    lines = [".SS " + message.name]
    if message.comment:
        lines.append(roff(message.comment))
    for entries, comment in rows(message.fields or shown_values(message)):
        names = ", ".join("\\fB%s\\fR" % roff(entry.name) for entry in entries)
        lines.append(".TP")
        if message.fields:
            kind = entries[0].type + (", repeated" if entries[0].repeated else "")
            lines.append("%s (%s)" % (names, roff(kind)))
        else:
            lines.append(names)
        lines.append(roff(meaning(entries, comment, message.fields)))
    return "\n".join(lines)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--proto-path", default="proto", help="folder that has ddskey/v1/")
    parser.add_argument("--template", help="template of a man page; without it: docs/configuration.md")
    options = parser.parse_args(arguments)
    if options.template:
        with open(options.template, encoding="utf-8") as file:
            sys.stdout.write(man(file.read(), options.proto_path))
    else:
        sys.stdout.write(markdown(options.proto_path))


if __name__ == "__main__":
    main(sys.argv[1:])
