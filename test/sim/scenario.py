"""What is simulated: a fleet, how its robots start, and what becomes of it."""

import dataclasses

import figures


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A fleet that starts. Robots stand in a ring; each hears the `neighbours` that are nearest to it."""

    robots: int = 1000
    # On each robot. All of them meet each other.
    participants: int = 30
    # How many robots a robot hears, half of them on each side.
    neighbours: int = 20
    # How many participants of a robot meet as many of each robot that it hears.
    peers: int = 3
    # One of figures.DEVICES.
    device: str = "tpm"
    # Whether the daemon vouches for participants of its own host to each other.
    vouching: bool = False
    # Robots get their power within this many seconds of each other, evenly spread by chance.
    boot_spread: float = 2.0
    # Between the starts of two participants of one robot, on average.
    stagger: float = 0.0
    cores: int = 4
    # Whether all robots share one machine's processors, as in a benchmark.
    one_machine: bool = False
    # The part of messages that is lost and sent again after a second.
    loss: float = 0.0
    # After how long a step that is pending is tried again, and by how much more each further time.
    retry: float = figures.RETRY_INTERVAL
    retry_growth: float = 1.0
    # After how long a handshake is abandoned.
    limit: float = figures.HANDSHAKE_LIMIT
    seed: int = 1
    # Whether each question is played, also those that change nothing; that takes five times as long.
    exact: bool = False

    def check(self):
        """Raises ValueError if this is no fleet."""
        if self.device not in figures.DEVICES:
            raise ValueError("no such device: %s (there are %s)" % (self.device, ", ".join(figures.DEVICES)))
        if self.robots < 1 or self.participants < 1 or self.cores < 1:
            raise ValueError("robots, participants and cores must be 1 or more")
        if self.neighbours % 2 and self.robots != 2:
            raise ValueError("a robot hears as many robots on one side as on the other: neighbours must be even")
        if not 0 <= self.neighbours < self.robots:
            raise ValueError("a robot hears fewer robots than there are")
        if not 0 <= self.peers <= self.participants:
            raise ValueError("no more participants can meet those of other robots than a robot has")
        if not 0 <= self.loss < 1 or self.retry <= 0 or self.retry_growth < 1 or self.limit <= 0:
            raise ValueError("loss must be in [0, 1), retry and limit over 0, retry_growth 1 or more")
        if self.boot_spread < 0 or self.stagger < 0:
            raise ValueError("no time can be less than nothing")

    def edges(self):
        """Which robots hear each other, each pair of them once."""
        if self.robots == 2 and self.neighbours == 1:
            return [(0, 1)]
        half = range(1, self.neighbours // 2 + 1)
        ring = {tuple(sorted((robot, (robot + step) % self.robots))) for robot in range(self.robots) for step in half}
        return sorted(ring)

    def local_pairs(self):
        """How many pairs of participants are on one robot, in all."""
        return self.robots * self.participants * (self.participants - 1) // 2

    def pairs(self):
        """How many pairs of participants there are."""
        return self.local_pairs() + len(self.edges()) * self.peers * self.peers


@dataclasses.dataclass
class Outcome:
    """What became of a scenario. Times are in seconds since the first robot got its power."""

    scenario: Scenario
    # When each pair was matched, in order; pairs that were abandoned are not among them.
    matched: list
    # For how long each pair, in order, was not matched although both of it ran.
    waited: list
    # Names of the pairs that were abandoned.
    abandoned: list
    # One number for each robot.
    signatures: list
    utilisation: list
    longest_queue: int = 0
    # Of `signatures`: those for proofs of possession, which vouching needs.
    proofs: int = 0
    # How often a step was pending and tried again.
    retries: int = 0
    # How often a call was not made, to spare the host's thread.
    put_off: int = 0
    # How often the queue, or the limit of handshakes, refused.
    refusals: int = 0
    # How often work, or a signature, was given up because nobody asked for it.
    given_up: int = 0
    # How often a message was lost and sent again.
    resent: int = 0
    events: int = 0

    def matched_at(self, part):
        """When this part of all pairs was matched; None if that never came."""
        return _reached(self.matched, part, self.scenario.pairs())

    def waited_at_most(self, part):
        """For how long this part of all pairs waited at most; None if some of it waited in vain."""
        return _reached(self.waited, part, self.scenario.pairs())


def _reached(times, part, total):
    needed = -(-total * part // 1)
    if needed > len(times):
        return None
    return times[int(needed) - 1] if needed else 0.0
