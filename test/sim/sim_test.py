"""The simulation must keep its own books, agree with what was measured, and stand on the figures of the code."""

import dataclasses
import re
import unittest

import calibration
import fair_queue
import figures
import storm
from fair_queue import Work
from scenario import Scenario

_SMALL = Scenario(robots=6, participants=8, neighbours=4, peers=2, cores=2)


def run(**changes):
    return storm.run(dataclasses.replace(_SMALL, **changes))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class FiguresTest(unittest.TestCase):
    def says(self, path, pattern):
        found = re.search(pattern, read(path))
        self.assertIsNotNone(found, "%s has nothing like %s" % (path, pattern))
        return float(found.group(1))

    def test_are_those_of_the_plugin(self):
        budget = "plugin_shim/core/wait_budget.h"
        self.assertEqual(self.says(budget, r"kInACall\{(\d+)\}"), 1000 * figures.WAIT_IN_A_CALL)
        self.assertEqual(self.says(budget, r"kInAWindow\{(\d+)\}"), 1000 * figures.WAIT_IN_A_WINDOW)
        self.assertEqual(self.says(budget, r"kWindow\{(\d+)\}"), 1000 * figures.WAIT_WINDOW)
        handshake = "plugin_shim/core/handshake.cc"
        self.assertEqual(self.says(handshake, r"milliseconds kLeastWait\((\d+)\)"), 1000 * figures.LEAST_WAIT)
        self.assertEqual(self.says(handshake, r"milliseconds kMargin\((\d+)\)"), 1000 * figures.WAIT_MARGIN)

    def test_are_those_of_the_daemon(self):
        box = "daemon/custodian/deposit_box.h"
        self.assertEqual(self.says(box, r"interest = std::chrono::seconds\((\d+)\)"), figures.DEPOSIT_INTEREST)
        self.assertEqual(self.says(box, r"keep = std::chrono::seconds\((\d+)\)"), figures.DEPOSIT_KEEP)
        queue = "daemon/backend/fair_queue.h"
        for name, figure in (("capacity", figures.QUEUE_CAPACITY), ("reply_capacity", figures.QUEUE_REPLY_CAPACITY),
                             ("capacity_per_id", figures.QUEUE_CAPACITY_PER_ID), ("reply_burst", figures.REPLY_BURST),
                             ("replies_per_second", figures.REPLIES_PER_SECOND)):
            self.assertEqual(self.says(queue, r"\b%s = (\d+);" % name), figure, name)
        limits = "daemon/rpc/limits.h"
        self.assertEqual(self.says(limits, r"handshakes_per_second = (\d+);"), figures.HANDSHAKES_PER_SECOND)
        self.assertEqual(self.says(limits, r"handshake_burst = (\d+);"), figures.HANDSHAKE_BURST)

    def test_of_software_tpms_are_those_that_were_measured(self):
        page = read("docs/benchmarks.md")
        for device in ("swtpm", "swtpm-abrmd"):
            self.assertIn("%d /s" % round(1 / figures.DEVICES[device]), page)


class CalibrationTest(unittest.TestCase):
    def test_says_what_was_measured(self):
        page = read("docs/benchmarks.md")
        for case in calibration.FITTED + calibration.PREDICTED:
            with self.subTest(case.row):
                measured = calibration.measured(page, case)
                outcome = storm.run(case.scenario)
                self.assertLess(outcome.matched_at(1), measured * calibration.FACTOR)
                self.assertGreater(outcome.matched_at(1), measured / calibration.FACTOR)

    def test_misses_rows_that_are_not_there(self):
        with self.assertRaises(ValueError):
            calibration.measured("| a | 1 s |", calibration.FITTED[0])


