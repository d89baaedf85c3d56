"""The option tables of ddskeyctl and ddskeyd, as their --help shows them, and whether a command line fits them."""

import re
import subprocess

_COMMAND = re.compile(r"^  (?P<name>[a-z0-9-]+(?: [a-z0-9-]+)?)  +\S")
_OPTION = re.compile(r"^  (?:-\w, )?--(?P<name>[a-z0-9-]+)(?P<value> [A-Za-z]\S*)?(?: \[[A-Z]+\])?(?:  |$)")
_WORD_OF_USAGE = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\](?:\.\.\.)?|\S+")


def _help(program, *command):
    done = subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError("%s %s --help failed: %s" % (program, " ".join(command), done.stderr))
    return done.stdout


def _options(text):
    """Name of each option -> whether it has a value."""
    return {option["name"]: bool(option["value"]) for option in map(_OPTION.match, text.splitlines()) if option}


class Daemon:
    """A program without commands: ddskeyd, ddskeyd-pkcs11."""

    def __init__(self, name, text):
        self.name = name
        self._options = _options(text)

    @classmethod
    def of(cls, name, program):
        """Of the program in the file `program`."""
        return cls(name, _help(program))

    def options(self):
        """Names of all options."""
        return list(self._options)

    def problem(self, words):
        """What is wrong with the words after the program's name; None if nothing is."""
        for word in words:
            name = word[2:].split("=")[0]
            if word.startswith("--") and name not in self._options:
                return "%s has no option --%s" % (self.name, name)
        return None


class Ctl:
    """ddskeyctl. `help_of` returns the help of a command, and of all for ()."""

    def __init__(self, help_of):
        text = help_of()
        commands, _, options = text.partition("\nOptions of all commands:")
        self._global = _options(options)
        self._help_of = help_of
        self._commands = {match["name"]: None for match in map(_COMMAND.match, commands.splitlines()) if match}

    @classmethod
    def of(cls, program):
        """Of the program in the file `program`."""
        return cls(lambda *command: _help(program, *command))

    def commands(self):
        """Names of all commands."""
        return list(self._commands)

    def problem(self, words, whole=True):
        """What is wrong with the words after "ddskeyctl"; None if nothing is. Not `whole`: operands and required
        options may be missing, and so may the second word of a command, as where a text speaks of it."""
        rest = [word for word in words]
        while rest and rest[0].startswith("--"):
            name, _, value = rest.pop(0)[2:].partition("=")
            if name not in self._global:
                return "ddskeyctl has no option --%s before a command" % name
            if self._global[name] and not value and rest:
                rest.pop(0)
        if not rest:
            return None
        name = next((" ".join(rest[:size]) for size in (2, 1) if " ".join(rest[:size]) in self._commands), None)
        if name is None:
            group = any(command.startswith(rest[0] + " ") for command in self._commands)
            if group and len(rest) == 1 and not whole:
                return None
            return "ddskeyctl has no command %s" % " ".join(rest[:2])
        return self._problem_of(name, rest[len(name.split()):], whole)

    def _problem_of(self, name, words, whole):
        options, required, operands = self._usage(name)
        given, found = set(), 0
        words = list(words)
        while words:
            word = words.pop(0)
            if word == "--":
                return None
            if not word.startswith("--"):
                found += 1
                continue
            option, equals, _ = word[2:].partition("=")
            known = options if option in options else self._global
            if option not in known:
                return "ddskeyctl %s has no option --%s" % (name, option)
            given.add(option)
            if known[option] and not equals:
                if words:
                    words.pop(0)
                elif whole:
                    return "ddskeyctl %s --%s needs a value" % (name, option)
        if found > len(operands) and operands[-1:] != ["..."]:
            return "ddskeyctl %s takes %d operands, not %d" % (name, len(operands), found)
        if whole and found < len([operand for operand in operands if operand != "..."]):
            return "ddskeyctl %s needs %s" % (name, " ".join(operands))
        missing = required - given if whole else set()
        return "ddskeyctl %s needs --%s" % (name, sorted(missing)[0]) if missing else None

    def _usage(self, name):
        """(options, required options, operands) of a command, from its help."""
        if self._commands[name] is None:
            text = self._help_of(*name.split())
            usage = text.partition("\n")[0].partition("ddskeyctl " + name)[2]
            required, operands, words = set(), [], _WORD_OF_USAGE.findall(usage)
            while words:
                word = words.pop(0)
                if word.startswith("--"):
                    required.add(word[2:])
                    if words and re.fullmatch(r"[A-Za-z][\w|-]*(\.\.\.)?", words[0]):
                        words.pop(0)
                elif word.startswith("["):
                    continue
                elif word == "]":  # Of brackets in brackets.
                    continue
                elif word.endswith("..."):
                    operands.append("...")
                else:
                    operands.append(word)
            self._commands[name] = (_options(text), {option.rstrip(".") for option in required}, operands)
        return self._commands[name]
