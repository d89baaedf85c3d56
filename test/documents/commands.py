"""Checks that every command in a document is run by something, and that what cannot be run is at least not wrong.

Above each block of shell stands an HTML comment that says what runs it:

  <!-- run -->                     test/documents/run_page.py, with all such blocks of the page, in order;
  <!-- run: NAME -->               the same, with before_NAME and after_NAME of test/documents/setup/PAGE.sh around it;
  <!-- run by //PACKAGE:TEST -->   that test, whose source names the page; with ": NAME" behind it also the block;
  <!-- run by ./dev COMMAND: NAME --> that command, whose sources (test/system for test-system) name page and block;
  <!-- run by .ci/run -->          what every change must pass;
  <!-- not run: REASON -->         nothing. The list of these is printed.
"""

import dataclasses
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree

import shell_lines

# Blocks that are no commands, and how they are looked at.
_OTHERS = ("text", "textproto", "xml", "properties")
# Blocks that are.
RUN = ("sh", "cron")
_NOTE = re.compile(r"^(?:run|run: (?P<name>\w+)|run by (?P<by>\S.*)|not run: (?P<reason>\S.*))$")
_TARGET = re.compile(r"^//(?P<package>[\w/]+):(?P<name>[\w.-]+)(?:: (?P<block>\w+))?$")
# //test/demo:demo_tpm2_test is that command, and among the tests.
_IN_TESTS = ["./dev", "demo"]
# Where the sources of `./dev COMMAND` are that may run a block.
_DEV_SOURCES = {"test-system": "test/system", "demo": "test/demo", "test-optee": "tools/optee"}


@dataclasses.dataclass(frozen=True)
class Note:
    """What a comment says: exactly one of `run`, `by` and `reason` is set."""
    run: bool
    name: str
    by: str
    reason: str


def note_of(block):
    """The note of a block of shell, or None if what stands above it is none."""
    match = _NOTE.match(block.note)
    if not match:
        return None
    by, reason = match["by"] or "", match["reason"] or ""
    return Note(run=not by and not reason, name=match["name"] or "", by=by, reason=reason)


def not_run(pages):
    """(block, reason) of each block that nothing runs."""
    for page in pages:
        for block in page.blocks:
            note = note_of(block) if block.language in RUN else None
            if note and note.reason:
                yield block, note.reason


