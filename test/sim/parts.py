"""What a robot of the simulation is made of: a device, processors, and participants with one thread each."""

import collections
import heapq

import fair_queue
import figures


class Device:
    """A device that makes one signature after the other, from a fair queue."""

    def __init__(self, clock, profile, random):
        self._clock = clock
        self._seconds = figures.DEVICES[profile]
        self._random = random
        self._queue = fair_queue.FairQueue(profile not in figures.NOT_RATIONED)
        self._busy = False
        self._wake = None
        self.signatures = 0
        self.busy_seconds = 0.0
        self.longest_queue = 0
        self.last_done = 0.0

    def submit(self, work):
        """Queues `work`, or returns False. Its owner is told when it is done, or gave way to another."""
        room, displaced = self._queue.push(work, self._clock.now)
        if displaced is not None:
            displaced.state = fair_queue.Work.LOST
            displaced.owner.lost(displaced)
        if room:
            self.longest_queue = max(self.longest_queue, len(self._queue))
            self._next()
        return room

    def cancel(self, work):
        """Takes out `work`, which must be waiting; what the device has begun, it ends."""
        self._queue.remove(work)

    def _next(self):
        if self._busy:
            return
        now = self._clock.now
        work = self._queue.pop(now)
        if work is None:
            token = self._queue.next_token()
            if token is not None and (self._wake is None or self._wake <= now or token < self._wake):
                self._wake = token
                self._clock.at(token, self._next)
            return
        self._busy = True
        work.state = fair_queue.Work.SIGNING
        seconds = self._seconds * self._random.uniform(1 - figures.DEVICE_SPREAD, 1 + figures.DEVICE_SPREAD)
        self._clock.at(now + seconds, self._done, work, seconds)

    def _done(self, work, seconds):
        self._busy = False
        self.signatures += 1
        self.busy_seconds += seconds
        self.last_done = self._clock.now
        self._queue.charge(work, seconds)
        work.state = fair_queue.Work.SIGNED
        work.signed_at = self._clock.now
        work.owner.signed(work)
        self._next()


class Processors:
    """The cores of a machine, which take what is to be done in the order in which it came."""

    def __init__(self, cores):
        self._free = [0.0] * cores

    def done(self, now, seconds):
        """When work that comes now and takes that long is done."""
        end = max(now, heapq.heappop(self._free)) + seconds
        heapq.heappush(self._free, end)
        return end


class WaitBudget:
    """For how long a plugin may keep its host's thread waiting: plugin_shim/core/wait_budget.h."""

    __slots__ = ("_spans", "_sum")

    def __init__(self):
        self._spans = collections.deque()
        self._sum = 0.0

    def left(self, now):
        start = now - figures.WAIT_WINDOW
        spans = self._spans
        while spans and spans[0][1] <= start:
            first = spans.popleft()
            self._sum -= first[1] - first[0]
        spent = self._sum
        if spans and spans[0][0] < start:
            spent -= start - spans[0][0]
        return min(max(figures.WAIT_IN_A_WINDOW - spent, 0.0), figures.WAIT_IN_A_CALL)

    def spend(self, begin, end):
        self._spans.append((begin, end))
        self._sum += end - begin


class RateLimit:
    """Handshakes that one process may begin: daemon/rpc/limits.h."""

    __slots__ = ("_tokens", "_since")

    def __init__(self):
        self._tokens = float(figures.HANDSHAKE_BURST)
        self._since = 0.0

    def take(self, now):
        self._tokens = min(float(figures.HANDSHAKE_BURST),
                           self._tokens + (now - self._since) * figures.HANDSHAKES_PER_SECOND)
        self._since = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Robot:
    """A host: a device, processors (perhaps shared with other robots), participants."""

    __slots__ = ("name", "device", "processors", "participants", "crowd")

    def __init__(self, name, device, processors, crowd):
        self.name = name
        self.device = device
        self.processors = processors
        self.participants = []
        # How many participants are on the machine.
        self.crowd = crowd


class Participant:
    """A process with one DDS participant, whose thread runs all its handshakes."""

    __slots__ = ("name", "robot", "rank", "peers", "up", "budget", "limit", "waits_for", "waits_since", "inbox")

    def __init__(self, name, robot, rank):
        self.name = name
        self.robot = robot
        # Of its GUID: of two the lower one begins.
        self.rank = rank
        self.peers = []
        self.up = False
        self.budget = WaitBudget()
        self.limit = RateLimit()
        # The handshake in whose call the thread waits, or None.
        self.waits_for = None
        self.waits_since = 0.0
        self.inbox = collections.deque()
