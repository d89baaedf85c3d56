"""Things that go wrong while applications exchange data: each is a row of the table in docs/operations.md."""

import concurrent.futures
import re
import time

from steps import Failure, wait_for
from traffic import GUEST, VISITOR

# What a fault may cost: no sample, and this many seconds until somebody new is let in.
HANDSHAKE_LIMIT = 3.0
# In a test nobody waits for the watchdog of the unit.
_WATCHDOG = 4
_APPLICATIONS = re.compile(r"^(agent@|ddsperf@|ddskey-)")


class Row:
    """A fault, and what it came to."""

    def __init__(self, fault, outcome, newcomer, lost, received, wrong=""):
        self.fault, self.outcome, self.newcomer = fault, outcome, newcomer
        self.lost, self.received, self.wrong = lost, received, wrong

    def good(self):
        return not self.wrong


class Faults:
    """Makes faults in a machine with traffic."""

    def __init__(self, machine, traffic, progress):
        self._machine, self._traffic, self._progress = machine, traffic, progress
        self.rows = []

    def nothing(self):
        """No fault: what the others are compared with."""
        self._try("none", "", lambda: "-")

    def kill_everything(self):
        """Kills each service but the applications, without warning."""
        for service in self.services():
            self.kill(service)

    def services(self):
        """The services that run, without the applications and the test's own."""
        listed = self._machine.output(
            "systemctl list-units --type=service --state=running --plain --no-legend --no-pager").splitlines()
        return sorted(line.split()[0] for line in listed if not _APPLICATIONS.match(line))

    def kill(self, service):
        """Kills one service's processes with SIGKILL."""
        before = self._process(service)
        # Only a key in the token needs its module.
        name = GUEST if service.startswith("ddskeyd-pkcs11@") else VISITOR

        def outcome():
            after = wait_for(lambda: self._process(service), 15, "%s to run again" % service)
            if after == before:
                raise Failure("%s was not killed" % service)
            return "begins again with the next call" if name == GUEST else "systemd starts it again"
        self._try("`%s` is killed (SIGKILL)" % service, "systemctl kill --signal=KILL %s" % service, outcome, name=name)

    def hang_daemon(self):
        """Stops ddskeyd, as if it had hung: the watchdog ends it."""
        self._watchdog("%ds" % _WATCHDOG)
        before = self._process("ddskeyd.service")

        def outcome():
            wait_for(lambda: self._process("ddskeyd.service") not in ("", before), 30, "the watchdog to end ddskeyd")
            return "the watchdog ends it, systemd starts it again"
        self._try("ddskeyd hangs (SIGSTOP), with `WatchdogSec=%d`" % _WATCHDOG,
                  "systemctl kill --signal=STOP ddskeyd.service", outcome, limit=_WATCHDOG + HANDSHAKE_LIMIT)
        self._watchdog(None)

    def hang_device(self):
        """Stops the TPM for longer than the watchdog's time: that is no reason to kill the daemon."""
        self._watchdog("%ds" % _WATCHDOG)
        before = self._process("ddskeyd.service")
        note = self._traffic.note()
        self._progress("the TPM hangs")
        self._machine.run("systemctl kill --signal=STOP swtpm.service; systemctl start --no-block ddsperf@visitor")
        end = time.monotonic() + 2.5 * _WATCHDOG
        wait_for(lambda: time.monotonic() > end or self._process("ddskeyd.service") != before, 60, "nothing")
        survived = self._process("ddskeyd.service") == before
        self._machine.run("systemctl stop --no-block ddsperf@visitor; systemctl kill --signal=KILL ddsperf@visitor; "
                          "systemctl reset-failed ddsperf@visitor", check=False)

        def outcome():
            if not survived or self._process("ddskeyd.service") != before:
                raise Failure("the watchdog ended ddskeyd while its TPM hung")
            return "ddskeyd waits, and is not ended by its watchdog"
        fault = "the TPM hangs for %d s (SIGSTOP), with `WatchdogSec=%d`; then goes on" % (2.5 * _WATCHDOG, _WATCHDOG)
        self._try(fault,
                  "systemctl kill --signal=CONT swtpm.service", outcome, note=note)
        self._watchdog(None)

    def replace_daemon(self, fault, script, outcome):
        """Runs `script`, which puts another daemon in this one's place; somebody new comes when the old one ends."""
        before = self._process("ddskeyd.service")
        with concurrent.futures.ThreadPoolExecutor(1) as other:
            running = other.submit(self._machine.run, script)

            def ended():
                return running.done() or self._process("ddskeyd.service") != before

            def finished():
                running.result()
                if self._process("ddskeyd.service") == before:
                    raise Failure("the daemon was not replaced")
                return outcome()
            note = self._traffic.note()
            wait_for(ended, 60, "the daemon's end")
            self._try(fault, "", finished, note=note)

    def _watchdog(self, time_out):
        folder = "/run/systemd/system/ddskeyd.service.d"
        if time_out:
            change = "mkdir -p %s && printf '[Service]\\nWatchdogSec=%s\\n' > %s/test.conf" % (folder, time_out, folder)
        else:
            change = "rm -r " + folder
        self._machine.run(change + "; systemctl daemon-reload; systemctl restart ddskeyd.service")

    def _process(self, service):
        shown = self._machine.output("systemctl show --property=MainPID --property=ActiveState %s" % service)
        found = dict(line.split("=", 1) for line in shown.splitlines())
        return found["MainPID"] if found["ActiveState"] == "active" else ""

    def _try(self, fault, script, outcome, limit=HANDSHAKE_LIMIT, note=None, name=VISITOR):
        self._progress(fault)
        before = note or self._traffic.note()
        wrong, newcomer, said, lost, received = "", None, "", None, None
        try:
            newcomer = self._traffic.newcomer(script, limit + 12, name)
            said = outcome()
            lost, received = self._traffic.lost(before)
            if lost or not received:
                wrong = "%d samples lost, %d received" % (lost, received)
            elif newcomer > limit:
                wrong = "a new handshake took %.1f s" % newcomer
        except Failure as failure:
            wrong = str(failure)
        self.rows.append(Row(fault, said, newcomer, lost, received, wrong))
        if wrong:
            self._progress("  NOT AS IT SHOULD BE: " + wrong)


def table(rows):
    """The rows as Markdown."""
    lines = ["| fault | what happens | first data for a new participant after | samples lost, of those received |",
             "|---|---|---|---|"]
    for row in rows:
        newcomer = "-" if row.newcomer is None else "%.1f s" % row.newcomer
        lost = "-" if row.lost is None else "%d of %d" % (row.lost, row.received)
        lines.append("| %s | %s | %s | %s |" % (row.fault, row.wrong or row.outcome, newcomer, lost))
    return "\n".join(lines)
