"""The Dockerfile keeps to its rules, and the rules find what breaks them."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECK = runpy.run_path(str(ROOT / "scripts" / "check_container.py"))
GOOD = """FROM debian:12-slim
RUN apt-get update && \\
    apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*
WORKDIR /work
COPY romtool romtool/
USER me
CMD ["romtool"]
"""


def complaints(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "Dockerfile").write_text(text)
    return CHECK["complaints"](CHECK["read"](tmp_path / "Dockerfile"))


def test_the_image_of_this_repository_is_right():
    assert CHECK["complaints"](CHECK["read"](ROOT / "Dockerfile")) == []


def test_lines_are_joined_and_comments_left_out(tmp_path):
    assert complaints(tmp_path, "# a comment\n" + GOOD) == []
    assert CHECK["read"](tmp_path / "Dockerfile")[1].text.startswith("apt-get update && apt-get install")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("debian:12-slim", "debian:latest", "release"),
        ("USER me", "USER root", "root"),
        ('["romtool"]', "romtool", "JSON list"),
        ("/work", "work", "absolute"),
        (" --no-install-recommends", "", "recommends"),
        (" && rm -rf /var/lib/apt/lists/*", "", "package lists"),
        ("COPY romtool", "COPY no-such", "does not exist"),
        ("apt-get update", "sudo apt-get update", "sudo"),
        ("USER me", "MAINTAINER me\nUSER me", "MAINTAINER"),
    ],
)
def test_each_rule_finds_what_breaks_it(tmp_path, old, new, words):
    (found,) = complaints(tmp_path, GOOD.replace(old, new))
    assert words in found
