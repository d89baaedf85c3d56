"""Types the lines that README and docs/quickstart.md have for beginners into a bare Debian 12."""

import shutil
import time

import lifecycle
from documents import block
from steps import Failure, say, wait_for
from traffic import counts

# What the machine has instead of the robot's TPM.
_TPM = "swtpm tpm2-abrmd libtss2-tcti-swtpm0 libtss2-tcti-tabrmd0 tpm2-tools"
_TRANSCRIPT = """```text
%s
```

`./dev test-system` typed this, in a container with a software TPM behind tpm2-abrmd where apt found everything on the
disk already. %d lines and %.0f s from the first one to encrypted data.
"""
# Longer output is shortened in the transcript.
_LINES = 24


def shortened(output):
    """Output as a transcript has it: the beginning and the end, if there is much of it."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    if len(lines) <= _LINES:
        return lines
    return lines[:2] + ["[%d more lines]" % (len(lines) - 12)] + lines[-10:]


class Quickstart:
    """A beginner on a bare machine."""

    def __init__(self, machine, packages, report):
        self._machine, self._packages, self._report = machine, packages, report
        self._transcript = []

    def robot(self, readme):
        """Types README's lines on a machine with a TPM, and removes the packages again. Returns the transcript."""
        for unit in ("swtpm.service", "tpm2-abrmd.service"):
            self._machine.add_unit(unit)
        self._boot(_TPM)
        self._machine.run("systemctl enable --quiet --now swtpm.service tpm2-abrmd.service 2>&1")
        files, handles = lifecycle.files(self._machine), lifecycle.persistent_handles(self._machine)
        say("typing README's lines")
        start = time.monotonic()
        for line in block(readme, "quickstart"):
            self._type(line)
        wait_for(self._data, 20, lambda: "data for the listener, which says: " + self._listener())
        seconds = time.monotonic() - start
        keys = [line for line in self._machine.output("ddskeyctl key list").splitlines() if "handshake" in line]
        software = [line for line in keys if " software " in line]
        self._report.add("README's first lines", "%.0f s from the first line to encrypted data, %d keys in the TPM" % (
            seconds, len(keys)), "" if len(keys) == 2 and not software else "\n".join(keys))
        for line in block(readme, "quickstart-look"):
            self._type(line)
        self._remove(files, handles)
        return _TRANSCRIPT % ("\n".join(self._transcript), len(block(readme, "quickstart")), seconds)

    def laptop(self, quickstart):
        """Types the lines for a machine without TPM."""
        self._boot("")
        self._machine.run("apt-get install -y -q /agent/packages/ddskeyd_*.deb /agent/packages/ddskeyctl_*.deb "
                          "/agent/packages/libddskey-cyclonedds_*.deb cyclonedds-tools; useradd developer")
        for line in block(quickstart, "quickstart-laptop"):
            self._type("SUDO_USER=developer; " + line)
        self._machine.run("systemctl start ddskeyd")
        listed = self._machine.output("ddskeyctl key list")
        self._report.add("the lines for a laptop", "a key in software", "" if " software " in listed else listed)

    def _boot(self, install):
        say("booting a bare Debian 12")
        self._machine.boot()
        shutil.copytree(self._packages, self._machine.shared + "/packages")
        if install:
            self._machine.run("apt-get install -y -q --no-install-recommends %s >/agent/apt.log 2>&1" % install)
            self._machine.run("systemctl daemon-reload")

    def _type(self, line):
        print("   # " + line, flush=True)
        result = self._machine.run("export HOME=/root\ncd /agent/packages\n(%s) 2>&1" % line, check=False)
        self._transcript += ["# " + line] + shortened(result.output)
        if not result.good():
            raise Failure("`%s` failed (%d): %s" % (line, result.code, result.text()[-2000:]))

    def _listener(self):
        return self._machine.output("journalctl --unit=listener --no-pager -o cat")

    def _data(self):
        return any(total and not lost for total, lost, _ in counts(self._listener()))

    def _remove(self, files, handles):
        say("removing the packages")
        self._machine.output("""systemctl stop talker listener
            apt-get purge -y -q ddskeyd ddskeyctl libddskey-cyclonedds cyclonedds-tools 2>&1""")
        left = lifecycle.left_over(self._machine, files)
        if lifecycle.persistent_handles(self._machine) != handles:
            left.append("a handle in the TPM")
        self._report.add("left of it after `apt-get purge`", "nothing, but for users", "; ".join(left))
