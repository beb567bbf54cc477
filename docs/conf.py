"""Sphinx: `sphinx-build -W -b html docs FOLDER` from the root of the repository."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "_ext"), str(Path(__file__).parents[1])]

from romtool import __version__ as release  # noqa: E402, F401

project = "romtool"
extensions = ["myst_parser", "sphinxcontrib.bibtex", "reference"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
highlight_language = "text"
smartquotes = False
html_theme = "furo"
html_title = "romtool"
