"""The reference pages leave nothing out: every command, every key of every file, each with its words."""

import re
import runpy
from pathlib import Path

import click
import pytest

from romtool.cli.main import cli

DOCS = Path(__file__).parents[2] / "docs"
TEXT = "".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md")))
REFERENCE = runpy.run_path(str(DOCS / "_ext" / "reference.py"))
WITHIN = {  # files whose tables have each a table of keys, and models that are shown as another one
    "schema:CaseFile", "schema:LoadCaseFile", "schema:WholeLoad", "schema:WholeTable", "schema:WholeDirichlet",
    "schema_law:LawFile", "schema_operators:SourceTable", "schema_operators:OperatorCaseFile",
}  # fmt: skip


def directives(name: str) -> set[str]:
    return set(re.findall(rf"^```{{{name}}} (.+)$", TEXT, re.MULTILINE))


def commands(group: click.Group, prefix: str = "") -> list[str]:
    names = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        names += commands(command, f"{name} ") if isinstance(command, click.Group) else [prefix + name]
    return names


def test_every_command_is_in_the_reference() -> None:
    assert directives("command") == set(commands(cli))


def test_every_option_has_a_help_text() -> None:
    for name in commands(cli):
        command, _ = REFERENCE["find_command"](name)
        silent = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]
        assert not silent, f"romtool {name}: {silent}"


def test_every_table_of_every_file_is_in_the_reference() -> None:
    assert directives("keys") == set(REFERENCE["models"]()) - WITHIN


@pytest.mark.parametrize("address", sorted(set(REFERENCE["models"]()) - WITHIN))
def test_every_key_says_what_it_means(address: str) -> None:
    model = REFERENCE["model_of"](address)
    keys = [key for key, field in model.model_fields.items() if field.description]
    silent = [key for key in keys if not REFERENCE["meaning"](model, key)]
    assert not silent, f"{address}: write a text below {silent}"


def test_the_generated_text_names_options_keys_and_defaults() -> None:
    assert "| `--at TEXT` |" in REFERENCE["command_text"]("fields")
    assert "| `subdomains` | a whole number of at least 1 | `1` |" in REFERENCE["keys_text"](
        "schema_settings:PartitionTable"
    )
