"""Looks into the five packages: what is where, how it is built, and whether it can be used."""

import hashlib
import os
import re
import subprocess
import tempfile
import unittest

import pages

_FOLDER = os.path.abspath("tools/package")
_PACKAGES = ["ddskey-dev", "ddskeyctl", "ddskeyd", "libddskey-cyclonedds", "libddskey-pkcs11"]


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8", **options).stdout


_TRIPLET = run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()
_LIBRARIES = "/usr/lib/%s/" % _TRIPLET

# Path: mode. Documents and copies of them that each package has are not listed.
_CONTENTS = {
    "ddskeyd": {
        "/usr/sbin/ddskeyd": 0o755,
        "/usr/libexec/ddskeyd/ddskeyd-pkcs11": 0o755,
        "/lib/systemd/system/ddskeyd.service": 0o644,
        "/lib/systemd/system/ddskeyd.socket": 0o644,
        "/lib/systemd/system/ddskeyd-admin.socket": 0o644,
        "/lib/systemd/system/ddskeyd-pkcs11@.service": 0o644,
        "/lib/systemd/system/ddskeyd-pkcs11@.socket": 0o644,
        "/lib/systemd/system-preset/80-ddskeyd.preset": 0o644,
        "/usr/lib/sysusers.d/ddskeyd.conf": 0o644,
        "/usr/lib/tmpfiles.d/ddskeyd.conf": 0o644,
        "/etc/ddskeyd/ddskeyd.textproto": 0o644,
    },
    "ddskeyctl": {
        "/usr/bin/ddskeyctl": 0o755,
        "/usr/share/bash-completion/completions/ddskeyctl": 0o644,
        "/usr/share/man/man1/ddskeyctl.1.gz": 0o644,
        "/usr/share/zsh/vendor-completions/_ddskeyctl": 0o644,
        "/lib/systemd/system/ddskeyctl-metrics.service": 0o644,
        "/lib/systemd/system/ddskeyctl-metrics.timer": 0o644,
        "/lib/systemd/system-preset/80-ddskeyctl.preset": 0o644,
    },
    "libddskey-cyclonedds": {
        _LIBRARIES + "libddskey_cyclonedds.so": 0o644,
        _LIBRARIES + "ddskey/libdds_security_auth.so": 0o644,
        "/usr/share/libddskey-cyclonedds/000-ddskey-%s.conf" % _TRIPLET: 0o644,
    },
    "libddskey-pkcs11": {
        _LIBRARIES + "pkcs11/libddskey_pkcs11.so": 0o644,
        "/usr/share/p11-kit/modules/ddskey.module": 0o644,
    },
    "ddskey-dev": {
        _LIBRARIES + "libddskey.a": 0o644,
        _LIBRARIES + "pkgconfig/ddskey.pc": 0o644,
        "/usr/include/ddskey/client/signing_client.h": 0o644,
        "/usr/include/ddskey/client/authentication_client.h": 0o644,
        "/usr/include/ddskey/ddskey/v1/signing.pb.h": 0o644,
        "/usr/share/ddskey/proto/ddskey/v1/authentication.proto": 0o644,
        "/usr/share/ddskey/proto/ddskey/v1/config.proto": 0o644,
        "/usr/share/ddskey/proto/ddskey/v1/policy.proto": 0o644,
    },
}


def deb(package):
    return os.path.join(_FOLDER, package + ".deb")


class PackagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.trees = {package: os.path.join(cls.temporary.name, package) for package in _PACKAGES}
        for package, tree in cls.trees.items():
            run("dpkg-deb", "--raw-extract", deb(package), tree)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def files(self, package):
        """Paths below the tree of `package`, but for the folder for dpkg."""
        tree = self.trees[package]
        found = []
        for folder, _, names in os.walk(tree):
            found += ["/" + os.path.relpath(os.path.join(folder, name), tree) for name in names]
        return sorted(path for path in found if not path.startswith("/DEBIAN/"))

    def field(self, package, name):
        return run("dpkg-deb", "--field", deb(package), name).strip()

    def binaries(self):
        """(name, full path) of every ELF file."""
        for package in _PACKAGES:
            for path in self.files(package):
                with open(self.trees[package] + path, "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path, self.trees[package] + path

    def test_everything_is_where_it_belongs(self):
        for package, contents in _CONTENTS.items():
            for path, mode in contents.items():
                full = self.trees[package] + path
                self.assertTrue(os.path.isfile(full), "%s: %s" % (package, path))
                self.assertEqual(os.stat(full).st_mode & 0o7777, mode, path)
            documents = "/usr/share/doc/%s/" % package
            for name in ("copyright", "changelog.gz", "changelog.Debian.gz"):
                self.assertIn(documents + name, self.files(package))

    def test_links_in_the_documents_lead_to_documents_of_the_package(self):
        root = self.trees["ddskeyd"] + "/usr/share/doc/ddskeyd"
        links = 0
        for page in pages.pages(root):
            for line, target in page.links():
                path = target.partition("#")[0]
                # The whole changelog is there under the name that Debian gives it.
                if path and not path.startswith("https:") and os.path.basename(path) != "CHANGELOG.md":
                    links += 1
                    self.assertTrue(os.path.exists(os.path.join(root, os.path.dirname(page.path), path)),
                                    "%s:%d: %s" % (page.path, line, target))
        self.assertGreater(links, 100)

    def test_units_and_configuration_name_documents_of_the_package(self):
        named = 0
        for package in ("ddskeyd", "ddskeyctl"):
            for name in self.files(package):
                if name.startswith(("/lib/systemd/system/", "/etc/ddskeyd/")):
                    with open(self.trees[package] + name, encoding="utf-8") as file:
                        for document in re.findall(r"/usr/share/doc/ddskeyd/[\w./-]*\w", file.read()):
                            named += 1
                            self.assertIn(document, self.files("ddskeyd"), name)
        self.assertGreater(named, 6)

    def test_no_file_is_in_two_packages(self):
        everything = [path for package in _PACKAGES for path in self.files(package)]
        self.assertEqual(len(everything), len(set(everything)))

    def test_programs_say_the_version_of_their_package(self):
        upstream = self.field("ddskeyd", "Version").rpartition("-")[0]
        for package, path in (("ddskeyd", "/usr/sbin/ddskeyd"), ("ddskeyctl", "/usr/bin/ddskeyctl"),
                              ("ddskeyd", "/usr/libexec/ddskeyd/ddskeyd-pkcs11")):
            self.assertEqual(run(self.trees[package] + path, "--version").split()[-1], upstream)

    def test_dependencies_are_those_of_the_binaries_and_the_few_that_binaries_do_not_show(self):
        depends = self.field("ddskeyd", "Depends")
        for library in ("libc6", "libssl3", "libsqlite3-0", "libsystemd0", "libtss2-esys-3.0.2-0"):
            self.assertRegex(depends, r"(^|, )%s \(>= " % re.escape(library))
        self.assertIn("tpm-udev", depends)
        self.assertIn("systemd | systemd-sysusers", depends)
        self.assertIn("libtss2-tcti-device0", self.field("ddskeyd", "Recommends"))
        self.assertIn("libtss2-tcti-tabrmd0", self.field("ddskeyd", "Suggests"))
        # Whoever administers another machine's daemon, or has its socket in a container, needs no daemon here.
        for package in ("ddskeyctl", "libddskey-cyclonedds", "libddskey-pkcs11"):
            self.assertNotIn("ddskeyd", self.field(package, "Depends"))
        for package in ("libddskey-cyclonedds", "libddskey-pkcs11"):
            self.assertNotRegex(self.field(package, "Depends"), "libabsl|libgrpc|libprotobuf32|libssl")

    def test_the_configuration_is_a_conffile_and_has_comments_only(self):
        with open(self.trees["ddskeyd"] + "/DEBIAN/conffiles", encoding="utf-8") as file:
            self.assertEqual(file.read(), "/etc/ddskeyd/ddskeyd.textproto\n")
        with open(self.trees["ddskeyd"] + "/etc/ddskeyd/ddskeyd.textproto", encoding="utf-8") as file:
            self.assertEqual([line for line in file.read().splitlines() if not line.startswith("#")], [])

    def test_a_daemon_takes_the_configuration_as_it_is(self):
        said = run(self.trees["ddskeyd"] + "/usr/sbin/ddskeyd", "--check", "--config",
                   self.trees["ddskeyd"] + "/etc/ddskeyd/ddskeyd.textproto")
        self.assertIn("no mistakes", said)

    def test_checksums_fit(self):
        for package, tree in self.trees.items():
            with open(tree + "/DEBIAN/md5sums", encoding="utf-8") as file:
                for line in file:
                    wanted, path = line.rstrip("\n").split("  ")
                    with open(os.path.join(tree, path), "rb") as content:
                        self.assertEqual(hashlib.md5(content.read()).hexdigest(), wanted, package + ": " + path)

    def test_binaries_are_hardened_and_stripped(self):
        found = 0
        for name, path in self.binaries():
            found += 1
            said = run("readelf", "-hldSW", "--dyn-syms", path)
            self.assertRegex(said, r"Type: +DYN", name)
            self.assertIn("GNU_RELRO", said, name)
            self.assertRegex(said, r"FLAGS.*BIND_NOW", name)
            self.assertRegex(said, r"GNU_STACK .* RW +0x", name)
            self.assertIn("__stack_chk_fail", said, name)
            # What _FORTIFY_SOURCE has replaced wherever it was called.
            self.assertNotRegex(said, r" (v?f?printf|v?sprintf|v?snprintf|strcpy|strcat|gets)@", name)
            self.assertNotRegex(said, r"R(UN)?PATH", name)
            self.assertNotIn(" .symtab", said, name)
            self.assertNotIn(" .debug_", said, name)
        self.assertEqual(found, 6)
        self.assertIn("__memcpy_chk@", run("readelf", "-W", "--dyn-syms", self.trees["ddskeyd"] + "/usr/sbin/ddskeyd"))

    def test_no_path_of_the_build_is_in_a_binary(self):
        for name, path in self.binaries():
            with open(path, "rb") as file:
                octets = file.read()
            for trace in (b"/sandbox/", b"/execroot/", os.path.expanduser("~").encode() + b"/.cache"):
                self.assertNotIn(trace, octets, name)

    def test_a_program_is_built_and_linked_with_the_development_package(self):
        tree = self.trees["ddskey-dev"]
        environment = dict(os.environ, PKG_CONFIG_PATH=tree + _LIBRARIES + "pkgconfig")
        flags = run("pkg-config", "--define-variable=prefix=%s/usr" % tree, "--cflags", "--libs", "ddskey",
                    env=environment).split()
        program = os.path.join(self.temporary.name, "list_keys")
        run("g++", "-std=c++20", tree + "/usr/share/doc/ddskey-dev/examples/list_keys.cc", *flags, "-o", program)
        done = subprocess.run([program], env={"DDSKEY_SOCKET": "/nonexistent/socket"}, stderr=subprocess.PIPE,
                              encoding="utf-8", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/socket", done.stderr)

    def test_p11_kit_finds_the_module_where_the_package_has_it(self):
        with open(self.trees["libddskey-pkcs11"] + "/usr/share/p11-kit/modules/ddskey.module", encoding="utf-8") as file:
            module = re.search(r"^module: (.*)$", file.read(), re.MULTILINE).group(1)
        folder = run("pkg-config", "--variable=p11_module_path", "p11-kit-1").strip()
        self.assertIn(folder + "/" + module, self.files("libddskey-pkcs11"))

    def test_the_loader_takes_the_drop_in_when_the_machine_is_set_to_it(self):
        tree = self.trees["libddskey-cyclonedds"]
        (settings,) = os.listdir(tree + "/usr/share/libddskey-cyclonedds")
        with open(os.path.join(tree + "/usr/share/libddskey-cyclonedds", settings), encoding="utf-8") as file:
            folder = file.read().strip()
        self.assertTrue(os.path.isfile(tree + folder + "/libdds_security_auth.so"))
        # As Debian's settings are read: by name, before the folder of all libraries.
        everything = sorted([settings] + os.listdir("/etc/ld.so.conf.d"))
        self.assertEqual(everything[0], settings)

    def test_lintian_finds_no_error(self):
        done = subprocess.run(["lintian", "--allow-root", "--fail-on=error", "--tag-display-limit=0",
                               *[deb(package) for package in _PACKAGES]],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
