"""What came of scenarios, for people and for docs/fleet.md."""


def seconds(value):
    """A time, or a dash for one that never came."""
    if value is None:
        return "never"
    return "%.1f s" % value if value < 100 else "%d s" % round(value)


def count(value):
    """A number with its thousands set apart."""
    return format(value, ",")


def text(outcome):
    """Everything about one outcome, a line each."""
    scenario = outcome.scenario
    made = sum(outcome.signatures)
    robots = len(outcome.signatures)
    utilisation = outcome.utilisation
    rows = [
        ("pairs", "%s, %s of them on one robot" % (count(scenario.pairs()), count(scenario.local_pairs()))),
        ("matched", "50 %% after %s, 99 %% after %s, all after %s" % tuple(
            seconds(outcome.matched_at(part)) for part in (0.5, 0.99, 1))),
        ("waited although both ran", "50 %% at most %s, 99 %% %s, all %s" % tuple(
            seconds(outcome.waited_at_most(part)) for part in (0.5, 0.99, 1))),
        ("abandoned", count(len(outcome.abandoned))),
        ("signatures", "%s; of one robot %s on average, %s at most%s" % (
            count(made), count(round(made / robots)), count(max(outcome.signatures)),
            "; %s proved possession" % count(outcome.proofs) if outcome.proofs else "")),
        ("device busy", "%.0f %% on average, %.0f %% at most; %d works waited at most" % (
            100 * sum(utilisation) / robots, 100 * max(utilisation), outcome.longest_queue)),
        ("steps tried again", "%s (%s not even asked, to spare the host)" % (count(outcome.retries),
                                                                            count(outcome.put_off))),
        ("refused, given up, sent again", "%s, %s, %s" % (count(outcome.refusals), count(outcome.given_up),
                                                         count(outcome.resent))),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join("  %-*s  %s" % (width, name, value) for name, value in rows)


HEAD = ("what | device | vouching | signatures, of a robot | 50 % matched | 99 % | all | abandoned | device busy | "
        "queue at most | refused")


def head():
    """The first two lines of a table for a page."""
    return "| %s |\n|%s" % (HEAD, "---|" * (HEAD.count("|") + 1))


def row(what, outcome):
    """One line of that table."""
    scenario = outcome.scenario
    robots = len(outcome.signatures)
    cells = [
        what, scenario.device, "yes" if scenario.vouching else "no",
        "%s, %s" % (count(sum(outcome.signatures)), count(round(sum(outcome.signatures) / robots))),
        *(seconds(outcome.matched_at(part)) for part in (0.5, 0.99, 1)),
        count(len(outcome.abandoned)),
        "%.0f %%" % (100 * sum(outcome.utilisation) / robots),
        count(outcome.longest_queue),
        count(outcome.refusals),
    ]
    return "| %s |" % " | ".join(cells)
