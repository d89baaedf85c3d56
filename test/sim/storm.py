"""Runs a scenario: a discrete-event simulation of handshakes between participants.

A pair makes two signatures: the replier's of its Reply, then the initiator's of its Final. Each is asked for by the one
thread that runs all handshakes of a participant, in calls that wait for it no longer than the plugin's budget allows;
what is not made by then is pending and tried again later, and finds its place in the queue of the device as long as
somebody asked for it within the daemon's patience.

A thread that has used up its budget asks and does not wait, a thousand times over. Such questions change nothing until
the signature is there, so they are counted, and not played one by one: the handshake is asleep.
"""

import gc
import heapq
import math
import random

import figures
import parts
from fair_queue import Work
from scenario import Outcome


# A wait that is shorter is no use to the pair.
_SHORT = 0.1


class Clock:
    """The time, and what is to be done when."""

    def __init__(self):
        self.now = 0.0
        self.events = 0
        self._coming = []

    def at(self, when, what, *arguments):
        self.events += 1
        heapq.heappush(self._coming, (when, self.events, what, arguments))

    def run(self):
        """Goes on until nothing is to be done any more."""
        coming = self._coming
        while coming:
            self.now, _, what, arguments = heapq.heappop(coming)
            what(*arguments)


class Handshake:
    """A pair of participants on its way to being matched; an owner of work."""

    __slots__ = ("storm", "initiator", "replier", "discovery", "state", "work", "met", "begun", "asked_until", "asks_next",
                 "tries")

    APART, REQUEST, REPLY, FINAL, CONFIRM, DONE, ABANDONED = range(7)

    def __init__(self, storm, one, other, discovery):
        self.storm = storm
        self.initiator, self.replier = (one, other) if one.rank < other.rank else (other, one)
        self.discovery = discovery
        self.state = self.APART
        self.work = None
        self.met = self.begun = self.asked_until = 0.0
        # Asleep: when it asks next. Awake: None.
        self.asks_next = None
        self.tries = 0

    def local(self):
        return self.initiator.robot is self.replier.robot

    def actor(self):
        """Whose turn it is."""
        return self.initiator if self.state in (self.REQUEST, self.FINAL) else self.replier

    def name(self):
        return "%s-%s" % (self.initiator.name, self.replier.name)

    def signed(self, work):
        self.storm.signed(self, work)

    def lost(self, work):
        self.storm.lost(self, work)


class Proof:
    """That a participant's key is in the device: signed once, as the participant starts; an owner of work."""

    __slots__ = ("storm", "participant")

    def __init__(self, storm, participant):
        self.storm = storm
        self.participant = participant

    def signed(self, _work):
        self.storm.come_up(self.participant)

    def lost(self, _work):
        self.storm.prove_later(self)


