"""The queue in front of a device, as daemon/backend/fair_queue.h has it, without groups: one user runs the robot."""

import collections
import heapq

import figures


class Work:
    """A signature that somebody waits for. `completion` tells Finals and proofs of possession from Replies."""

    __slots__ = ("lane_name", "completion", "owner", "signed_at", "state")

    QUEUED, SIGNING, SIGNED, LOST = range(4)

    def __init__(self, owner, completion, lane_name):
        self.owner = owner
        self.completion = completion
        self.lane_name = lane_name
        self.state = self.QUEUED
        self.signed_at = None


class _Lane:
    __slots__ = ("works", "paid_until", "placed")

    def __init__(self):
        self.works = collections.deque()
        self.paid_until = 0.0
        self.placed = False


class _Ring:
    def __init__(self):
        self.lanes = {}
        self.turns = collections.deque()
        self.throttled = []
        self.size = 0
        self.used = 0.0

    def longest(self):
        """The lane with the most works that wait in it, or nothing."""
        return max(self.lanes.values(), key=lambda lane: len(lane.works), default=None)


class FairQueue:
    """Completions and replies are two rings of lanes; a reply needs a token of its lane if replies are rationed."""

    def __init__(self, rationed):
        self._rationed = rationed
        self._interval = 1 / figures.REPLIES_PER_SECOND
        self._completions = _Ring()
        self._replies = _Ring()
        self._reply_was_last = True
        self._contended = False
        self._order = 0

    def __len__(self):
        return self._completions.size + self._replies.size

    def push(self, work, now):
        """Adds `work`. Returns False if there is no room, and which work gave way to it, if one did."""
        ring = self._completions if work.completion else self._replies
        lane = ring.lanes.get(work.lane_name)
        length = len(lane.works) if lane else 0
        if length >= figures.QUEUE_CAPACITY_PER_ID:
            return False, None
        full = len(self) >= figures.QUEUE_CAPACITY
        displaced = None
        if full or (not work.completion and ring.size >= figures.QUEUE_REPLY_CAPACITY):
            displaced = self._make_room(ring, full, length)
            if displaced is None:
                return False, None
        if lane is None:
            lane = ring.lanes[work.lane_name] = _Lane()
        lane.works.append(work)
        ring.size += 1
        if not lane.placed:
            self._enlist(ring, lane, now)
        return True, displaced

    def _make_room(self, ring, full, length):
        """Takes out the newest work of a lane that stays longer than the one that asks, and returns it."""
        assured = figures.QUEUE_CAPACITY - figures.QUEUE_REPLY_CAPACITY
        if full and ring.size < assured:
            ring = self._replies if ring is self._completions else self._completions
            length = -1
        crowd = ring.longest()
        if crowd is None or len(crowd.works) < length + 2:
            return None
        work = crowd.works[-1]
        self.remove(work)
        return work

    def remove(self, work):
        """Takes out a work that waits here. What is left of an empty lane is passed over by pop."""
        ring = self._completions if work.completion else self._replies
        ring.lanes[work.lane_name].works.remove(work)
        ring.size -= 1

    def _enlist(self, ring, lane, now):
        lane.placed = True
        token = lane.paid_until - (figures.REPLY_BURST - 1) * self._interval
        if ring is self._replies and self._rationed and token > now:
            self._order += 1
            heapq.heappush(ring.throttled, (token, self._order, lane))
        else:
            ring.turns.append(lane)

    def _settle(self, ring, now):
        """Moves lanes that have their token into the ring, and drops those without work from its front."""
        while ring.throttled and (ring.throttled[0][0] <= now or not ring.throttled[0][2].works):
            lane = heapq.heappop(ring.throttled)[2]
            ring.turns.append(lane)
        while ring.turns and not ring.turns[0].works:
            ring.turns.popleft().placed = False

    def pop(self, now):
        """The work whose turn it is, or None if there is none that may go."""
        self._settle(self._completions, now)
        self._settle(self._replies, now)
        completion = bool(self._completions.turns)
        reply = bool(self._replies.turns)
        if not completion and not reply:
            return None
        contended = completion and reply
        if contended and not self._contended:
            self._completions.used = self._replies.used = 0.0
        self._contended = contended
        if contended:
            reply = not self._reply_was_last and self._replies.used <= self._completions.used
        ring = self._replies if reply else self._completions
        self._reply_was_last = reply
        lane = ring.turns.popleft()
        work = lane.works.popleft()
        ring.size -= 1
        if reply and self._rationed:
            lane.paid_until = max(lane.paid_until, now) + self._interval
        lane.placed = False
        if lane.works:
            self._enlist(ring, lane, now)
        return work

    def charge(self, work, busy):
        """Notes for how long the device was busy with `work`."""
        (self._completions if work.completion else self._replies).used += busy

    def next_token(self):
        """When the next rationed reply may go; None if none waits for that."""
        return self._replies.throttled[0][0] if self._replies.throttled else None
