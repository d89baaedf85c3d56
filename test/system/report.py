"""What a run expected and what it found."""


class Report:
    """Findings, printed as they come."""

    def __init__(self):
        self.rows = []

    def add(self, what, found, wrong=""):
        """Notes what was found about `what`, and what is wrong with it, if anything is."""
        self.rows.append((what, found, wrong))
        print("   %s: %s%s" % (what, found, "  <-- NOT AS IT SHOULD BE: " + wrong if wrong else ""), flush=True)

    def bad(self):
        return [what for what, _, wrong in self.rows if wrong]

    def table(self):
        """The findings as Markdown."""
        lines = ["| what | outcome |", "|---|---|"]
        return "\n".join(lines + ["| %s | %s |" % (what, wrong or found) for what, found, wrong in self.rows])
