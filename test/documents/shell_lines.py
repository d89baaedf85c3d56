"""Takes shell text apart, as far as documents have it: pipes, lists, substitutions, here-documents, comments."""

import re
import shlex

_HERE = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_REDIRECTION = re.compile(r"(?<!\S)\d*(?:>{1,2}|<)(?:&\d|\s*[^\s<>&;|()]+)")
_BREAKS = {"|", "||", "&&", ";", "&", "(", ")", "\n"}
_KEYWORDS = {"if", "then", "else", "fi", "do", "done", "while", "for", "!", "{", "}"}
# Programs that start another, with the options of theirs that have a value.
_STARTERS = {
    "env": set(),
    "exec": set(),
    "nohup": set(),
    "runuser": {"-u"},
    "setpriv": set(),
    "sudo": {"-u"},
}


def without_here_documents(text):
    """The text without the bodies of here-documents."""
    lines, end = [], None
    for line in text.split("\n"):
        if end is not None:
            end = None if line.strip() == end else end
            continue
        found = _HERE.search(line)
        if found:
            end = found.group(1)
        lines.append(line)
    return "\n".join(lines)


def commands(text):
    """The words of each simple command, those in $(...) after the one around them, without redirections."""
    text = without_here_documents(text).replace("\\\n", " ")
    found = []
    for line in text.split("\n"):
        found += _commands_of(line)
    return found


def _commands_of(line):
    inner = []

    def outside(match):
        inner.append(match.group(1))
        return "SUBSTITUTED"

    line = _REDIRECTION.sub("", re.sub(r"\$\(([^()]*)\)", outside, line))
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";()|&")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words, found = [], []
    for word in list(lexer) + ["\n"]:
        if word in _BREAKS or set(word) <= set(";()|&"):
            words = program(words)
            if words:
                found.append(words)
            words = []
        else:
            words.append(word)
    for text in inner:
        found += _commands_of(text)
    return found


def program(words):
    """The words from the program that is meant: without assignments, keywords, and programs that start another."""
    words = list(words)
    while words:
        if _ASSIGNMENT.match(words[0]) or words[0] in _KEYWORDS:
            words.pop(0)
        elif words[0] in _STARTERS:
            valued = _STARTERS[words.pop(0)]
            while words and (words[0].startswith("-") or _ASSIGNMENT.match(words[0])):
                option = words.pop(0)
                if option in valued and words:
                    words.pop(0)
        else:
            break
    return words
