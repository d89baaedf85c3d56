"""That what docs/fleet.md shows is right: its blocks are run as they stand, on a machine of the test's own."""

import http.server
import json
import os
import re
import shutil
import threading
import unittest

import machine
import page
from machine import read, run, until, write

_POLICY = """
rule { name: "administration" effect: ALLOW caller { uid: 0 } key: "*"
       operation: [KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE, CERTIFICATE_INSTALL, TRUST_CHANGE, IDENTITY_RENEW,
                   IDENTITY_STATE, STORE_CHECK, STATUS] }
rule { name: "robot" effect: ALLOW caller { user: "robot" } key: "robot*" operation: HANDSHAKE }
"""
_REMOTE = "/lib/systemd/systemd-journal-remote"
_UPLOAD = "/lib/systemd/systemd-journal-upload"
_BLOCKS = page.blocks(read("docs/fleet.md"))


def block(name):
    """The block of that name."""
    return _BLOCKS[name]


def missing(*programs):
    """Those that this machine does not have."""
    return [program for program in programs if shutil.which(program) is None]


def verify(*units):
    """Has systemd look at units; it says nothing if all is well."""
    said = run("systemd-analyze verify " + " ".join(units))
    if said:
        raise AssertionError(said)


class FleetPageTest(unittest.TestCase):
    def setUp(self):
        os.makedirs("/run/test/" + self.id())
        self.folder = "/run/test/" + self.id()

    def daemon(self, configuration=""):
        daemon = machine.Daemon(_POLICY, configuration)
        self.addCleanup(daemon.stop)
        return daemon

    def need(self, *programs):
        absent = missing(*programs)
        if absent:
            self.skipTest("this machine has no " + ", ".join(absent))

    def server(self, *command, **identity):
        server = machine.Server(*command, **identity)
        self.addCleanup(server.stop)
        return server

    # Alerts.

    def test_alerts_are_about_metrics_that_there_are(self):
        self.daemon('revocation_list_file { path: "/etc/ddskeyd/crl/identity_ca.crl" }\n')
        self.certify(self.make_ca(), self.folder + "/robot")
        metrics = run("ddskeyctl metrics --format prometheus")
        known = set(re.findall(r"^# TYPE (\w+)", metrics, re.MULTILINE))
        run(block("alerts"))
        rules = "/etc/prometheus/rules/ddskeyd.yml"
        alerts = re.findall(r'expr: (.*)\n(?:.*\n)*?.*summary: "(.*)"', read(rules))
        self.assertEqual(len(alerts), read(rules).count("- alert:"))
        for expression, summary in alerts:
            for name in re.findall(r"\bddskey_\w+", expression):
                self.assertIn(name, known)
                for label in set(re.findall(r"\$labels\.(\w+)", summary)) - {"instance"}:
                    self.assertRegex(metrics, r'(?m)^%s\{[^}]*\b%s="' % (name, label))
        self.need("promtool")
        self.assertIn("SUCCESS", run("promtool check rules " + rules))

    # The journal.

    def certificate(self, authority, folder, name):
        """Makes a key and a certificate of `authority` for `name`, where the page has them."""
        os.makedirs(folder)
        run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=%(n)s\n"
            "echo subjectAltName=DNS:%(n)s >names\n"
            "openssl x509 -req -in request.pem -CA %(a)s/ca.pem -CAkey %(a)s/ca.key -CAcreateserial -days 2 "
            "-extfile names -out certificate.pem\n"
            "cp %(a)s/ca.pem ca.pem" % {"n": name, "a": authority}, folder)

    def authority(self, name):
        folder = "%s/%s" % (self.folder, name)
        os.makedirs(folder)
        run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=" +
            name, folder)
        return folder

    def become(self, certificates, name):
        """Makes this machine the collector or the robot: both have their files in the same places."""
        run("rm -rf /etc/ssl/journal && cp -r %s /etc/ssl/journal" % certificates)
        run(block(name))

    def test_audit_records_reach_the_collector(self):
        if missing(_REMOTE, _UPLOAD, "/lib/systemd/systemd-journald"):
            self.skipTest("this machine has no systemd-journal-remote")
        run("install -d /run/systemd/journal && install -d -g systemd-journal -m 2755 /run/log/journal/$(cat /etc/machine-id)")
        write("/etc/systemd/journald.conf.d/test.conf", "[Journal]\nReadKMsg=no\nAudit=no\nStorage=volatile\n")
        self.server("/lib/systemd/systemd-journald")
        until(lambda: os.path.exists("/run/systemd/journal/socket"), "journald listens")
        self.daemon('log { target: "journal" }\n')
        run("ddskeyctl key create robot17")
        run("ddskeyctl backup /run/test/backup", expect=1)

        good, other = self.authority("good"), self.authority("other")
        for authority, name in ((good, "collector.example"), (good, "robot17"), (other, "robot18")):
            self.certificate(authority, "%s/journal-%s" % (self.folder, name), name)
        self.become(self.folder + "/journal-collector.example", "collector")
        self.need("stunnel4")
        run("install -d -o systemd-journal-remote -g systemd-journal-remote /var/log/journal/remote")
        collect = machine.exec_start("/etc/systemd/system/systemd-journal-remote.service.d/loopback.conf").split()
        # systemd would have opened the socket.
        self.assertEqual(collect[1], "--listen-http=-3")
        collect[1] = "--listen-http=127.0.0.1:19531"
        remote = self.server(*collect, user="systemd-journal-remote")
        # With what the file names copied away, as the robot's files are in the same places.
        settings = read("/etc/stunnel/journal.conf").replace("/etc/ssl/journal", self.folder + "/journal-collector.example")
        write(self.folder + "/stunnel.conf", settings)
        self.server("stunnel4", self.folder + "/stunnel.conf")
        for port in (19531, 19532):
            until(lambda port=port: ":%04X " % port in read("/proc/net/tcp6") + read("/proc/net/tcp"),
                  "the collector listens")

        # A robot of somebody else.
        os.makedirs("/var/lib/systemd/journal-upload", exist_ok=True)
        self.become(self.folder + "/journal-robot18", "robot")
        # It trusts the collector, which does not trust it.
        shutil.copy(good + "/ca.pem", "/etc/ssl/journal/ca.pem")
        stranger = machine.Server(_UPLOAD, "--save-state=/run/test/state")
        self.assertNotEqual(stranger.process.wait(20), 0)
        self.assertIn("unknown ca", stranger.output())
        self.assertEqual(os.listdir("/var/log/journal/remote"), [])

        self.become(self.folder + "/journal-robot17", "robot")
        # A user of its own, as DynamicUser= gives it.
        shutil.chown("/var/lib/systemd/journal-upload", 61184, 61184)
        upload = self.server(_UPLOAD, "--save-state", user=61184, groups=["systemd-journal"])

        def records():
            text = run("journalctl --quiet --directory=/var/log/journal/remote SYSLOG_IDENTIFIER=ddskeyd --output=json")
            entries = [json.loads(line) for line in text.splitlines()]
            return [each for each in entries if each.get("DDSKEY_OPERATION")]

        try:
            until(lambda: {"CreateKey", "GetBackup"} <= {each["DDSKEY_OPERATION"] for each in records()},
                  "the records are at the collector")
        except AssertionError as failure:
            raise AssertionError("%s\n%s\n%s" % (failure, upload.output(), remote.output())) from None
        made = next(each for each in records() if each["DDSKEY_OPERATION"] == "CreateKey")
        self.assertEqual((made["DDSKEY_KEY"], made["DDSKEY_OUTCOME"]), ("robot17", "allowed"))
        refused = run(block("query"))
        self.assertIn('operation="GetBackup"', refused)
        self.assertNotIn('outcome="allowed"', refused)

    # Certificates and revocation.

    def make_ca(self):
        """Makes the CA of docs/certificate_authority.md, with openssl."""
        folder = self.folder + "/ca"
        os.makedirs(folder + "/requests")
        write(folder + "/passphrase", "correct horse\n", 0o600)
        _, found, with_openssl = read("docs/certificate_authority.md").partition("\n## With openssl\n")
        self.assertTrue(found)
        whole = "".join(re.findall(r"^```sh\n(.*?)^```$", with_openssl, re.MULTILINE | re.DOTALL))
        # Up to where it looks at its example's request.
        made, found, _ = whole.partition("openssl req -in talker.csr")
        self.assertTrue(found)
        run(made, folder)
        return folder

    def certify(self, ca, robot):
        """Has the CA in a folder certify the key of a robot, and returns what it said."""
        os.makedirs(robot)
        run(block("request"), robot)
        shutil.copy(robot + "/robot17.csr", ca + "/requests")
        # Who would be somebody else.
        shutil.copy(robot + "/robot17.csr", ca + "/requests/robot1.csr")
        said = run(block("certify"), ca)
        shutil.copy(ca + "/certificates/robot17.pem", robot)
        shutil.copy(ca + "/identity_ca.pem", robot)
        run(block("install"), robot)
        return said

    def test_an_ordinary_ca_certifies_and_revokes(self):
        self.need("curl")
        daemon = self.daemon()
        ca = self.make_ca()
        said = self.certify(ca, self.folder + "/robot")
        self.assertIn("requests/robot1.csr is not for robot1", said)
        self.assertEqual(os.listdir(ca + "/certificates"), ["robot17.pem"])
        self.assertIn("CN=robot17,O=Lab", run("ddskeyctl identity show robot17"))

        os.makedirs("/usr/local/sbin", exist_ok=True)
        run(block("lists"))
        daemon.wait()
        verify("/etc/systemd/system/ddskey-lists.service", "/etc/systemd/system/ddskey-lists.timer")
        run("openssl ca -config ca.cnf -gencrl -out identity_ca.crl -passin file:passphrase", ca)
        self.serve(ca)
        fetch = machine.exec_start("/etc/systemd/system/ddskey-lists.service")
        run(fetch)
        until(lambda: "identity CA" in run("ddskeyctl status || true"), "the list is taken")
        # With a handshake of its own.
        self.assertNotIn("[revoked]", run("ddskeyctl doctor || true"))

        run(block("revoke"), ca)
        run(fetch)
        until(lambda: "revoked" in run("ddskeyctl doctor || true"), "the robot is revoked")
        # What is no list leaves the one before.
        write(ca + "/identity_ca.crl", "no list\n")
        run(fetch, expect=1)
        self.assertIn("BEGIN X509 CRL", read("/etc/ddskeyd/crl/identity_ca.crl"))
        self.assertIn("revoked", run("ddskeyctl doctor || true"))

    def serve(self, folder):
        """Hands out the files of `folder` at http://ca.example/."""

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=folder)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 80), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)

    # The policy.

    def test_a_package_brings_the_policy(self):
        self.need("dpkg-deb")
        daemon = self.daemon()
        before = read("/etc/ddskeyd/policy.textproto")
        run(block("package"), self.folder)
        # ddskeyd is here, but not as a package.
        install = "dpkg --force-depends --install fleet-policy_1.0_all.deb"
        run("ddskeyctl key create lidar")
        write(machine.CALLS, "")
        run(install, self.folder)
        policy = read("/etc/ddskeyd/policy.textproto")
        self.assertNotEqual(policy, before)
        self.assertIn('user: "robot"', policy)
        self.assertEqual(read(machine.CALLS).splitlines()[-1], "reload ddskeyd")
        run("ddskeyd --check")

        # A mistake is found before it is in force.
        write(self.folder + "/fleet-policy/usr/share/fleet-policy/policy.textproto", 'rule { nmae: "x" }\n')
        control = self.folder + "/fleet-policy/DEBIAN/control"
        write(control, read(control).replace("1.0", "1.1"))
        run("dpkg-deb --root-owner-group --build fleet-policy fleet-policy_1.0_all.deb", self.folder)
        write(machine.CALLS, "")
        said = run(install, self.folder, expect=1)
        self.assertIn("policy.textproto:1", said)
        self.assertEqual(read("/etc/ddskeyd/policy.textproto"), policy)
        self.assertNotIn("reload", read(machine.CALLS))
        self.assertIn("lidar", run("ddskeyctl key list"))
        self.assertNotIn("error", daemon.log())


class PageTest(unittest.TestCase):
    def test_finds_blocks_by_name(self):
        text = "a\n<!-- run by //test/fleet:fleet_page_test: one -->\n```sh\nx\ny\n```\n```sh\nz\n```\n"
        self.assertEqual(page.blocks(text), {"one": "x\ny\n"})
        with self.assertRaises(ValueError):
            page.blocks(text + text)

    def test_every_block_of_the_page_is_run_by_a_test(self):
        used = set(re.findall(r'block\("(\w+)"\)', read(__file__))) | {"collector", "robot"}
        self.assertEqual(set(_BLOCKS), used)
        self.assertEqual(read("docs/fleet.md").count("<!-- run by"), len(_BLOCKS))


if __name__ == "__main__":
    machine.enter()
    unittest.main()
