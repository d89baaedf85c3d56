"""The blocks of docs/fleet.md that say by whom they are run."""

import re

_BLOCK = re.compile(r"^<!-- run by //test/fleet:fleet_page_test: ([a-z]+) -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """The blocks by name. Raises ValueError if two have the same."""
    found = {}
    for name, block in _BLOCK.findall(text):
        if name in found:
            raise ValueError("two blocks are called " + name)
        found[name] = block
    return found
