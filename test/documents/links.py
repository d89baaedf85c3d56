"""Finds links that lead nowhere, and names of files in the text that are not there."""

import os
import re

import pages as documents

# Code in the text that can only be a file of this repository: a path below one of its folders.
_FOLDERS = "client|daemon|docs|plugin_shim|policy|proto|systemd|test|third_party|tools"
_FILE = re.compile(r"^(?:%s)/[\w./-]*$" % _FOLDERS)
_PLAIN = re.compile(r"(?<![\w/.])((?:docs|test)/[\w./-]+\.(?:md|cc|h|py|sh|txt))\b")
_PLACEHOLDER = re.compile("NAME|TARGET")
# Decisions are never edited: what they name may be gone.
_NEVER_EDITED = "docs/adr/"
# Where sources name documents: comments, messages, units.
_SOURCES = (".cc", ".h", ".c", ".py", ".sh", ".proto", ".bazel", ".service", ".socket", ".conf", ".txt", ".xml")
_SUITE = re.compile(r"^[A-Z][A-Za-z0-9]+Test$")
_DOCUMENT = re.compile(r"(?<![\w/.])(docs/(?:adr/)?[\w-]+\.md)\b")


def broken(pages, exists):
    """Sentences about what is wrong; `exists` says whether a path from the root is there."""
    by_path = {page.path: page for page in pages}
    for page in by_path.values():
        for line, target in page.links():
            problem = _problem_of_link(page, target, by_path, exists)
            if problem:
                yield "%s:%d: %s" % (page.path, line, problem)
        for line, name in _named_files(page):
            if not exists(name):
                yield "%s:%d: there is no %s" % (page.path, line, name)


def _problem_of_link(page, target, by_path, exists):
    if re.match(r"^[a-z]+:", target):
        return None if target.startswith("https:") else "%s is not https" % target
    path, _, name = target.partition("#")
    path = os.path.normpath(os.path.join(os.path.dirname(page.path), path)) if path else page.path
    if not exists(path):
        return "%s leads to no file" % target
    if name and (path not in by_path or name not in set(by_path[path].anchors())):
        return "%s has no heading of that name" % target
    return None


def _named_files(page):
    if page.path.startswith(_NEVER_EDITED):
        return
    for line, code in page.code():
        if _FILE.match(code) and not _PLACEHOLDER.search(code):
            yield line, code.rstrip("/")
    for line, text in page.prose:
        for name in _PLAIN.findall(re.sub(r"\]\([^)]*\)", "]", text)):
            if not _PLACEHOLDER.search(name):
                yield line, name


def named_by_sources(path, text, exists):
    """Sentences about documents that a source names and that are not there."""
    for number, line in enumerate(text.split("\n"), 1):
        for name in _DOCUMENT.findall(line):
            if not exists(name):
                yield "%s:%d: there is no %s" % (path, number, name)


def unknown_tests(page, words):
    """Sentences about suites of tests that a page names and no source has; `words` are those of all sources."""
    if page.path.startswith(_NEVER_EDITED):
        return
    for line, code in page.code():
        if _SUITE.match(code) and code not in words:
            yield "%s:%d: there is no test %s" % (page.path, line, code)


def _sources(root):
    for folder in ("client", "daemon", "plugin_shim", "policy", "proto", "systemd", "test", "tools"):
        for inside, _, files in os.walk(os.path.join(root, folder)):
            for name in sorted(files):
                if name.endswith(_SOURCES) and not inside.endswith("test/documents"):
                    yield os.path.join(inside, name)


def check(root):
    """What is wrong in the tree at `root`."""
    def exists(path):
        return os.path.exists(os.path.join(root, path))
    pages = list(documents.pages(root))
    problems, words = list(broken(pages, exists)), set()
    for path in _sources(root):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        problems += named_by_sources(os.path.relpath(path, root), text, exists)
        words.update(re.findall(r"\b[A-Z]\w*Test\b", text))
    for page in pages:
        problems += unknown_tests(page, words)
    return problems
