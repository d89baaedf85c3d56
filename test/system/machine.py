"""A container with a Debian 12 of its own, booted by systemd-nspawn, and a way to run commands in it."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

from steps import Failure, run, wait_for

_HERE = os.path.dirname(os.path.abspath(__file__))
_NSPAWN = "/run/systemd/nspawn"
_PR_SET_PDEATHSIG = 1
# What nspawn ends with when it leaves the next boot to its service manager (--keep-unit).
_REBOOTED = 133


class Result:
    """What a command in the machine came to."""

    def __init__(self, code, output, errors):
        self.code, self.output, self.errors = code, output, errors

    def good(self):
        return self.code == 0

    def text(self):
        return (self.output + self.errors).strip()


def children(pid):
    """The processes that a process has started and that still are."""
    with contextlib.suppress(OSError), open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return [int(child) for child in file.read().split()]
    return []


class Machine:
    """A machine in `folder`, which is its own: its tree, its console, and what it shares with the test."""

    def __init__(self, folder, tree):
        self.folder = folder
        self.root = tree.copy(os.path.join(folder, "root"))
        self.shared = os.path.join(folder, "agent")
        os.mkdir(self.shared)
        shutil.copy(os.path.join(_HERE, "guest/agent.sh"), self.shared)
        for unit in ("agent.socket", "agent@.service"):
            self.add_unit(unit)
        os.makedirs(self.path("etc/systemd/system/sockets.target.wants"), exist_ok=True)
        os.symlink("../agent.socket", self.path("etc/systemd/system/sockets.target.wants/agent.socket"))
        self._process = None
        self._requests = 0

    def path(self, path):
        """Where a file of the machine is, seen from here."""
        return os.path.join(self.root, path.lstrip("/"))

    def add_unit(self, name):
        """Installs a unit of the folder guest/ as the administrator of the machine would."""
        shutil.copy(os.path.join(_HERE, "guest", name), self.path("etc/systemd/system"))

    def write(self, path, text, mode=0o644):
        """Writes a file of the machine as root."""
        target = self.path(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(target, mode)

    def read(self, path):
        """The text of a file of the machine."""
        with open(self.path(path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def boot(self):
        """Starts the machine and returns the seconds until it was up."""
        start = time.monotonic()
        self._start()
        self._wait_until_up()
        return time.monotonic() - start

    def _start(self):
        # A mount namespace with a folder of nspawn's own: it cannot clean up where /run is no tmpfs.
        os.makedirs(_NSPAWN, exist_ok=True)
        command = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs %s && exec "$@"' % _NSPAWN, "sh",
                   "systemd-nspawn", "--quiet", "--boot", "--register=no", "--private-network",
                   # Which nspawn keeps from its machines, and no other Debian does: secrets are locked in memory.
                   "--system-call-filter=@memlock", "--console=read-only",
                   "--bind=%s:/agent" % self.shared, "--machine=ddskey-test", "--directory=" + self.root]
        if not os.path.isdir("/run/systemd/system"):
            command.append("--keep-unit")
        with open(os.path.join(self.folder, "console.log"), "ab") as console:
            # Its own session: Ctrl-C is for us. It ends with us, whatever we end of.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                env=dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1"),
                preexec_fn=lambda: ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM))

    def reboot(self):
        """Restarts the machine in an orderly way and returns the seconds until it was up."""
        before = self._boot_id()
        start = time.monotonic()
        self.run("systemctl reboot", check=False)
        wait_for(lambda: self._process.poll() is not None or self._boot_id() not in ("", before), 60, "the reboot")
        if self._process.poll() == _REBOOTED:
            self._start()
        self._wait_until_up()
        return time.monotonic() - start

    def stop(self):
        """Ends the machine."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                # The machine does not end with nspawn, but with its own first process.
                first = children(self._process.pid)
                self._process.kill()
                for pid in first:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def run(self, script, check=True, timeout=120):
        """Runs lines of bash in the machine as root, in a service of their own. With `check`, raises Failure if they
        fail."""
        self._requests += 1
        name = "request-%d" % self._requests
        with open(os.path.join(self.shared, name + ".sh"), "w", encoding="utf-8") as file:
            file.write("export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive\ncd /root\n" + script + "\n")
        code = self._ask(name, timeout)
        if code is None:
            raise Failure("the machine did not finish within %d s: %s" % (timeout, script))
        result = Result(code, self._shared_text(name + ".out"), self._shared_text(name + ".err"))
        for end in (".sh", ".out", ".err"):
            os.remove(os.path.join(self.shared, name + end))
        if check and not result.good():
            raise Failure("in the machine, `%s` failed (%d): %s" % (script.strip(), code, result.text()[-3000:]))
        return result

    def output(self, script, **arguments):
        """What lines of bash print in the machine."""
        return self.run(script, **arguments).output.strip()

    def journal(self, *arguments):
        """What the machine's journal says."""
        return run(["journalctl", "--directory=" + self.path("var/log/journal"), "--no-pager", *arguments])

    def _ask(self, name, timeout):
        """Has the agent run the script `name`; None if that takes too long, or if there is no agent."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
            agent.settimeout(timeout)
            try:
                agent.connect(os.path.join(self.shared, "socket"))
                agent.sendall(name.encode() + b"\n")
                answer = agent.makefile("r", encoding="utf-8").readline()
            except OSError:
                return None
            # No answer: the machine went down before it could give one.
            return int(answer) if answer.strip() else -1

    def _shared_text(self, name):
        path = os.path.join(self.shared, name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _boot_id(self):
        # The kernel's boot id is that of our machine: what tells one boot from another is when PID 1 began.
        try:
            return self.run("cut -d ' ' -f 22 /proc/1/stat", check=False, timeout=5).output.strip()
        except Failure:
            return ""

    def _wait_until_up(self):
        def up():
            if self._process.poll() is not None:
                raise Failure("the machine ended: " + self.console())
            try:
                return self.run("systemctl is-system-running --wait", check=False, timeout=60).text() in (
                    "running", "degraded")
            except Failure:
                return False
        wait_for(up, 90, "the machine to boot", pause=0.1)

    def console(self):
        """The last lines of its console."""
        with open(os.path.join(self.folder, "console.log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-20:])
