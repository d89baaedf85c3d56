"""Reads the licence of a Debian package from its copyright file, as an expression of SPDX."""

import re

# Debian's short names -> SPDX identifiers; the same in both are not listed.
_NAMES = {
    "expat": "MIT",
    "mit": "MIT",
    "isc": "ISC",
    "zlib": "Zlib",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "epl-2": "EPL-2.0",
    "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "cc0-1.0": "CC0-1.0",
    "gpl-1+": "GPL-1.0-or-later",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
}
_OPERATOR = re.compile(r"\s*,?\s+(and/or|and|or)\s+", re.IGNORECASE)
_TEXT_LIMIT = 20000


class Licence:
    """A licence: its expression, and {reference: text} of what the expression refers to and SPDX does not list."""

    def __init__(self, expression, texts):
        self.expression = expression
        self.texts = texts


def stanzas(text):
    """The stanzas of a machine-readable copyright file as dicts; none if it is prose."""
    found = []
    for block in re.split(r"\n(?:[ \t]*\n)+", text.strip()):
        fields, name = {}, None
        for line in block.split("\n"):
            field = re.match(r"([A-Za-z-]+):(.*)$", line)
            if field:
                name = field.group(1).lower()
                fields[name] = field.group(2).strip()
            elif name and line.startswith((" ", "\t")):
                fields[name] += "\n" + line.strip()
        found.append(fields)
    return found if found and "format" in found[0] else []


def _text_of(short, parsed):
    for stanza in parsed:
        name, _, text = stanza.get("license", "").partition("\n")
        if name.lower() == short.lower() and text:
            return text[:_TEXT_LIMIT]
    return "See the copyright file of the Debian package."


def licence_of(text):
    """The `Licence` of most files of a package (those of "Files: *"), or None if its copyright file is prose."""
    parsed = stanzas(text)
    whole = [stanza["license"].split("\n")[0] for stanza in parsed
             if "*" in stanza.get("files", "").split() and stanza.get("license")]
    if not whole:
        return None
    parts = _OPERATOR.split(whole[0])
    texts = {}
    for index in range(0, len(parts), 2):
        short = parts[index].strip()
        known = _NAMES.get(short.lower())
        if known is None:
            known = "LicenseRef-Debian-" + re.sub(r"[^A-Za-z0-9.-]+", "-", short).strip("-")
            texts[known] = _text_of(short, parsed)
        parts[index] = known
    for index in range(1, len(parts), 2):
        parts[index] = "OR" if parts[index].lower() == "or" else "AND"
    expression = " ".join(parts)
    return Licence("(%s)" % expression if len(parts) > 1 else expression, texts)


def other_licences(text):
    """Debian's short names of all licences that files of the package's source have, sorted."""
    return sorted({stanza["license"].split("\n")[0] for stanza in stanzas(text) if stanza.get("license")})
