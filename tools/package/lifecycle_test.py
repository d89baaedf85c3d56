"""Installs, upgrades, removes and purges the package ddskeyd with the real dpkg, in a folder in place of /.

What the maintainer scripts would have systemd do is written down by programs of the same names. ./dev test-system does
the same with a real systemd.
"""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

_DEB = os.path.abspath("tools/package/ddskeyd.deb")
_CTL_DEB = os.path.abspath("tools/package/ddskeyctl.deb")
_RECORDED = ["deb-systemd-helper", "deb-systemd-invoke", "systemctl", "systemd-sysusers", "systemd-tmpfiles"]
_STATE = "var/lib/ddskeyd/"
# dpkg waits for the disk again and again.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
_KEYSTORE = _STATE + "keystore.db"
_SETTINGS = "etc/ddskeyd/ddskeyd.textproto"


def make_version(deb, version, folder):
    """Repacks `deb` as another version."""
    tree = os.path.join(folder, "tree-" + version)
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = os.path.join(tree, "DEBIAN/control")
    with open(control, encoding="utf-8") as file:
        lines = ["Version: " + version if line.startswith("Version:") else line for line in file.read().splitlines()]
    with open(control, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    output = os.path.join(folder, version + ".deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, output], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return output


class LifecycleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.debs = tempfile.TemporaryDirectory(dir=_MEMORY)
        cls.old, cls.new = (make_version(_DEB, version, cls.debs.name) for version in ("0.0.1-1", "99-1"))

    @classmethod
    def tearDownClass(cls):
        cls.debs.cleanup()

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir=_MEMORY)
        self.addCleanup(temporary.cleanup)
        self.root = os.path.join(temporary.name, "root")
        self.programs = os.path.join(temporary.name, "bin")
        self.calls_file = os.path.join(temporary.name, "calls")
        for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/cache/debconf", "run/systemd/system"):
            os.makedirs(os.path.join(self.root, folder))
        self.write("var/lib/dpkg/status", "")
        os.makedirs(self.path("etc"))
        shutil.copy("/etc/debconf.conf", self.path("etc"))
        os.makedirs(self.programs)
        for name in _RECORDED:
            path = os.path.join(self.programs, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write('#!/bin/sh\necho "%s $*" >>"%s"\n' % (name, self.calls_file))
            os.chmod(path, 0o755)
        # The user ddskeyd is not there; whoever tests takes the part.
        with open(os.path.join(self.programs, "runuser"), "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\n[ "$1 $2 $3" = "-u ddskeyd --" ] || exit 1\nshift 3\nexec "$@"\n')
        os.chmod(os.path.join(self.programs, "runuser"), 0o755)
        self.environment = {
            "PATH": self.programs + ":/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND": "noninteractive",
            "LC_ALL": "C.UTF-8",
        }

    def dpkg(self, *arguments):
        """What dpkg said, and what was called meanwhile."""
        with open(self.calls_file, "w", encoding="utf-8"):
            pass
        done = subprocess.run(
            ["dpkg", "--root=" + self.root, "--force-script-chrootless", "--force-not-root", "--force-depends",
             "--force-confold", "--force-unsafe-io", "--force-downgrade", *arguments],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        with open(self.calls_file, encoding="utf-8") as file:
            return done.stdout, file.read().splitlines()

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def use(self):
        """Leaves what a daemon and its administrator leave."""
        self.write(_KEYSTORE, "keys")
        self.write(_STATE + "keystore.db.version-4", "older keys")
        self.write("var/lib/ddskeyd-pkcs11/hsm/token", "a token in software")
        self.write(_SETTINGS, "# edited\n")
        self.write("etc/ddskeyd/policy.textproto", "# policy\n")
        self.write("etc/ddskeyd/ca/identity_ca.key", "a key")
        self.write("etc/systemd/system/sockets.target.wants/ddskeyd-pkcs11@hsm.socket", "")
        self.write("run/ddskeyd/ddskeyd.sock", "")

    def make_keys(self, count):
        """Has the daemon that is installed make keys, by software."""
        folder = os.path.dirname(self.root)
        subprocess.run(["dpkg-deb", "--extract", _CTL_DEB, folder + "/ctl"], check=True)
        os.makedirs(self.path(_STATE), mode=0o700)
        for name, text in (
                ("policy", 'rule { name: "a" effect: ALLOW caller { uid: %d } key: "*" operation: KEY_CREATE }' % os.getuid()),
                ("config", 'socket: "{0}/s" admin_socket: "{0}/admin" state_directory: "{1}" runtime_directory: "{0}" '
                           'policy_file: "{0}/policy" log {{ target: "stderr" }}'.format(folder, self.path(_STATE)))):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(os.path.join(folder, name), 0o600)
        log = open(folder + "/log", "w", encoding="utf-8")
        self.addCleanup(log.close)
        with subprocess.Popen([self.path("usr/sbin/ddskeyd"), "--config", folder + "/config"], stderr=log) as daemon:
            try:
                self.wait_for(lambda: os.path.exists(folder + "/admin"), daemon, folder + "/log")
                for number in range(count):
                    subprocess.run([folder + "/ctl/usr/bin/ddskeyctl", "key", "create", "key%d" % number], check=True,
                                   stdout=subprocess.DEVNULL, env={"DDSKEY_ADMIN_SOCKET": folder + "/admin"})
            finally:
                daemon.terminate()

    def wait_for(self, condition, daemon, log):
        deadline = time.monotonic() + 30
        while not condition():
            if daemon.poll() is not None or time.monotonic() > deadline:
                with open(log, encoding="utf-8") as file:
                    self.fail(file.read())
            time.sleep(0.01)

    def left(self):
        """Files below the root that are not dpkg's or debconf's."""
        found = []
        for folder, _, files in os.walk(self.root):
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in files]
        return sorted(name for name in found if not name.startswith(("var/lib/dpkg/", "var/cache/debconf/", "etc/debconf.conf")))

    def assert_in_use(self):
        self.assertEqual(self.read(_KEYSTORE), "keys")
        self.assertEqual(self.read(_SETTINGS), "# edited\n")
        self.assertEqual(self.read("etc/ddskeyd/policy.textproto"), "# policy\n")

    def test_installation_makes_users_and_starts_the_sockets_alone(self):
        _, calls = self.dpkg("--install", _DEB)
        self.assertTrue(os.access(self.path("usr/sbin/ddskeyd"), os.X_OK))
        self.assertTrue(calls[0].startswith("systemd-sysusers --root="), calls)
        self.assertIn("deb-systemd-helper enable ddskeyd.service", calls)
        self.assertIn("deb-systemd-helper enable ddskeyd-admin.socket", calls)
        self.assertIn("systemctl --system daemon-reload", calls)
        self.assertEqual([call for call in calls if call.startswith("deb-systemd-invoke")],
                         ["deb-systemd-invoke start ddskeyd.socket ddskeyd-admin.socket"])

    def test_nothing_is_started_where_no_systemd_runs(self):
        os.rmdir(self.path("run/systemd/system"))
        _, calls = self.dpkg("--install", _DEB)
        self.assertFalse([call for call in calls if call.startswith(("deb-systemd-invoke", "systemctl"))], calls)

    def test_installation_twice_is_as_once(self):
        self.dpkg("--install", _DEB)
        first = self.left()
        self.dpkg("--install", _DEB)
        self.assertEqual(self.left(), first)

    def test_upgrade_and_downgrade_restart_the_service_and_leave_sockets_keys_and_configuration(self):
        self.dpkg("--install", self.old)
        self.use()
        for deb in (_DEB, self.new, self.old):
            _, calls = self.dpkg("--install", deb)
            acts = [call for call in calls if call.startswith("deb-systemd-invoke")]
            self.assertEqual(acts, ["deb-systemd-invoke start ddskeyd.socket ddskeyd-admin.socket",
                                    "deb-systemd-invoke try-restart ddskeyd.service"])
            self.assert_in_use()

    def test_removal_stops_everything_and_keeps_keys_and_configuration(self):
        self.dpkg("--install", _DEB)
        self.use()
        _, calls = self.dpkg("--remove", "ddskeyd")
        stops = [call for call in calls if call.startswith("deb-systemd-invoke stop")]
        self.assertEqual(len(stops), 1, calls)
        for unit in ("ddskeyd.service", "ddskeyd.socket", "ddskeyd-admin.socket", "ddskeyd-pkcs11@*.service"):
            self.assertIn(unit, stops[0].split())
        self.assert_in_use()
        self.assertFalse(os.path.exists(self.path("run/ddskeyd")))
        self.dpkg("--install", _DEB)
        self.assert_in_use()

    def test_purge_says_what_it_destroys_and_leaves_nothing(self):
        self.dpkg("--install", _DEB)
        self.use()
        said, calls = self.dpkg("--purge", "ddskeyd")
        self.assertEqual(self.left(), [])
        self.assertIn("ddskeyd: destroying a keystore", said)
        self.assertIn("1 copies of the keystore", said)
        self.assertIn("1 folders of PKCS#11 modules", said)
        self.assertIn("1 files of certificate authorities", said)
        self.assertIn("deb-systemd-helper purge ddskeyd.service ddskeyd.socket ddskeyd-admin.socket", calls)
        self.assertEqual(os.listdir(self.path("var/lib")), ["dpkg"])

    def test_purge_counts_keys_also_long_after_the_program_that_reads_them_has_gone(self):
        self.dpkg("--install", _DEB)
        self.make_keys(2)
        self.dpkg("--remove", "ddskeyd")
        said, _ = self.dpkg("--purge", "ddskeyd")
        self.assertIn("ddskeyd: destroying 2 keys of 2 identities: 2 in software (software)\n", said)
        self.assertEqual(self.left(), [])

    def test_removal_neither_waits_for_nor_writes_to_what_the_daemons_user_has_put_in_its_way(self):
        for put in (os.mkfifo, lambda path: os.symlink(self.path("etc/precious"), path)):
            self.dpkg("--install", _DEB)
            self.use()
            self.write("etc/precious", "precious")
            if os.path.lexists(self.path(_STATE + "inventory")):
                os.unlink(self.path(_STATE + "inventory"))
            put(self.path(_STATE + "inventory"))
            began = time.monotonic()
            self.dpkg("--remove", "ddskeyd")
            self.assertLess(time.monotonic() - began, 25, "nothing had to be ended")
            self.assertEqual(self.read("etc/precious"), "precious")
            inventory = self.path(_STATE + "inventory")
            self.assertTrue(os.path.isfile(inventory) and not os.path.islink(inventory))

    def test_removal_goes_on_without_an_inventory_that_does_not_come(self):
        self.dpkg("--install", _DEB)
        self.use()
        self.write("usr/sbin/ddskeyd", "#!/bin/sh\nexec sleep 120\n")
        with open(os.path.join(self.programs, "timeout"), "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\n[ "$1 $2 $3" = "-k 5 30" ] || exit 1\nshift 3\nexec /usr/bin/timeout -k 5 1 "$@"\n')
        os.chmod(os.path.join(self.programs, "timeout"), 0o755)
        began = time.monotonic()
        self.dpkg("--remove", "ddskeyd")
        self.assertLess(time.monotonic() - began, 60)
        self.assertFalse(os.path.exists(self.path("usr/sbin/ddskeyd")))

    def test_purge_of_what_was_never_used_asks_nothing(self):
        self.dpkg("--install", _DEB)
        said, _ = self.dpkg("--purge", "ddskeyd")
        self.assertNotIn("destroying", said)
        self.assertEqual(self.left(), [])

    def test_purge_keeps_all_of_it_when_the_answer_is_no(self):
        subprocess.run(["debconf-set-selections"], input="ddskeyd ddskeyd/purge-keys boolean false\n", encoding="utf-8",
                       check=True, env=dict(self.environment, DPKG_ROOT=self.root))
        self.dpkg("--install", _DEB)
        self.use()
        said, _ = self.dpkg("--purge", "ddskeyd")
        self.assertIn("ddskeyd: keeping a keystore", said)
        self.assertEqual(self.read(_KEYSTORE), "keys")
        self.assertEqual(self.read("etc/ddskeyd/ca/identity_ca.key"), "a key")
        self.assertEqual(self.read("var/lib/ddskeyd-pkcs11/hsm/token"), "a token in software")


if __name__ == "__main__":
    unittest.main()
