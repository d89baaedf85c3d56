"""The demo's searches must find what is there, or finding nothing means nothing."""

import os
import subprocess
import tempfile
import unittest

import participant
import report
import traces


def make_key(*kind):
    return subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", *kind],
                          check=True, capture_output=True).stdout


class TracesTest(unittest.TestCase):
    def test_finds_private_keys_in_every_form(self):
        pkcs8 = make_key("-outform", "DER")
        pem = make_key()
        sec1 = subprocess.run(["openssl", "ec", "-outform", "DER"], input=pem, check=True, capture_output=True).stdout
        rsa = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True, capture_output=True).stdout
        for content in (pkcs8, pem, sec1, rsa):
            self.assertEqual(len(traces.in_bytes(b"before" + content + b"after")), 1)

    def test_takes_nothing_else_for_a_private_key(self):
        public = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=make_key(), check=True,
                                capture_output=True).stdout
        for content in (public, b"-----BEGIN PRIVATE KEY-----\0", b"-----BEGIN CERTIFICATE-----\nMIIBhTCCASugAwIBAgIU"):
            self.assertEqual(traces.in_bytes(content), [])

    def test_searches_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(folder + "/below")
            with open(folder + "/below/key.pem", "wb") as out:
                out.write(make_key())
            with open(folder + "/other", "wb") as out:
                out.write(b"nothing")
            found, count = traces.in_folder(folder)
            self.assertEqual((len(found), count), (1, 2))
            self.assertIn("below/key.pem", found[0])

    def test_searches_processes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/key.pem"
            with open(path, "wb") as out:
                out.write(make_key())
            code = "import sys; key = open(sys.argv[1], 'rb').read(); print(flush=True); sys.stdin.read()"
            for arguments, held in (([path], True), (["/dev/null"], False)):
                with subprocess.Popen(["/usr/bin/python3", "-c", code] + arguments, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE) as process:
                    process.stdout.readline()
                    self.assertEqual(bool(traces.in_process(process.pid)), held)
                    self.assertIn("/usr/bin/python3", "".join(traces.mapped_files(process.pid)))
                    process.stdin.close()

    def test_finds_numbers_either_end_first(self):
        number = os.urandom(32)
        backwards = number[::-1]
        self.assertTrue(traces.memory_holds(os.getpid(), number))
        self.assertTrue(traces.memory_holds(os.getpid(), backwards))


class RatesTest(unittest.TestCase):
    def test_reads_what_ddsperf_prints(self):
        line = ("[19] 1.003  size 1024 total 135345 lost 2 delta 135345 lost 0 rate 134.92 kS/s 1105.29 Mb/s "
                "(13.49 kS/s 110.53 Mb/s)\n[19] 1.003  rss:10.8MB vcsw:1259\n")
        self.assertEqual(participant.rates_in(line + line), [(135345, 2, 134.92, 1105.29)] * 2)
        self.assertEqual(participant.rates_in("[19] participant vm:20: new\n"), [])


class ReportTest(unittest.TestCase):
    def test_is_good_only_if_every_row_is(self):
        table = report.Report()
        self.assertFalse(table.good())
        table.add("a", "1", True)
        self.assertTrue(table.good())
        self.assertIn("Everything was as it should be.", table.text())
        table.add("b", "2", False)
        self.assertFalse(table.good())
        self.assertIn("1 of 2 rows are not", table.text())


if __name__ == "__main__":
    unittest.main()
