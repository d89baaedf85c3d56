"""Tests of the tool that makes packages, with small ones."""

import copy
import os
import subprocess
import tempfile
import time
import unittest

import build_deb

_MANIFEST = {
    "package": "small",
    "revision": "2",
    "section": "net",
    "multi_arch": "same",
    "maintainer": "Somebody <somebody@example.org>",
    "summary": "a small package",
    "description": "\nIts description\nhas two paragraphs.\n\nThis is the second.\n",
    "relations": {"Depends": ["other (= {version})"], "Suggests": ["third"]},
    "files": [],
    "links": {"/usr/share/small/link": "text"},
    "scripts": {},
}
_RELEASED = 1_735_689_600


class BuildDebTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.addCleanup(os.umask, os.umask(0o022))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def manifest(self, folder="one"):
        """A package with a program, a compressed text, a conffile and a script, from sources in `folder`."""
        manifest = copy.deepcopy(_MANIFEST)
        program = os.path.join(self.folder, folder, "program")
        source = self.write(folder + "/program.c", "int main(void) { return 0; }\n")
        if not os.path.exists(program):
            subprocess.run(["gcc", "-o", program, source], check=True)
        manifest["files"] = [
            {"source": program, "mode": "0755", "path": "/usr/bin/"},
            {"source": self.write(folder + "/notes", "notes of {version}\n"), "mode": "0644",
             "path": "/usr/share/doc/small/notes.gz", "substitute": True},
            {"source": self.write(folder + "/settings", "# settings\n"), "mode": "0644", "path": "/etc/small/settings"},
        ]
        manifest["scripts"] = {"postinst": self.write(folder + "/postinst", "#!/bin/sh\nset -e\n")}
        return manifest

    def build(self, manifest, name="small.deb"):
        output = os.path.join(self.folder, name)
        facts = build_deb.build(manifest, "0.1.0-2", _RELEASED, output)
        return output, facts

    def field(self, deb, name):
        return build_deb.run("dpkg-deb", "--field", deb, name).strip()

    def test_equal_input_gives_equal_octets_in_other_folders_under_other_umasks_at_other_times(self):
        one, _ = self.build(self.manifest("one"), "one.deb")
        # The folder and the files are made anew, a second of the clock later, by somebody with other habits.
        began = int(time.time())
        while int(time.time()) == began:
            time.sleep(0.01)
        os.umask(0o077)
        other, _ = self.build(self.manifest("another/place"), "other.deb")
        self.assertEqual(build_deb.read(one), build_deb.read(other))

    def test_other_input_gives_other_octets(self):
        manifest = self.manifest()
        one, _ = self.build(manifest, "one.deb")
        self.write("one/settings", "# other settings\n")
        other, _ = self.build(manifest, "other.deb")
        self.assertNotEqual(build_deb.read(one), build_deb.read(other))

    def test_computes_what_binaries_depend_on_and_adds_what_they_do_not_show(self):
        deb, facts = self.build(self.manifest())
        self.assertRegex(self.field(deb, "Depends"), r"^libc6 \(>= [0-9.]+\), other \(= 0\.1\.0-2\)$")
        self.assertEqual(facts["libraries"], {"usr/bin/program": {"libc.so.6": "libc6"}})

    def test_files_are_roots_and_have_the_time_of_the_version(self):
        deb, _ = self.build(self.manifest())
        listing = build_deb.run("dpkg-deb", "--contents", deb, env=dict(os.environ, TZ="UTC")).splitlines()
        for line in listing:
            self.assertIn(" root/root ", line)
            self.assertIn(" 2025-01-01 00:00 ", line)
        self.assertTrue(any(line.endswith("./usr/share/small/link -> text") for line in listing), listing)

    def test_what_is_in_etc_is_a_conffile(self):
        deb, _ = self.build(self.manifest())
        self.assertEqual(build_deb.run("dpkg-deb", "--info", deb, "conffiles"), "/etc/small/settings\n")

    def test_describes_in_lines_of_debian(self):
        self.assertEqual(build_deb.description("s", "one\ntwo\n\n" + "word " * 20).split("\n"),
                         ["s", " one two", " .", " " + "word " * 14 + "word", " " + "word " * 4 + "word"])

    def test_refuses_two_files_for_one_path_and_paths_that_lead_elsewhere(self):
        text = {"source": self.write("text", "text\n"), "mode": "0644"}
        for paths in (["/usr/bin/program", "/usr/bin/program"], ["/usr/../etc/x"], ["relative"]):
            with self.assertRaises(ValueError):
                self.build(dict(_MANIFEST, files=[dict(text, path=path) for path in paths]))

    def test_reads_the_version_from_the_header_of_the_programs(self):
        header = self.write("version.h", 'kVersion = "1.2.3";\nlong kReleased = 1\'700\'000\'000;\n')
        self.assertEqual(build_deb.read_version(header, "4"), ("1.2.3-4", 1_700_000_000))


if __name__ == "__main__":
    unittest.main()
