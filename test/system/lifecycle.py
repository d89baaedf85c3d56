"""Installation, upgrade, downgrade and removal of the packages in a machine."""

import glob
import os
import re
import shutil
import tempfile

from steps import Failure, run

# What every installation on Debian changes, and what is not of the disk.
_NOT_COMPARED = ("/agent", "/dev", "/proc", "/run", "/sys", "/tmp", "/root", "/var/backups", "/var/cache",
                 "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/var/log", "/var/tmp", "/home")
# The test's own, which an administrator has put there.
_OF_THE_TEST = re.compile(r"/(ddsperf|ddskey-victim|ddskey-probe)[^/]* ")
# The packages that a machine with applications has; ddskey-dev is for those who build some.
NAMES = ("ddskeyd", "ddskeyctl", "libddskey-cyclonedds", "libddskey-pkcs11")


def field(package, name):
    """A field of a package's control file."""
    return run(["dpkg-deb", "--field", package, name]).strip()


def built(folder):
    """The packages of `folder`, those of NAMES only: {name: path}."""
    found = {field(path, "Package"): path for path in sorted(glob.glob(os.path.join(folder, "*.deb")))}
    missing = [name for name in NAMES if name not in found]
    if missing:
        raise Failure("%s has no package of %s; ./dev package makes them" % (folder, " ".join(missing)))
    return {name: found[name] for name in NAMES}


def next_version(packages, target):
    """Copies of packages with a version that is higher: [path]. Their content is the same."""
    paths = []
    for package in packages:
        with tempfile.TemporaryDirectory(dir=target) as folder:
            content = os.path.join(folder, "content")
            run(["dpkg-deb", "--raw-extract", package, content])
            control = os.path.join(content, "DEBIAN/control")
            with open(control, encoding="utf-8") as file:
                text = file.read()
            version = field(package, "Version")
            with open(control, "w", encoding="utf-8") as file:
                # Also where one of them depends on another of the same version.
                file.write(text.replace(version, version + "+next"))
            paths.append(os.path.join(target, "next-" + os.path.basename(package)))
            run(["dpkg-deb", "--root-owner-group", "--build", content, paths[-1]])
    return paths


def files(machine):
    """All paths of the machine's disk that are compared: its packages' and its administrator's."""
    leave_out = " -o ".join("-path %s" % path for path in _NOT_COMPARED)
    listed = machine.output(r"find / -xdev \( %s \) -prune -o -printf '%%p %%y\n'" % leave_out)
    return set(listed.splitlines())


def left_over(machine, before):
    """What is left of the packages: files that were not there `before`, units, processes. Empty if nothing is."""
    # Libraries that came with them go like those of any package.
    machine.run("apt-get autoremove --purge -y -q 2>&1")
    left = sorted(path for path in files(machine) - before if not _OF_THE_TEST.search(path))
    # What systemd and debconf remember of packages is where the above does not look.
    left += machine.output("""
        find /var/lib/systemd -name '*ddskey*'
        grep -l ddskeyd /var/cache/debconf/*.dat || true""").split()
    left += machine.output("ls -d /run/ddskey* 2>/dev/null || true").splitlines()
    left += ["unit " + line for line in machine.output(
        "systemctl list-units --all --plain --no-legend --no-pager 'ddskeyd*' || true").splitlines()]
    left += ["process " + line for line in machine.output(
        "for p in /proc/[0-9]*; do case $(readlink $p/exe) in *ddskey*) readlink $p/exe;; esac; done").splitlines()]
    return left


def persistent_handles(machine):
    """The handles of keys that are kept in the machine's TPM."""
    return machine.output("tpm2_getcap --tcti=tabrmd: handles-persistent")


class Packages:
    """The packages in a machine."""

    def __init__(self, machine, packages):
        self._machine = machine
        self._folder = os.path.join(machine.shared, "packages")
        os.mkdir(self._folder)
        self._here = [shutil.copy(path, self._folder) for path in packages.values()]
        self._next = next_version(self._here, self._folder)
        self.version = field(self._here[0], "Version")

    def install_line(self, newer=False):
        """The command that installs the packages, or their next version."""
        paths = ["/agent/packages/" + os.path.basename(path) for path in (self._next if newer else self._here)]
        options = "-y -q --no-install-recommends --allow-downgrades"
        return "apt-get install %s %s >/agent/apt.log 2>&1" % (options, " ".join(paths))

    def installed(self):
        """The version of ddskeyd that is installed, or nothing."""
        return self._machine.run("dpkg-query -W -f '${Version}' ddskeyd", check=False).output

    def purge(self, destroy):
        """Purges them with this answer to the question of what becomes of the keys; returns what is said."""
        answer = "true" if destroy else "false"
        return self._machine.run("""
            echo ddskeyd ddskeyd/purge-keys boolean %s | debconf-set-selections
            apt-get purge -y -q %s 2>&1""" % (answer, " ".join(NAMES))).output
