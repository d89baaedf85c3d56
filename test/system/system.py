"""./dev test-system: the packages on a real Debian 12 that systemd boots, and what becomes of them under faults."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import faults
import lifecycle
import sandbox
from documents import between
from machine import Machine
from quickstart import Quickstart
from report import Report
from steps import Failure, say
from traffic import LISTENER, TALKER, VISITOR, Traffic
from tree import Tree

_HARDWARE = "swtpm tpm2-abrmd libtss2-tcti-swtpm0 libtss2-tcti-tabrmd0 tpm2-tools cyclonedds-tools softhsm2"
# A copy of the tree, what is installed into it, and some air.
_SPACE = 3 << 30


def work_folder():
    """A folder for one run: in memory if there is enough, for dpkg flushes what it writes."""
    memory = os.statvfs("/dev/shm") if os.path.isdir("/dev/shm") else None
    in_memory = memory and memory.f_bavail * memory.f_frsize > 2 * _SPACE
    return tempfile.mkdtemp(prefix="ddskey-system.", dir="/dev/shm" if in_memory else None)


class System:
    """What is tried, in order. Each step needs those before it."""

    def __init__(self, machine, packages, options, report):
        self._machine, self._options = machine, options
        self._packages = lifecycle.Packages(machine, packages)
        self.report = report
        self.rows = []
        self.sandbox = []

    def run(self):
        self._boot()
        self._install()
        self._set_up()
        self._talk()
        self._escape()
        self._add_token()
        self._faults()
        self._reboot()
        self._versions()
        self._namespace()
        self._purge()

    def _boot(self):
        say("booting a bare Debian 12")
        for unit in ("swtpm.service", "tpm2-abrmd.service", "ddskey-victim.service"):
            self._machine.add_unit(unit)
        self.report.add("boot", "%.1f s" % self._machine.boot())
        say("giving it a TPM (swtpm), tpm2-abrmd and Cyclone DDS")
        self._machine.run("apt-get install -y -q --no-install-recommends %s >/agent/apt.log 2>&1" % _HARDWARE)
        # tpm2-abrmd has a start script of the same name: enabling its unit would look for that.
        self._machine.run("""
            systemctl daemon-reload
            systemctl enable --quiet --now swtpm.service tpm2-abrmd.service 2>&1""")
        for user in (TALKER, LISTENER, VISITOR):
            self._machine.run("useradd --system %s" % user)
        self._files = lifecycle.files(self._machine)
        self._handles = lifecycle.persistent_handles(self._machine)

    def _install(self):
        say("installing the packages")
        start = time.monotonic()
        self._machine.run(self._packages.install_line())
        seconds = time.monotonic() - start
        self.report.add("`apt-get install` of the packages", "%.0f s, with what they depend on" % seconds)
        active = self._state("ddskeyd.service")
        sockets = self._state("ddskeyd.socket ddskeyd-admin.socket")
        start = time.monotonic()
        self._machine.run("ddskeyctl status")
        self.report.add("first start, by its socket", "%.0f ms" % ((time.monotonic() - start) * 1000),
                        "" if (active, sockets) == ("inactive", "active active") else "%s, %s" % (active, sockets))

    def _set_up(self):
        say("making identities in the TPM")
        start = time.monotonic()
        identities = " ".join("--identity %s=%s" % (name, name) for name in (TALKER, LISTENER, VISITOR))
        self._machine.run("ddskeyctl setup --yes --backend tabrmd %s >/agent/setup.log 2>&1" % identities)
        seconds = time.monotonic() - start
        listed = self._machine.output("ddskeyctl key list")
        in_tpm = sum("tabrmd" in line or " tpm " in line for line in listed.splitlines())
        self.report.add("`ddskeyctl setup` with three identities", "%.1f s, %d keys in the TPM" % (seconds, in_tpm),
                        "" if in_tpm == 3 else listed)

    def _talk(self):
        say("starting a talker and a listener, each a service with a user of its own")
        self._traffic = Traffic(self._machine)
        seconds = self._traffic.start()
        self.report.add("data flows, everything encrypted", "%.1f s after the services were started" % seconds)

    def _escape(self):
        say("trying to get out of the sandbox of ddskeyd.service")
        self.sandbox = sandbox.Sandbox(self._machine, self._options.probe).try_all()
        wrong = ["%s: %s" % (attempt, why) for attempt, _, _, why in self.sandbox if why]
        self.report.add("attempts to get out of the sandbox", "%d, all refused" % len(self.sandbox), "; ".join(wrong))

    def _add_token(self):
        say("giving it a PKCS#11 token")
        start = time.monotonic()
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest/token.sh"), self._machine.shared)
        self._machine.run("bash /agent/token.sh 2>&1")
        listed = [line for line in self._machine.output("ddskeyctl key list").splitlines() if " hsm " in line]
        seconds = time.monotonic() - start
        self.report.add("a token behind ddskeyd-pkcs11@hsm.socket, and an identity in it", "%.1f s" % seconds,
                        "" if len(listed) == 1 else "%d keys in it" % len(listed))

    def _faults(self):
        say("making faults while data flows")
        tried = faults.Faults(self._machine, self._traffic, lambda text: print("   " + text, flush=True))
        self._tried = tried
        self.rows = tried.rows
        tried.nothing()
        tried.kill_everything()
        tried.hang_daemon()
        tried.hang_device()

    def _reboot(self):
        say("rebooting the machine")
        self._traffic.forget()
        seconds = self._machine.reboot()
        start = time.monotonic()
        self._traffic.wait_for_data(20)
        failed = self._machine.output("systemctl --failed --plain --no-legend --no-pager")
        found = "up after %.1f s, data flows %.1f s later" % (seconds, time.monotonic() - start)
        self.report.add("reboot", found, failed)

    def _versions(self):
        say("upgrading and downgrading while data flows")
        for what, newer in (("upgrade", True), ("downgrade", False)):
            def outcome(newer=newer):
                version = self._packages.installed()
                if version.endswith("+next") != newer:
                    raise Failure("version %s is installed" % version)
                return "ddskeyd is replaced; sockets, keys and configuration stay"
            self._tried.replace_daemon("%s of the packages" % what, self._packages.install_line(newer), outcome)

    def _namespace(self):
        say("giving the daemon a journal of its own")
        self._machine.write("/etc/systemd/system/ddskeyd.service.d/journal.conf", "[Service]\nLogNamespace=ddskeyd\n")
        self._machine.run("systemctl daemon-reload; systemctl restart ddskeyd.service; ddskeyctl key list")
        lines = self._machine.output("journalctl --namespace=ddskeyd --no-pager -o cat -u ddskeyd.service")
        audited = 'operation="ListKeys"' in lines
        self.report.add("`LogNamespace=ddskeyd`", "its audit records are there, and only there",
                        "" if audited else "no audit record in it: " + lines[-300:])
        self._machine.run("""rm -r /etc/systemd/system/ddskeyd.service.d; systemctl daemon-reload
            systemctl restart ddskeyd.service; systemctl stop 'systemd-journald@*'""")

    def _purge(self):
        say("removing the packages")
        self._traffic.stop()
        said = self._packages.purge(destroy=False)
        kept = self._machine.run(self._packages.install_line() + "; ddskeyctl key list", check=False).output
        self.report.add("purge, and the answer that the keys are to stay", "installed again, it has them",
                        "" if TALKER in kept else said[-400:] + kept)
        said = [line for line in self._packages.purge(destroy=True).splitlines() if "destroying" in line]
        self.report.add("purge says what it destroys", " ".join(said), "" if said else "nothing said")
        left = lifecycle.left_over(self._machine, self._files)
        handles = lifecycle.persistent_handles(self._machine)
        if handles != self._handles:
            left.append("in the TPM: " + handles)
        self.report.add("left after it", "no file, unit, process or handle in the TPM; the two users stay",
                        "; ".join(left))

    def _state(self, units):
        return " ".join(self._machine.run("systemctl is-active %s" % units, check=False).output.split())


def tables(system):
    """The Markdown of a run."""
    escapes = ["| attempt from within the sandbox | the kernel says | line of the unit that suffices |",
               "|---|---|---|"]
    escapes += ["| %s | %s | `%s` |" % (attempt, wrong or error, line)
                for attempt, line, error, wrong in system.sandbox]
    return "\n\n".join([faults.table(system.rows), "\n".join(escapes)]) + "\n"


def replaced(path, change):
    """Puts `change` of the text of a document into its place."""
    with open(path, encoding="utf-8") as file:
        text = change(file.read())
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Run:
    """One run: its folder, its machines, and what they found."""

    def __init__(self, options):
        self._options = options
        self._folder = work_folder()
        self._machine = None
        self.report = Report()

    def do(self):
        """Does what the options say. Returns the names of what is not as it should be."""
        packages = lifecycle.built(self._options.packages)
        self._tree = Tree(sorted(packages.values()), self._options.fresh)
        if self._options.part != "system":
            self._quickstart()
        if self._options.part != "quickstart":
            self._system(packages)
        print("\n" + self.report.table() + "\n")
        return self.report.bad()

    def end(self, keep):
        """Ends the machine; its files are kept if they may be of use."""
        if self._machine is not None:
            self._machine.stop()
        if keep and self._machine is not None:
            folder = self._machine.folder
            say("kept: %s (journalctl --directory=%s/root/var/log/journal)" % (folder, folder))
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _next_machine(self, name):
        if self._machine is not None:
            self._machine.stop()
            shutil.rmtree(self._machine.folder, ignore_errors=True)
        folder = os.path.join(self._folder, name)
        os.mkdir(folder)
        self._machine = Machine(folder, self._tree)
        return self._machine

    def _quickstart(self):
        with open("README.md", encoding="utf-8") as file:
            readme = file.read()
        with open("docs/quickstart.md", encoding="utf-8") as file:
            document = file.read()
        packages = self._options.packages
        transcript = Quickstart(self._next_machine("robot"), packages, self.report).robot(readme)
        Quickstart(self._next_machine("laptop"), packages, self.report).laptop(document)
        if self._options.write and not self.report.bad():
            replaced("docs/quickstart.md", lambda text: between(text, "transcript", transcript))

    def _system(self, packages):
        system = System(self._next_machine("system"), packages, self._options, self.report)
        system.run()
        for row in system.rows:
            if row.wrong:
                self.report.add(row.fault, "", row.wrong)
        print("\n" + tables(system))
        if self._options.write and not self.report.bad():
            replaced("docs/operations.md", lambda text: between(text, "faults of the machine", tables(system)))


def arguments():
    parser = argparse.ArgumentParser(prog="./dev test-system", description=(
        "Installs the packages on a bare Debian 12 that systemd boots in a container, with a software TPM behind "
        "tpm2-abrmd; types the first lines of README there; tries to get out of the daemon's sandbox; makes faults, "
        "upgrades and reboots while applications exchange data; and removes the packages. Needs root, 2 GB of memory "
        "or disk, and no network once the Debian is in ~/.cache/ddskeyd-system (DDSKEY_SYSTEM_DIR, 500 MB)."))
    parser.add_argument("part", nargs="?", choices=("all", "quickstart", "system"), default="all",
                        help="README's lines, or everything else (default: all)")
    parser.add_argument("--fresh", action="store_true", help="make the bare Debian anew")
    parser.add_argument("--keep", action="store_true",
                        help="if something is wrong, keep the machine's files and its journal")
    parser.add_argument("--write", action="store_true",
                        help="if all is well, put transcript and tables into docs/quickstart.md and docs/operations.md")
    parser.add_argument("--packages", default="out/packages", metavar="FOLDER",
                        help="of ./dev package (default: %(default)s)")
    parser.add_argument("--probe", default="out/bin/test/system/probe", metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("error: only root boots machines: sudo ./dev test-system")
    # What ends us ends the machine too, by the blocks below.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    start = time.monotonic()
    run = Run(options)
    good = False
    try:
        wrong = run.do()
        good = not wrong
        outcome = "Everything was as it should be" if good else "Not as it should be: " + "; ".join(wrong)
        print("%s, after %.0f s." % (outcome, time.monotonic() - start))
    except Failure as failure:
        print("error: %s" % failure, file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    finally:
        run.end(keep=options.keep and not good)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
