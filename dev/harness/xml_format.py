"""The format of XML files: that of prettier's plugin as OCA configures it. Prettier is
no Python package, so the few rules that matter are checked here."""

import re
from xml.parsers import expat

INDENT = 4
WIDTH = 88
ATTRIBUTE = r"""[\w:.-]+=(?:"[^"]*"|'[^']*')"""
TAG = re.compile(rf"<([\w:.-]+)((?:\s+{ATTRIBUTE})*)\s*(/?>)")


def complaints(path):
    """Yield a line for each thing in the file at path that is to be corrected."""
    text = path.read_text("utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if line != line.rstrip() or "\t" in line:
            yield f"{path}:{number}: a tab, or a blank at the end"
    if not text.endswith(">\n"):
        yield f"{path}: one line feed at the end, please"
    try:
        yield from (f"{path}:{line}: {what}" for line, what in _Tags(text).wrong)
    except expat.ExpatError as error:
        yield f"{path}: {error}"


class _Tags:
    """`wrong`: a (line, what is wrong with the tag there) for each wrong tag."""

    def __init__(self, text):
        self.lines = text.splitlines()
        self.wrong = []
        self.depth = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.Parse(text, True)

    def _start(self, _name, _attributes):
        number, column = self._position()
        if self._check_indent(number, column):
            self._check_attributes(number)
        self.depth += 1

    def _end(self, _name):
        self.depth -= 1
        number, column = self._position()
        if self.lines[number - 1].startswith("</", column):  # no <empty/>
            self._check_indent(number, column)

    def _position(self):
        return self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber

    def _check_indent(self, number, column):
        """Whether the tag is the first thing in its line; if so it is indented."""
        if self.lines[number - 1][:column].strip():
            return False
        if column != self.depth * INDENT:
            self.wrong.append((number, f"indent by {self.depth * INDENT}"))
        return True

    def _check_attributes(self, number):
        """They stand in the line of the tag if there is room, else in one each."""
        rest = "\n".join(self.lines[number - 1 :])
        indent = self.depth * INDENT * " "
        tag = TAG.match(rest.lstrip())
        name, attributes, end = tag.groups()
        attributes = re.findall(ATTRIBUTE, attributes)
        blank = " " if end == "/>" else ""
        one_line = f"{indent}{' '.join([f'<{name}', *attributes])}{blank}{end}"
        inner = [f"\n{indent}{INDENT * ' '}{attribute}" for attribute in attributes]
        many_lines = f"{indent}<{name}{''.join(inner)}\n{indent}{end}"
        text_beside = rest.lstrip()[tag.end() :].split("\n", 1)[0]
        fits = len(one_line + text_beside) <= WIDTH or not attributes
        if not rest.startswith(one_line if fits else many_lines):
            self.wrong.append((number, "one line" if fits else "one attribute a line"))
