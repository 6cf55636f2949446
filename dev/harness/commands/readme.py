"""README.rst, made from the Markdown fragments in readme/, and from it the page that
Odoo's Apps show.

dev/harness/readme.md puts them in order. Titles, and how the page is made, are those of
OCA's readmes.
"""

import ast
import io
from pathlib import Path
from string import Template

import pypandoc
from docutils.core import publish_string

from ..environment import CHECKOUT
from ..report import Failure, Options, make

README = CHECKOUT / "README.rst"
PAGE = CHECKOUT / "static" / "description" / "index.html"
TEMPLATE = Path(__file__).parents[1] / "readme.md"
MARKDOWN = "commonmark+pipe_tables+raw_attribute"
PICTURES = "../static/description/"  # as the fragments have it

COLORS = {
    "Alpha": "red",
    "Beta": "yellow",
    "Production/Stable": "green",
    "Mature": "brightgreen",
}
HTML = {
    "file_insertion_enabled": False,
    "output_encoding": "utf-8",
    "raw_enabled": False,
    "report_level": 2,
    "smart_quotes": True,
    "syntax_highlight": "none",  # it would depend on the version of Pygments
    "xml_declaration": False,  # Odoo cannot read a page with one
    "stylesheet_path": None,  # Odoo takes styles out of the page
    "embed_stylesheet": False,
}


def main(argv):
    """Write both files, or with ``--check`` compare them only.

    :return: 0
    :raises Failure: the text is no valid RST; with ``--check``, a file is stale
    """
    parser = Options("readme", __doc__)
    parser.add_check()
    check = parser.parse_args(argv).check
    text = _rst(_markdown()) + "\n"
    page = _html(text.replace(PICTURES, ""))
    text = text.replace(PICTURES, PICTURES.removeprefix("../"))
    make(README, text, check, "./dev/readme")
    make(PAGE, page, check, "./dev/readme")
    return 0


def _markdown():
    manifest = ast.literal_eval((CHECKOUT / "__manifest__.py").read_text("utf-8"))
    status, authors = manifest["development_status"], manifest["author"].split(",")
    paths = (CHECKOUT / "readme").glob("*.md")
    fragments = {path.stem: path.read_text("utf-8").strip() for path in paths}
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        manifest,
        line="=" * len(manifest["name"]),
        maturity=status.replace("/", "%2F"),
        color=COLORS[status],
        badge_license=manifest["license"].replace("-", "--"),
        authors="\n".join(f"- {author.strip()}" for author in authors),
        description=_rst(fragments.pop("DESCRIPTION")),
        **fragments,
    )


def _rst(markdown):
    options = {"format": MARKDOWN, "extra_args": ["--columns=79"]}
    return pypandoc.convert_text(markdown, "rst", **options).strip()


def _html(text):
    stream = io.StringIO()
    page = publish_string(
        text,
        source_path=README.name,
        writer="html4css1",
        settings_overrides={**HTML, "warning_stream": stream},
    )
    if warnings := stream.getvalue():
        raise Failure(f"The fragments in readme/ make no valid RST.\n{warnings}")
    return page.decode()
