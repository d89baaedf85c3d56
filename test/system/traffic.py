"""Applications that exchange data in the machine, what they lose, and how long it takes others to join them."""

import os
import re
import time

from steps import Failure, wait_for

# Samples a second. At this rate the first line that a new subscriber prints says to 10 ms when its data began.
_RATE = 1000
_LINE = re.compile(r"size \d+ total (\d+) lost (\d+) delta (\d+) ")
# One of each is always there; a visitor comes and goes.
TALKER, LISTENER, VISITOR = "talker", "listener", "visitor"
# A visitor whose key is in a PKCS#11 token, not in the TPM.
GUEST = "guest"
_WORK = {TALKER: "pub %dHz size 1k" % _RATE, LISTENER: "sub", VISITOR: "sub", GUEST: "sub"}


def counts(output):
    """What a subscriber of ddsperf has said once a second: [(samples in all, lost in all, samples since)]."""
    return [tuple(int(number) for number in found) for found in _LINE.findall(output)]


class Traffic:
    """ddsperf as a talker and a listener, each a service with a user and an identity of its own."""

    def __init__(self, machine):
        self._machine = machine
        self._processes = None
        for name, work in _WORK.items():
            with open(self._shared(name + ".environment"), "w", encoding="utf-8") as file:
                file.write("DO=%s\n" % work)
        machine.add_unit("ddsperf@.service")
        machine.run("systemctl daemon-reload")

    def start(self):
        """Starts both, also at the next boot. Returns the seconds until data arrived."""
        return self._until_data(LISTENER, "systemctl enable --quiet --now ddsperf@listener ddsperf@talker", 30)

    def stop(self):
        """Ends both, for good."""
        self._machine.run("systemctl disable --quiet --now ddsperf@listener ddsperf@talker")

    def note(self):
        """Begins a fault: what is lost from now on counts."""
        self._processes = self._main_processes()
        return counts(self._said(LISTENER))[-1]

    def lost(self, before):
        """How many samples the listener has lost since `before`, and received. Failure says that an application ended.
        """
        self._next_line()
        self._next_line()
        if self._main_processes() != self._processes:
            raise Failure("an application ended: " + self._said(LISTENER)[-500:] + self._said(TALKER)[-500:])
        total, lost, _ = counts(self._said(LISTENER))[-1]
        return lost - before[1], total - before[0]

    def newcomer(self, script="", limit=10, name=VISITOR):
        """Runs `script`, starts a new participant at once, and returns the seconds from the beginning of the script
        until the new participant received data, which takes a handshake with each of the others."""
        try:
            return self._until_data(name, "%s\nsystemctl start ddsperf@%s" % (script, name), limit)
        finally:
            unit = "ddsperf@" + name
            self._machine.run("systemctl stop %s; systemctl reset-failed %s" % (unit, unit), check=False)

    def wait_for_data(self, limit):
        """Waits until the listener receives something that it had not before."""
        self._next_line(limit)

    def forget(self):
        """Empties what the applications have said, before they begin anew."""
        for name in _WORK:
            open(self._shared(name + ".log"), "w", encoding="utf-8").close()

    def _until_data(self, name, script, limit):
        before = len(counts(self._said(name)))
        start = time.monotonic()
        result = self._machine.run(script, check=False)
        if not result.good():
            raise Failure("starting %s failed: %s" % (name, result.text()))

        def first():
            return next((total for total, _, _ in counts(self._said(name))[before:] if total), None)
        total = wait_for(first, limit, lambda: "data for the %s, which says: %s" % (name, self._said(name)[-1000:]))
        return max(time.monotonic() - start - total / _RATE, 0.0)

    def _next_line(self, limit=5):
        before = len(counts(self._said(LISTENER)))
        wait_for(lambda: any(delta for _, _, delta in counts(self._said(LISTENER))[before:]), limit,
                 "data for the listener")

    def _main_processes(self):
        return self._machine.output("systemctl show --property=MainPID --value ddsperf@listener ddsperf@talker").split()

    def _said(self, name):
        path = self._shared(name + ".log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _shared(self, name):
        return os.path.join(self._machine.shared, name)
