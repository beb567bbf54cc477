"""Reference pages made from the code, as Markdown, so that the words of the code may hold code spans.

`{command} import` is written from click, `{keys} schema:PodTable` from pydantic's models, `{record} types:Mesh` from
the docstring of a class that romtool stores.
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import click
from docutils import nodes
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import romtool.io
from romtool.cli.main import cli
from romtool.io.validation import Table


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def find_command(name: str) -> tuple[click.Command, click.Context]:
    """Return a command, imported, and its context; of `operators build` the subcommand."""
    command, context = cli, click.Context(cli, info_name="romtool")
    for word in name.split():
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            raise ValueError(f"there is no command romtool {name}")
        command, context = found, click.Context(found, parent=context, info_name=word)
    return command, context


def command_text(name: str) -> str:
    """Return how a command is called, what it does, and a table of its options."""
    command, context = find_command(name)
    pieces = " ".join(command.collect_usage_pieces(context))
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    rows = [(_spelling(option, context), _help(option)) for option in options]
    usage = f"```text\nromtool {name} {pieces}\n```\n\n{_prose(inspect.cleandoc(command.help or ''))}"
    return f"{usage}\n\n{table(('option', 'meaning'), rows)}" if rows else usage


def _spelling(option: click.Option, context: click.Context) -> str:
    """Return the names of an option with what follows them."""
    names = [*option.opts, *option.secondary_opts]
    metavar = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    return ", ".join(f"`{name}{metavar if name == option.opts[-1] else ''}`" for name in names)


def _help(option: click.Option) -> str:
    """Return the meaning of an option, with its default."""
    default = option.default
    plain = not option.is_flag and isinstance(default, str | int | float) and default != ""
    words = [option.help or "", "Required." if option.required else "", f"Default: `{default}`." if plain else ""]
    return _prose(" ".join(word for word in words if word))


def _prose(text: str) -> str:
    """Return a help text as Markdown: options and files as code."""
    text = text.replace("\b", "").replace("<", r"\<")
    return re.sub(r"(?<![\w`-])(--[a-z][\w-]*)", r"`\1`", text)


def model_of(address: str) -> type[Table]:
    """Return the model `module:Class` of romtool.io."""
    module, name = address.split(":")
    model: type[Table] = getattr(importlib.import_module(f"romtool.io.{module}"), name)
    return model


def meaning(model: type[Table], key: str) -> str:
    """Return the text below a key, where the class or one before it has one."""
    for owner in model.__mro__:
        docs = ModuleAnalyzer.for_module(owner.__module__).find_attr_docs() if issubclass(owner, Table) else {}
        if (owner.__name__, key) in docs:
            return " ".join(" ".join(docs[owner.__name__, key]).split())
    return ""


def _default(field: FieldInfo) -> str:
    """Return the default of a key as in TOML."""
    if field.is_required():
        return "required"
    value = field.default
    if value is None or value is PydanticUndefined or isinstance(value, Table) or value == [] or value == {}:
        return ""
    shown = str(value).lower() if isinstance(value, bool) else str(value).replace("'", '"')
    return f'`"{shown}"`' if isinstance(value, str) else f"`{shown}`"


def keys_text(address: str) -> str:
    """Return the table of a model's keys: what is expected, default, meaning."""
    model = model_of(address)
    rows = [
        (f"`{key}`", field.description or "a table", _default(field), meaning(model, key))
        for key, field in model.model_fields.items()
        if field.description or meaning(model, key)  # the others are tables, with keys of their own
    ]
    return table(("key", "value", "default", "meaning"), rows)


def record_of(address: str) -> type:
    """Return the class `module:Class` of romtool."""
    module, name = address.split(":")
    record: type = getattr(importlib.import_module(f"romtool.{module}"), name)
    return record


def members(record: type) -> dict[str, str]:
    """Return member -> meaning, from the class's docstring, where one entry may name several members."""
    words = dict.fromkeys(record.__dataclass_fields__ if is_dataclass(record) else record._fields, "")
    entries = re.findall(r"^((?:\w+, )*\w+): (.*(?:\n    .*)*)", inspect.getdoc(record) or "", re.MULTILINE)
    for names, text in entries:
        for name in names.split(", "):
            if name in words:
                words[name] = " ".join(text.split())
    module = ModuleAnalyzer.for_module(record.__module__).find_attr_docs()
    return {name: text or " ".join(module.get((record.__name__, name), [])).strip() for name, text in words.items()}


def record_text(address: str) -> str:
    """Return the table of a stored class's members."""
    return table(("member", "meaning"), [(f"`{name}`", text) for name, text in members(record_of(address)).items()])


class Generated(SphinxDirective):
    """A directive whose one argument says what is written."""

    required_arguments = 1
    final_argument_whitespace = True

    def write(self, argument: str) -> str:
        """Return Markdown."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the Markdown."""
        try:
            return self.parse_text_to_nodes(self.write(self.arguments[0]))
        except (ValueError, AttributeError, ImportError) as error:
            raise self.error(str(error)) from error


class CommandDirective(Generated):
    """`{command} import`."""

    def write(self, argument: str) -> str:
        """Return the reference of a command."""
        return command_text(argument)


class KeysDirective(Generated):
    """`{keys} schema:PodTable`."""

    def write(self, argument: str) -> str:
        """Return the keys of a table."""
        return keys_text(argument)


def models() -> Iterator[str]:
    """Yield the address of every model of a file that users write."""
    for path in sorted(Path(romtool.io.__path__[0]).glob("schema*.py")):
        for name, item in vars(importlib.import_module(f"romtool.io.{path.stem}")).items():
            if isinstance(item, type) and issubclass(item, Table) and item.__module__.endswith(f".{path.stem}"):
                yield f"{path.stem}:{name}"


class RecordDirective(Generated):
    """`{record} types:Mesh`."""

    def write(self, argument: str) -> str:
        """Return the members of a class."""
        return record_text(argument)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directives known to Sphinx."""
    app.add_directive("command", CommandDirective)
    app.add_directive("keys", KeysDirective)
    app.add_directive("record", RecordDirective)
    return {"parallel_read_safe": True}