class Checker:
    """Checks pages against the tree at `root` and the option tables `programs` (name -> table)."""

    def __init__(self, root, programs, run_pages, daemon=None):
        self._root = root
        # The file of ddskeyd, which knows what a configuration is.
        self._daemon = daemon
        self._programs = programs
        # Paths of the pages whose blocks are run by run_page.py.
        self._run_pages = set(run_pages)

    def problems(self, page):
        """Sentences about what is wrong in a page."""
        for block in page.blocks:
            for problem in self._of_block(block):
                yield "%s: %s" % (block, problem)
        for line, code in page.code():
            problem = self._of_code(code)
            if problem:
                yield "%s:%d: %s" % (page.path, line, problem)

    def _of_block(self, block):
        if block.language in _OTHERS:
            yield from self._of_other(block)
        elif block.language not in RUN:
            yield "say what this block is: one of " + ", ".join(RUN + _OTHERS)
        else:
            note = note_of(block)
            if note is None:
                yield "nothing runs this block: say above it what does (test/documents/commands.py)"
            elif note.run and block.page not in self._run_pages:
                yield "%s is not among the pages that test/documents/BUILD.bazel runs" % block.page
            elif note.by:
                yield from self._of_runner(block, note.by)
            if block.language == "sh":
                yield from self._of_shell(block.text)

    def _of_other(self, block):
        if block.language == "xml":
            try:
                xml.etree.ElementTree.fromstring(block.text)
            except xml.etree.ElementTree.ParseError as error:
                yield "this is no XML: %s" % error
        elif block.language == "textproto" and self._daemon:
            # "one of these": each line is a configuration.
            texts = block.text.splitlines() if block.note == "one of these" else [block.text]
            for text in texts:
                yield from self._of_settings(text)

    def _of_settings(self, text):
        """Of a configuration, or of a policy, which has rules."""
        with tempfile.TemporaryDirectory() as folder:
            config, policy = os.path.join(folder, "config"), os.path.join(folder, "policy")
            is_policy = re.search(r"^\s*rule\b", text, re.MULTILINE)
            # The users of an example are not those of this machine.
            text = re.sub(r'\b(user|group): "[^"]*"', r'\1: "root"', text)
            with open(policy, "w", encoding="utf-8") as file:
                file.write(text if is_policy else "")
            with open(config, "w", encoding="utf-8") as file:
                file.write('policy_file: "%s"\n%s' % (policy, "" if is_policy else text))
            done = subprocess.run([self._daemon, "--check", "--config", config], capture_output=True, text=True,
                                  check=False)
            if done.returncode != 0:
                yield "ddskeyd --check: " + (done.stderr or done.stdout).strip().replace(folder, "")

    def _of_shell(self, text):
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            yield "bash does not read this: " + done.stderr.strip()
            return
        for words in shell_lines.commands(text):
            problem = self._of_words(words, True)
            if problem:
                yield problem

    def _of_code(self, code):
        """Of `code` in the text: commands that it begins with, up to where it speaks of several."""
        words = code.split()
        for size, word in enumerate(words):
            if "|" in word or word in ("...", "&&", ">", "<"):
                words = words[:size - 1] if size and "|" in word and size < 3 else words[:size]
                break
        return self._of_words(words, False) if words else None

    def _of_words(self, words, whole):
        table = self._programs.get(os.path.basename(words[0]) if words[0] != "./dev" else "./dev")
        if table is None:
            return None
        if words[0].startswith("/") and not words[0].startswith("/usr/"):
            return None
        return table.problem(words[1:], whole) if hasattr(table, "commands") else table.problem(words[1:])

    def _of_runner(self, block, by):
        target = _TARGET.match(by)
        if target:
            yield from self._of_target(block, target["package"], target["name"], target["block"])
        elif by.startswith("./dev "):
            command, _, name = by[len("./dev "):].partition(": ")
            folder = _DEV_SOURCES.get(command)
            if folder is None:
                yield "%s runs no blocks of documents" % by
            elif not self._names(folder, block.page):
                yield "nothing in %s reads %s" % (folder, block.page)
            elif name and not self._names(folder, name):
                yield "nothing in %s reads the block %s" % (folder, name)
        elif by == ".ci/run":
            with open(os.path.join(self._root, ".ci/run"), encoding="utf-8") as file:
                text = file.read()
            for words in shell_lines.commands(block.text):
                if " ".join(words[:2]) not in text and words[:2] != _IN_TESTS:
                    yield ".ci/run does not run %s" % " ".join(words[:2])
        else:
            yield "who is %s?" % by

    def _of_target(self, block, package, name, named):
        path = os.path.join(self._root, package, "BUILD.bazel")
        rule = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                pattern = r'^\w+\(\n    name = "%s",\n(?:    .*\n|\n)*?\)$' % re.escape(name)
                found = re.search(pattern, file.read(), re.MULTILINE)
                rule = found.group(0) if found else ""
        if not rule:
            yield "there is no //%s:%s" % (package, name)
            return
        sources = re.findall(r'"([\w.-]+\.(?:cc|py|sh))"', rule)
        if not any(self._file_names(os.path.join(package, source), block.page) for source in sources):
            yield "//%s:%s does not read %s" % (package, name, block.page)
        elif named and not any(self._file_names(os.path.join(package, source), named) for source in sources):
            yield "//%s:%s does not read the block %s" % (package, name, named)

    def _names(self, folder, page):
        for inside, _, files in os.walk(os.path.join(self._root, folder)):
            for name in files:
                if name.endswith((".py", ".sh", ".cc")) and self._file_names(os.path.join(inside, name), page):
                    return True
        return False

    def _file_names(self, path, page):
        path = os.path.join(self._root, path)
        if not os.path.exists(path):
            return False
        with open(path, encoding="utf-8") as file:
            return '"%s"' % page in file.read()


class Dev:
    """The commands of ./dev."""

    def __init__(self, root):
        text = subprocess.run([os.path.join(root, "dev"), "help"], capture_output=True, text=True, check=True).stdout
        self._commands = set(re.findall(r"^  ([a-z][a-z-]*)\b", text, re.MULTILINE))

    def problem(self, words):
        """What is wrong with the words after "./dev"; None if nothing is."""
        if words and words[0] not in self._commands and words[0].islower():
            return "./dev has no command %s" % words[0]
        return None