class Storm:
    """A fleet that starts."""

    def __init__(self, scenario):
        scenario.check()
        self._scenario = scenario
        self._clock = Clock()
        self._chance = random.Random(scenario.seed)
        # Whoever asks too seldom to keep his place must be seen to lose it.
        self._may_sleep = (not scenario.exact and scenario.retry < figures.DEPOSIT_INTEREST and
                           scenario.retry_growth == 1)
        self._robots = []
        self._handshakes = []
        self.outcome = Outcome(scenario, [], [], [], [], [])
        self._boots = []
        self._build()

    # Building.

    def _build(self):
        scenario = self._scenario
        shared = parts.Processors(scenario.cores)
        crowd = scenario.participants * (scenario.robots if scenario.one_machine else 1)
        ranks = random.Random(scenario.seed + 1)
        for number in range(scenario.robots):
            device = parts.Device(self._clock, scenario.device, random.Random(scenario.seed * 1000003 + number))
            robot = parts.Robot(number, device, shared if scenario.one_machine else parts.Processors(scenario.cores),
                                crowd)
            robot.participants = [
                parts.Participant("%d.%d" % (number, each), robot, ranks.random())
                for each in range(scenario.participants)
            ]
            self._robots.append(robot)
        for robot in self._robots:
            for index, one in enumerate(robot.participants):
                for other in robot.participants[:index]:
                    self._pair(one, other, figures.LOCAL_DISCOVERY)
        for here, there in scenario.edges():
            for one in self._robots[here].participants[:scenario.peers]:
                for other in self._robots[there].participants[:scenario.peers]:
                    self._pair(one, other, figures.LOCAL_DISCOVERY if scenario.one_machine else figures.NETWORK_DISCOVERY)

    def _pair(self, one, other, discovery):
        handshake = Handshake(self, one, other, self._chance.uniform(*discovery))
        self._handshakes.append(handshake)
        one.peers.append((other, handshake))
        other.peers.append((one, handshake))

    # Starting.

    def run(self):
        """Runs everything, and returns the Outcome."""
        scenario = self._scenario
        boots = [self._chance.uniform(0, scenario.boot_spread) for _ in self._robots]
        first = min(boots)
        self._boots = [boot - first for boot in boots]
        for robot, boot in zip(self._robots, self._boots):
            for index, participant in enumerate(robot.participants):
                late = scenario.stagger * (index + self._chance.random())
                self._clock.at(boot + late + figures.START_OF_A_PARTICIPANT, self._start, participant)
        self._clock.run()
        return self._finish()

    def _start(self, participant):
        if self._scenario.vouching:
            self._prove(Proof(self, participant))
        else:
            self.come_up(participant)

    def _prove(self, proof):
        device = proof.participant.robot.device
        self.outcome.proofs += 1
        if not device.submit(Work(proof, True, proof.participant.name)):
            self.outcome.refusals += 1
            self.prove_later(proof)

    def prove_later(self, proof):
        """A proof that found no room is asked for again, as a participant's start waits for it."""
        self.outcome.proofs -= 1
        self._clock.at(self._clock.now + figures.RETRY_INTERVAL, self._prove, proof)

    def come_up(self, participant):
        """A participant is there: it and those that are there already find each other."""
        participant.up = True
        now = self._clock.now
        for other, handshake in participant.peers:
            if other.up:
                handshake.met = now
                self._clock.at(max(now + handshake.discovery, self._work_of_dds(handshake)), self._discovered, handshake)

    def _work_of_dds(self, handshake):
        """When half of what a pair costs in processor time is done on both its machines."""
        now = self._clock.now
        done = now
        for side in (handshake.initiator, handshake.replier):
            pair = figures.STEPS_OF_A_PAIR + figures.DDS_FACTOR * side.robot.crowd**figures.DDS_POWER
            done = max(done, side.robot.processors.done(now, pair / 4))
        return done

    # Handshakes.

    def _discovered(self, handshake):
        handshake.begun = self._clock.now
        self._enter(handshake, Handshake.REQUEST)
        self._turn(handshake)

    def _enter(self, handshake, state):
        handshake.state = state
        handshake.work = None
        handshake.tries = 0

    def _turn(self, handshake):
        """The actor's thread takes up its step of the handshake, or puts it behind what it waits for."""
        actor = handshake.actor()
        now = self._clock.now
        if actor.waits_for is not None:
            actor.inbox.append(handshake)
        elif now - handshake.begun > self._scenario.limit:
            handshake.state = Handshake.ABANDONED
            self.outcome.abandoned.append(handshake.name())
        else:
            left = actor.budget.left(now)
            if left < figures.LEAST_WAIT:
                self.outcome.put_off += 1
                self._later(handshake)
            elif handshake.state == Handshake.CONFIRM:
                self._complete(handshake)
            elif handshake.state == Handshake.REQUEST:
                self._request(handshake, actor)
            elif self._scenario.vouching and handshake.local():
                self._send(handshake)
            else:
                self._sign(handshake, actor, left)

    def _request(self, handshake, actor):
        if actor.limit.take(self._clock.now):
            self._send(handshake)
        else:
            self.outcome.refusals += 1
            self._later(handshake)

    def _sign(self, handshake, actor, left):
        """Asks for the signature, and waits for it as long as the host can be kept waiting."""
        now = self._clock.now
        work = handshake.work
        if work is not None and work.state == Work.SIGNED and now - work.signed_at > figures.DEPOSIT_KEEP:
            self.outcome.given_up += 1
            work = None
        if work is not None and work.state == Work.SIGNED:
            self._send(handshake)
            return
        if work is None or work.state == Work.LOST:
            if not self._order(handshake, actor):
                self.outcome.refusals += 1
                self._later(handshake)
                return
            if handshake.work.state == Work.SIGNED:
                self._send(handshake)
                return
        wait = max(left - figures.WAIT_MARGIN, 0.0)
        handshake.asked_until = now + wait + figures.DEPOSIT_INTEREST
        if wait > (_SHORT if self._may_sleep else 0):
            actor.waits_for = handshake
            actor.waits_since = now
            self._clock.at(now + wait, self._wait_over, actor, handshake, now)
        elif self._may_sleep:
            self._sleep(handshake)
        else:
            self._later(handshake)

    def _sleep(self, handshake):
        handshake.asks_next = self._clock.now + self._scenario.retry
        limit = handshake.begun + self._scenario.limit
        self._clock.at(max(limit, handshake.asks_next), self._too_late, handshake, handshake.work)

    def _wake(self, handshake):
        """Something has happened to the work: that is found at the next question."""
        now = self._clock.now
        missed = max(0, math.ceil((now - handshake.asks_next) / self._scenario.retry))
        self.outcome.retries += missed + 1
        when = handshake.asks_next + missed * self._scenario.retry
        handshake.asks_next = None
        self._clock.at(when, self._turn, handshake)

    def _too_late(self, handshake, work):
        if handshake.asks_next is not None and handshake.work is work:
            self._wake(handshake)
            handshake.asked_until = self._clock.now + figures.DEPOSIT_INTEREST
            self._clock.at(handshake.asked_until, self._interest_over, handshake, work)

    def _order(self, handshake, actor):
        completion = handshake.state == Handshake.FINAL
        if not completion and handshake.work is None and not actor.limit.take(self._clock.now):
            return False
        # A Reply counts on the account of the peer's certificate, a Final on the own process's.
        work = Work(handshake, completion, actor.name if completion else handshake.initiator.name)
        handshake.work = work
        if not actor.robot.device.submit(work):
            work.state = Work.LOST
            return False
        self._clock.at(self._clock.now + figures.DEPOSIT_INTEREST, self._interest_over, handshake, work)
        return True

    def _interest_over(self, handshake, work):
        if work.state != Work.QUEUED or handshake.work is not work or handshake.asks_next is not None:
            return
        if handshake.asked_until > self._clock.now:
            self._clock.at(handshake.asked_until, self._interest_over, handshake, work)
            return
        self.outcome.given_up += 1
        work.state = Work.LOST
        handshake.actor().robot.device.cancel(work)

    def signed(self, handshake, work):
        """A signature is made: who waits in a call has it at once, others when they ask again."""
        actor = handshake.actor()
        if handshake.work is work and actor.waits_for is handshake:
            self._release(actor)
            self._send(handshake)
            self._take_up(actor)
        elif handshake.work is work and handshake.asks_next is not None:
            self._wake(handshake)

    def lost(self, handshake, work):
        """Work gave way to somebody who has less in the queue."""
        self.outcome.refusals += 1
        actor = handshake.actor()
        if handshake.work is work and actor.waits_for is handshake:
            self._release(actor)
            self._later(handshake)
            self._take_up(actor)
        elif handshake.work is work and handshake.asks_next is not None:
            self._wake(handshake)

    def _wait_over(self, actor, handshake, since):
        if actor.waits_for is handshake and actor.waits_since == since:
            self._release(actor)
            self._later(handshake)
            self._take_up(actor)

    def _release(self, actor):
        actor.waits_for = None
        actor.budget.spend(actor.waits_since, self._clock.now)

    def _take_up(self, actor):
        while actor.inbox and actor.waits_for is None:
            self._turn(actor.inbox.popleft())

    def _later(self, handshake):
        self.outcome.retries += 1
        pause = self._scenario.retry * self._scenario.retry_growth**handshake.tries
        handshake.tries += 1
        self._clock.at(self._clock.now + pause, self._turn, handshake)

    def _send(self, handshake):
        """The step is done: its message goes to the peer, whose turn is next."""
        self._enter(handshake, handshake.state + 1)
        delay = figures.LOCAL_MESSAGE if handshake.local() else figures.NETWORK_MESSAGE
        while self._scenario.loss and self._chance.random() < self._scenario.loss:
            self.outcome.resent += 1
            delay += figures.RETRY_INTERVAL
        self._clock.at(self._clock.now + delay, self._turn, handshake)

    def _complete(self, handshake):
        handshake.state = Handshake.DONE
        matched = self._work_of_dds(handshake)
        self.outcome.matched.append(matched)
        self.outcome.waited.append(matched - handshake.met)

    def _finish(self):
        outcome = self.outcome
        outcome.matched.sort()
        outcome.waited.sort()
        outcome.events = self._clock.events
        for robot, boot in zip(self._robots, self._boots):
            device = robot.device
            outcome.signatures.append(device.signatures)
            span = device.last_done - boot
            outcome.utilisation.append(device.busy_seconds / span if span > 0 else 0.0)
            outcome.longest_queue = max(outcome.longest_queue, device.longest_queue)
        ended = (Handshake.DONE, Handshake.ABANDONED)
        left = [each.name() for each in self._handshakes if each.state not in ended]
        if left:
            raise AssertionError("%d pairs were neither matched nor abandoned, %s among them" % (len(left), left[0]))
        return outcome


def run(scenario):
    """Runs `scenario` and returns its Outcome."""
    # Millions of objects that live to the end: looking for garbage among them takes longer than all the rest.
    collected = gc.isenabled()
    gc.disable()
    try:
        return Storm(scenario).run()
    finally:
        if collected:
            gc.enable()
