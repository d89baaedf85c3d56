"""What the demo expected and what it found."""

import textwrap

_WIDTH = 66


class Report:
    """A table of expectations."""

    def __init__(self):
        self._rows = []

    def add(self, what, found, good):
        """Notes that `found` was found about `what`, and whether that is as it should be."""
        self._rows.append((what, found, good))
        print("   %s: %s%s" % (what, found, "" if good else "  <-- NOT AS IT SHOULD BE"), flush=True)

    def good(self):
        return bool(self._rows) and all(good for _, _, good in self._rows)

    def text(self):
        """The table, and a last line that says whether all is well."""
        width = max((len(what) for what, _, _ in self._rows), default=0)
        lines = ["", "Summary"]
        for what, found, good in self._rows:
            wrapped = textwrap.wrap(found, _WIDTH) or [""]
            lines.append("  %-4s  %-*s  %s" % ("ok" if good else "BAD", width, what, wrapped[0]))
            lines += [" " * (10 + width) + more for more in wrapped[1:]]
        bad = sum(not good for _, _, good in self._rows)
        lines.append("Everything was as it should be." if self.good() else "%d of %d rows are not as they should be." % (
            bad, len(self._rows)))
        return "\n".join(lines)
