"""The addon for an older series of Odoo, made from this checkout by rules.

`dev/.series/SERIES` has what that series has otherwise than the next newer one: the
rules in `rules.diff`, and files of its own below `files`. 17.0 is made from what 18.0
is made of, and so on; `only.diff` and `only` are for the series alone. A rule is

    # why
    @ GLOB ...
    -lines of 19.0
    +lines of the series
     a line of both, to tell where

up to an empty line, for all places in these files, or with a regular expression

    ~pattern
    =replacement

or, to leave out methods, such as tests of what the series has not, or whole files:

    !test_name ...
    !

`{series}` and `{major}` are that of the addon that is made, such as 18.0 and 18.

Each glob has to match somewhere, or the checkout has moved on: that is a failure.
"""

import re
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatch

from .environment import CHECKOUT
from .report import Failure

HOME = CHECKOUT / "dev" / ".series"
LEFT_OUT = ("dev/.series/*", "dev/series")
METHOD = r"(?:^    @.*\n)*^    def (?:{})\(.*\n(?:(?:        .*)?\n)*"


def all_series():
    """The series that can be made, the newest first."""
    return sorted((path.name for path in HOME.glob("*")), key=float, reverse=True)


def make_series(series, folder):
    """Write the checkout for that series into the folder, and nothing else.

    :raises Failure: a rule matches nothing, or has nothing to match
    """
    if series not in all_series():
        raise Failure(f"{series}: only {', '.join(all_series())} can be made.")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "__manifest__.py").exists():
            raise Failure(f"{folder} has other files.")
    files, links = _read()
    for each in all_series():
        if float(each) >= float(series):
            _change(files, HOME / each, series)
    _write(files, links, folder)


def _read():
    """The contents of the checkout's files, and its links, by their paths."""
    command = ["git", "-C", CHECKOUT, "ls-files", "-z", "-co", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    files, links = {}, {}
    for name in names.rstrip("\0").split("\0"):
        path = CHECKOUT / name
        if any(fnmatch(name, glob) for glob in LEFT_OUT):
            continue
        if path.is_symlink():
            links[name] = path.readlink()
        elif path.exists():
            files[name] = path.read_bytes()
    return files, links


def _change(files, home, series):
    kinds = [("rules.diff", "files"), ("only.diff", "only")]
    major = series.partition(".")[0]
    for rules, own in kinds if home.name == series else kinds[:1]:
        if (home / rules).exists():
            text = (home / rules).read_text()
            text = text.replace("{series}", series).replace("{major}", major)
            for rule in parse(text):
                rule.apply(files, f"{home.name}/{rules}")
        for path in (home / own).rglob("*"):
            if path.is_file():
                files[str(path.relative_to(home / own))] = path.read_bytes()


def _write(files, links, folder):
    """Write what differs, and delete what is left of before."""
    for path in sorted(folder.rglob("*"), reverse=True):
        name = str(path.relative_to(folder))
        if name == ".git" or name.startswith(".git/"):
            continue
        is_known = name in (links if path.is_symlink() else files)
        if not is_known and (path.is_symlink() or not path.is_dir()):
            path.unlink()
    for name, target in links.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_symlink():
            path.symlink_to(target)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        if (CHECKOUT / name).exists():
            path.chmod((CHECKOUT / name).stat().st_mode)


@dataclass
class Rule:
    """See the module. `old` and `new` are whole lines, or what `re.sub()` takes."""

    line: int
    globs: list
    old: str = ""
    new: str = ""
    is_pattern: bool = False

    def apply(self, files, source):
        """Change the files, a dictionary from paths to bytes."""
        for glob in self.globs:
            names = [name for name in files if fnmatch(name, glob)]
            changed = [name for name in names if self._apply_to(files, name)]
            if not changed:
                raise Failure(f"{source}:{self.line}: nothing to change in {glob}")

    def _apply_to(self, files, name):
        if not self.old:
            return files.pop(name)
        text = f"\n{files[name].decode()}"
        if self.is_pattern:
            text, found = re.subn(self.old, self.new, text, flags=re.MULTILINE)
        else:
            found = text.count(f"\n{self.old}")
            text = text.replace(f"\n{self.old}", f"\n{self.new}")
        files[name] = text[1:].encode()
        return found


def parse(text):
    """Return the rules of a text.

    >>> [rule] = parse("# shorter\\n@ a* b\\n-one\\n+1\\n two\\n")
    >>> rule.globs, rule.old, rule.new
    (['a*', 'b'], 'one\\ntwo\\n', '1\\ntwo\\n')
    >>> files = {"ab": b"one\\ntwo\\nthree\\n", "b": b"one\\ntwo\\n"}
    >>> rule.apply(files, "a text")
    >>> files
    {'ab': b'1\\ntwo\\nthree\\n', 'b': b'1\\ntwo\\n'}
    >>> rule.apply(files, "a text")
    Traceback (most recent call last):
    ...
    harness.report.Failure: a text:3: nothing to change in a*
    >>> parse("@ a\\n+one\\n")
    Traceback (most recent call last):
    ...
    harness.report.Failure: Line 2 of the rules: lines to add, but not where
    """
    rules, globs, rule = [], [], None

    def add(*values):
        rules.append(Rule(number, globs, *values))
        return rules[-1]

    for number, line in enumerate(text.splitlines(), 1):
        sign, rest = line[:1], line[1:]
        if sign == "@":
            globs, rule = rest.split(), None
        elif sign in ("", "#"):
            rule = None
        elif sign == "~":
            rule = add(rest, "", True)
        elif sign == "=":
            rule.new = rest
        elif sign == "!":
            add(rest and METHOD.format("|".join(rest.split())), "", True)
        elif sign in ("-", "+", " "):
            if not rule or rule.is_pattern:
                rule = add()
            rule.old += f"{rest}\n" * (sign != "+")
            rule.new += f"{rest}\n" * (sign != "-")
        else:
            raise Failure(f"Line {number} of the rules: {line}")
    for each in rules:
        if each.new and not each.old:
            raise Failure(f"Line {each.line} of the rules: lines to add, but not where")
    return rules