class ConservationTest(unittest.TestCase):
    def test_each_pair_is_matched_once_or_abandoned(self):
        for changes in ({}, {"device": "tpm-slow", "limit": 10.0}, {"loss": 0.2}, {"vouching": True},
                        {"participants": 1, "peers": 1}, {"neighbours": 0}, {"boot_spread": 100.0, "stagger": 1.0}):
            with self.subTest(changes):
                outcome = run(**changes)
                self.assertEqual(len(outcome.matched) + len(outcome.abandoned), outcome.scenario.pairs())
                self.assertEqual(len(set(outcome.abandoned)), len(outcome.abandoned))
                self.assertTrue(all(time > 0 for time in outcome.matched))

    def test_a_limit_that_is_too_short_is_reported(self):
        outcome = run(device="tpm-slow", limit=5.0)
        self.assertGreater(len(outcome.abandoned), 0)
        self.assertIsNone(outcome.matched_at(1))
        self.assertEqual(run(device="software", limit=5.0).abandoned, [])

    def test_pairs_are_counted_as_they_are_made(self):
        # 28 on each robot, and two of each robot with two of the four that it hears.
        self.assertEqual(_SMALL.pairs(), 6 * 28 + 6 * 4 // 2 * 4)
        self.assertEqual(dataclasses.replace(_SMALL, neighbours=0).pairs(), 6 * 28)

    def test_the_same_seed_gives_the_same(self):
        self.assertEqual(run(loss=0.05), run(loss=0.05))
        self.assertNotEqual(run(loss=0.05).matched, run(loss=0.05, seed=2).matched)


class SignaturesTest(unittest.TestCase):
    def test_a_pair_costs_two(self):
        outcome = run()
        self.assertEqual(sum(outcome.signatures), 2 * outcome.scenario.pairs())

    def test_vouching_removes_exactly_those_of_the_same_host(self):
        for device in ("tpm", "swtpm", "software"):
            with self.subTest(device):
                without, vouched = run(device=device), run(device=device, vouching=True)
                self.assertEqual(sum(without.signatures) - (sum(vouched.signatures) - vouched.proofs),
                                 2 * without.scenario.local_pairs())
                self.assertEqual(vouched.proofs, without.scenario.robots * without.scenario.participants)

    def test_lost_messages_cost_none(self):
        outcome = run(loss=0.2)
        self.assertGreater(outcome.resent, 0)
        self.assertEqual(sum(outcome.signatures), 2 * outcome.scenario.pairs())


class TimeTest(unittest.TestCase):
    def test_a_slower_device_is_never_faster(self):
        for changes in ({}, {"vouching": True}, {"stagger": 0.2}):
            times = [run(device=device, **changes) for device in ("software", "tpm-fast", "tpm", "tpm-slow")]
            for faster, slower in zip(times, times[1:]):
                for part in (0.5, 0.99, 1):
                    self.assertLessEqual(faster.matched_at(part), slower.matched_at(part) * 1.001, (changes, part))

    def test_no_device_makes_more_than_it_can(self):
        for device in ("tpm-slow", "tpm", "swtpm"):
            outcome = run(device=device)
            self.assertLessEqual(max(outcome.utilisation), 1)
            alone = max(outcome.signatures) * figures.DEVICES[device] * (1 - figures.DEVICE_SPREAD)
            self.assertGreaterEqual(outcome.matched_at(1), alone)

    def test_vouching_shortens_the_storm(self):
        self.assertLess(run(vouching=True).matched_at(1), run().matched_at(1))

    def test_who_asks_too_seldom_loses_his_place(self):
        patient = run(device="tpm-slow", participants=16, neighbours=0, peers=0)
        self.assertEqual(patient.given_up, 0)
        rare = run(device="tpm-slow", participants=16, neighbours=0, peers=0, retry=2 * figures.DEPOSIT_INTEREST)
        self.assertGreater(rare.given_up, 0)


class FairQueueTest(unittest.TestCase):
    def setUp(self):
        self.queue = fair_queue.FairQueue(rationed=True)

    def push(self, lane, completion=False):
        work = Work(None, completion, lane)
        return work, self.queue.push(work, 0.0)

    def pop(self, now=0.0):
        work = self.queue.pop(now)
        return work.lane_name if work else None

    def test_lanes_take_turns(self):
        for lane in ("a", "a", "a", "b"):
            self.push(lane, completion=True)
        self.assertEqual([self.pop() for _ in range(5)], ["a", "b", "a", "a", None])

    def test_finals_go_before_replies_and_replies_do_not_stand_still(self):
        for _ in range(3):
            self.push("reply")
            self.push("final", completion=True)
        self.assertEqual([self.pop() for _ in range(6)], ["final", "reply"] * 3)

    def test_replies_of_one_certificate_are_rationed(self):
        for _ in range(6):
            self.push("a")
        self.assertEqual([self.pop() for _ in range(5)], ["a"] * 4 + [None])
        self.assertEqual(self.queue.next_token(), 0.5)
        self.assertEqual([self.pop(0.5), self.pop(0.5), self.pop(1.0)], ["a", None, "a"])

    def test_software_rations_nothing(self):
        self.queue = fair_queue.FairQueue(rationed=False)
        for _ in range(6):
            self.push("a")
        self.assertEqual([self.pop() for _ in range(6)], ["a"] * 6)

    def test_who_has_much_gives_way_to_who_has_little(self):
        for number in range(figures.QUEUE_REPLY_CAPACITY):
            _, (room, displaced) = self.push(str(number % 12))
            self.assertTrue(room)
            self.assertIsNone(displaced)
        self.assertEqual(self.push("0")[1], (False, None))
        work, (room, displaced) = self.push("new")
        self.assertTrue(room)
        self.assertNotEqual(displaced.lane_name, work.lane_name)
        self.assertEqual(len(self.queue), figures.QUEUE_REPLY_CAPACITY)

    def test_one_origin_has_its_share_and_no_more(self):
        for _ in range(figures.QUEUE_CAPACITY_PER_ID):
            self.assertTrue(self.push("a")[1][0])
        self.assertFalse(self.push("a")[1][0])

    def test_what_was_taken_out_is_not_popped(self):
        first, _ = self.push("a")
        self.push("b")
        self.queue.remove(first)
        self.assertEqual([self.pop(), self.pop()], ["b", None])


class ShortcutTest(unittest.TestCase):
    def test_questions_that_change_nothing_need_not_be_played(self):
        for device in ("tpm", "tpm-slow"):
            crowd = {"device": device, "robots": 2, "neighbours": 0, "participants": 24}
            quick, exact = run(**crowd), run(exact=True, **crowd)
            self.assertLess(quick.events, 0.7 * exact.events)
            self.assertEqual(quick.signatures, exact.signatures)
            for part in (0.5, 0.99, 1):
                self.assertAlmostEqual(quick.matched_at(part) / exact.matched_at(part), 1, delta=0.05)


class ScenarioTest(unittest.TestCase):
    def test_refuses_what_is_no_fleet(self):
        for wrong in ({"device": "abacus"}, {"robots": 0}, {"neighbours": 6}, {"neighbours": 3}, {"peers": 9},
                      {"loss": 1.0}, {"retry": 0.0}, {"boot_spread": -1.0}):
            with self.subTest(wrong), self.assertRaises(ValueError):
                dataclasses.replace(_SMALL, **wrong).check()


if __name__ == "__main__":
    unittest.main()
