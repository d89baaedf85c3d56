"""Attempts to get out of the daemon's sandbox, made by a program under the properties of its unit.

Each attempt is made three times: under all properties of ddskeyd.service, where it must be refused; as root without any
of them, where it must not be, or the attempt proves nothing; and as root with the one line that answers it, where it
must be refused again.
"""

import os
import shutil

from steps import Failure

_USER = "User=ddskeyd"
# All lines of it: each adds to a list.
_CALLS = "SystemCallFilter="
_FAMILIES = "RestrictAddressFamilies=AF_UNIX"
_EXECUTABLES = "NoExecPaths="
_READ_ONLY = "ProtectSystem=strict"

# An attempt of probe.cc, the line of the unit that stops it, and whether a container lets root do it, so that all three
# can be told apart.
ATTEMPTS = (
    ("read a home", "ProtectHome=yes", True),
    ("read a file of another user's", _USER, True),
    ("read root's credentials", _USER, True),
    ("see files of others in /tmp", "PrivateTmp=yes", True),
    ("write to /etc", _READ_ONLY, True),
    ("write to /usr", _READ_ONLY, True),
    ("write to a folder that all may write to", _READ_ONLY, True),
    ("make a device", "CapabilityBoundingSet=", True),
    ("open an IPv4 socket", _FAMILIES, True),
    ("open an IPv6 socket", _FAMILIES, True),
    ("open a netlink socket", _FAMILIES, True),
    ("open a packet socket", _FAMILIES, True),
    ("trace another process", _CALLS, True),
    ("read another process's memory", _USER, True),
    ("read another process's environment", _USER, True),
    ("signal another process", _USER, True),
    ("mount a file system", _CALLS, True),
    ("load a kernel module", "ProtectKernelModules=yes", False),
    ("map memory to write and execute", "MemoryDenyWriteExecute=yes", True),
    ("make written memory executable", "MemoryDenyWriteExecute=yes", True),
    ("make a user namespace", "RestrictNamespaces=yes", True),
    ("make a mount namespace", "RestrictNamespaces=yes", True),
    ("execute a shell", _EXECUTABLES, True),
    ("execute from the state folder", _EXECUTABLES, True),
    ("execute from the runtime folder", _EXECUTABLES, True),
    ("execute from /tmp", _EXECUTABLES, True),
    ("execute from /dev/shm", _EXECUTABLES, True),
    ("become root", _USER, True),
    ("make a file set its user", "RestrictSUIDSGID=yes", True),
    ("run in real time", "RestrictRealtime=yes", False),
    ("change its personality", "LockPersonality=yes", True),
    ("change the host's name", "ProtectHostname=yes", True),
    ("set the clock", "ProtectClock=yes", False),
    ("change a setting of the kernel", "ProtectKernelTunables=yes", True),
    ("make a control group", "ProtectControlGroups=yes", True),
    ("read the kernel's log", "ProtectKernelLogs=yes", False),
)

# What makes a service of the unit that is none of a probe.
_OF_THE_DAEMON = ("Type", "ExecStart", "ExecReload", "Restart", "RestartSec", "WatchdogSec", "NotifyAccess",
                  "FileDescriptorStoreMax", "TimeoutStopSec")


def properties(unit):
    """The lines below [Service] of the text of a unit that make its sandbox: [KEY=VALUE]."""
    lines, section = [], ""
    for line in unit.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith(("#", ";")):
            if line.split("=")[0] not in _OF_THE_DAEMON:
                lines.append(line)
    return lines


def service(lines, victim, attempts=()):
    """A unit that runs the probe under `lines`, in the daemon's place, where it may be executed."""
    arguments = " ".join([str(victim)] + ["'%s'" % attempt.replace("'", "\\'") for attempt in attempts])
    return "\n".join(["[Service]", "Type=oneshot", "ExecStart=/usr/sbin/ddskeyd " + arguments,
                      "BindReadOnlyPaths=/agent/probe:/usr/sbin/ddskeyd", "StandardOutput=truncate:/agent/probe.out",
                      "StandardError=journal"] + lines) + "\n"


def results(output):
    """What the probe says: {attempt: (refused, errno)}."""
    found = {}
    for line in output.splitlines():
        name, outcome, error = line.split("\t")
        found[name] = (outcome == "refused", error)
    return found


class Sandbox:
    """The probe in a machine where ddskeyd is installed and runs."""

    def __init__(self, machine, probe):
        self._machine = machine
        shutil.copy(probe, os.path.join(machine.shared, "probe"))
        machine.run("""
            install -d -m 0755 /home/probe /srv/probe
            install -d -m 0777 /srv/probe/open
            echo readable > /home/probe/readable
            echo readable > /tmp/probe-readable
            (umask 077; echo private > /srv/probe/private)
            systemctl start ddskey-victim.service""")
        self._victim = machine.output("systemctl show --property=MainPID --value ddskey-victim.service")
        self._lines = properties(machine.output("systemctl cat ddskeyd.service"))

    def try_all(self):
        """Returns [(attempt, line that stops it, errno, what is wrong or nothing)]."""
        free = self._run(["User=root"])
        if free.get("nothing") != (False, ""):
            said = self._machine.journal("-u", "ddskey-probe.service", "-n", "20")
            raise Failure("the probe does not run: " + said)
        sandboxed = self._run(self._lines)
        rows = [self._row(attempt, line, tellable, free, sandboxed) for attempt, line, tellable in ATTEMPTS]
        self._machine.run("""
            systemctl stop ddskey-victim.service
            rm -r /home/probe /srv/probe /tmp/probe-readable /etc/systemd/system/ddskey-probe.service
            systemctl daemon-reload""")
        return rows

    def _row(self, attempt, line, tellable, free, sandboxed):
        refused, error = sandboxed.get(attempt, (False, "not tried"))
        wrong = "" if refused else "not refused"
        if not self._those(line):
            wrong = "the unit has no line " + line
        elif refused and tellable and free[attempt][0]:
            wrong = "refused without the sandbox as well (%s)" % free[attempt][1]
        elif refused and tellable and not self._run(self._alone(line), attempt)[attempt][0]:
            wrong = "not refused by that line alone"
        return attempt, line, error, wrong

    def _those(self, line):
        """The lines of the unit that `line` names: itself, or if it ends with "=" all of that name."""
        return [other for other in self._lines if other == line or line.endswith("=") and other.startswith(line)]

    def _alone(self, line):
        lines = self._those(line)
        if line == _EXECUTABLES:
            # The program that is tried out must be executed itself; without those folders nothing could be in them.
            lines += self._those("ExecPaths=") + self._those("StateDirectory=ddskeyd") + [
                "RuntimeDirectory=ddskeyd", "RuntimeDirectoryPreserve=yes"]
        elif line == _CALLS:
            lines.append("SystemCallErrorNumber=EPERM")
        return lines if line == _USER else ["User=root"] + lines

    def _run(self, lines, *attempts):
        self._machine.write("/etc/systemd/system/ddskey-probe.service", service(lines, self._victim, attempts))
        result = self._machine.run("systemctl daemon-reload && systemctl start ddskey-probe.service", check=False)
        path = os.path.join(self._machine.shared, "probe.out")
        if not result.good() or not os.path.exists(path):
            raise Failure("the probe did not run under %s: %s" % (
                lines, self._machine.run("journalctl -n 15 -o cat -u ddskey-probe.service", check=False).text()))
        with open(path, encoding="utf-8") as file:
            return results(file.read())
