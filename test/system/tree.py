"""The bare Debian 12 that the container boots: made once, kept in the user's cache, and copied for each run."""

import fcntl
import hashlib
import os
import shutil
import subprocess

from steps import Failure, run, say

_HERE = os.path.dirname(os.path.abspath(__file__))
_RELEASE = "bookworm"
# Goes up when a tree of an older version of this file would not do.
_VERSION = "2"
# The package that README installs beside those of this repository.
_APPLICATION = "cyclonedds-tools"


def folder():
    """Where trees are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("DDSKEY_SYSTEM_DIR") or os.path.join(cache, "ddskeyd-system")


def package_lists(text):
    """Takes guest_packages.txt apart: what is installed from the beginning, and what apt only finds."""
    installed, archive = [], []
    current = installed
    for line in text.splitlines():
        if line.startswith("# [archive]"):
            current = archive
        name = line.split("#")[0].strip()
        if name:
            current.append(name)
    return installed, archive


def sources():
    """The lines of sources.list for this machine's own mirror of Debian 12, or for Debian's."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages", "Origin: Debian",
         "Component: main"], capture_output=True, text=True, check=False).stdout.split("\n")
    wanted = (_RELEASE, _RELEASE + "-updates", _RELEASE + "-security")
    lines = sorted({"deb %s main" % line for line in listed if line.split(" ")[-1] in wanted})
    if not any(line.split(" ")[2] == _RELEASE for line in lines):
        lines = ["deb http://deb.debian.org/debian bookworm main",
                 "deb http://deb.debian.org/debian-security bookworm-security main"]
    return lines


def dependencies(packages):
    """What the built packages want of Debian: the control fields of all, so that a change makes the archive anew."""
    fields = ("Package", "Pre-Depends", "Depends", "Recommends")
    return ["%s: %s" % (field, run(["dpkg-deb", "--field", package, field]).strip())
            for package in packages for field in fields]


def _digest(lines):
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class Tree:
    """A cached tree that fits the lists of packages and the dependencies of `packages`."""

    def __init__(self, packages, fresh=False):
        with open(os.path.join(_HERE, "guest_packages.txt"), encoding="utf-8") as file:
            self._installed, self._archive = package_lists(file.read())
        self._packages = packages
        self.path = os.path.join(folder(), "tree")
        os.makedirs(folder(), exist_ok=True)
        base = _digest([_VERSION] + self._installed)
        archive = _digest([base, _APPLICATION] + self._archive + dependencies(packages))
        with open(os.path.join(folder(), "lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if fresh or self._made_of("base") != base:
                self._make()
                self._note("base", base)
            if fresh or self._made_of("archive") != archive:
                self._fill_archive()
                self._note("archive", archive)

    def copy(self, target):
        """Copies the tree; only what changes takes space where the file system can do that."""
        with open(os.path.join(folder(), "lock"), "r", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            run(["cp", "-a", "--reflink=auto", self.path, target])
        return target

    def _made_of(self, what):
        try:
            with open(os.path.join(folder(), what), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _note(self, what, digest):
        with open(os.path.join(folder(), what), "w", encoding="utf-8") as file:
            file.write(digest)

    def _make(self):
        say("making a bare Debian 12 in %s from the mirror that apt uses here" % folder())
        for what in ("base", "archive"):
            self._note(what, "")
        shutil.rmtree(self.path, ignore_errors=True)
        run(["mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup/apt",
             # Differs from Debian's own in that nothing is flushed to the disk.
             '--essential-hook=echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/ddskey-test"',
             "--include=" + ",".join(self._installed), _RELEASE, self.path] + sources())
        run(["chroot", self.path, "systemctl", "mask", "systemd-firstboot.service", "console-getty.service",
             "systemd-networkd.service", "systemd-resolved.service", "apt-daily.timer", "apt-daily-upgrade.timer"])
        for name, text in (("machine-id", ""), ("hostname", "debian\n")):
            with open(os.path.join(self.path, "etc", name), "w", encoding="utf-8") as file:
                file.write(text)

    def _fill_archive(self):
        """Downloads what the machine is going to install, so that it needs no network."""
        say("downloading the packages that it is going to install")
        root = os.path.join(self.path, "root/packages")
        os.makedirs(root)
        names = []
        for package in self._packages:
            names.append("/root/packages/" + os.path.basename(package))
            shutil.copy(package, root)
        resolver = os.path.join(self.path, "etc/resolv.conf")
        shutil.copy("/etc/resolv.conf", resolver)
        try:
            run(["chroot", self.path, "apt-get", "update", "-q"])
            download = ["chroot", self.path, "apt-get", "install", "-q", "-y", "--download-only"]
            run(download + ["--no-install-recommends"] + self._archive + names, timeout=600)
            # And as somebody does it who types what README says.
            run(download + [_APPLICATION] + names, timeout=600)
        except Failure as failure:
            raise Failure("the packages of the machine cannot be downloaded: %s" % failure) from None
        finally:
            shutil.rmtree(root)
            os.remove(resolver)
