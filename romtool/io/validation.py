"""From TOML text to a checked pydantic model; every mistake becomes one line that says where and what.

The line reads `<file>: <table> <what is wrong>`, for example
`case.toml: [pod] has no key "tolerence"; did you mean "tolerance"?`.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from romtool.errors import CaseError

M = TypeVar("M", bound="Table")
_NAMES = ("name", "elements", "nodes", "faces")


class Table(BaseModel):
    """A TOML table with a fixed set of keys; each key's `description` says in words what is expected.

    A key without a description holds further tables, which speak for themselves. `noun` and `hint` go into
    the messages about unknown and missing keys.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    noun: ClassVar[str] = "key"
    hint: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, data: Any) -> Any:
        """Refuse unknown keys and name missing ones, before any value is looked at."""
        if not isinstance(data, dict):
            return data
        for key in data:
            if key not in cls.model_fields:
                reject(f'has no {cls.noun} "{key}"; {did_you_mean(key, cls.model_fields)}')
        for key, field in cls.model_fields.items():
            if field.is_required() and key not in data:
                words = f": {field.description}" if field.description else ""
                reject(f'lacks the {cls.noun} "{key}"{words}{cls.hint}')
        return data

    @field_validator("*", mode="wrap")
    @classmethod
    def _expect(cls, value: Any, handler: Callable[[Any], Any], info: Any) -> Any:
        """Say in the key's own words what was expected instead of `value`."""
        words = cls.model_fields[info.field_name].description
        try:
            return handler(value)
        except ValidationError as error:
            if words is None or error.errors()[0]["type"] == "key":
                raise
            text = f"has {info.field_name} = {_shown(value)}; expected {words}"
            raise PydanticCustomError("key", "{text}", {"text": text}) from error


def reject(text: str) -> NoReturn:
    """Refuse a table from inside a validator; `text` follows the table's name, as in "lacks the key …"."""
    raise PydanticCustomError("table", "{text}", {"text": text})


def reject_value(text: str) -> NoReturn:
    """Refuse one key's value in own words from inside a field validator; `text` follows the table's name."""
    raise PydanticCustomError("key", "{text}", {"text": text})


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "…"?` for the nearest known name; says so where none is known."""
    nearest = get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f'did you mean "{nearest[0]}"?' if nearest else "none is known here"


def require_unique(names: Sequence[str], what: str) -> None:
    """Refuse, from inside a validator, a name that stands twice; `what` is e.g. `[[loads]]`."""
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        reject(f'holds {what} "{twice[0]}" twice; give each its own name')


def read_toml(path: Path, model: type[M], *, what: str) -> M:
    """Read a TOML file into a model.

    Parameters
    ----------
    path: the file.
    model: the tables it may hold.
    what: what the file is, for messages: "case file", "load file".

    Returns
    -------
    The validated model.

    Raises
    ------
    CaseError: no such file, not readable as TOML (with the line), or a table that is wrong; one line.
    """
    return validate(_parse(path, what), model, path)


def validate(data: dict[str, Any], model: type[M], place: Path) -> M:
    """Check plain content, as of a TOML file, against a model; `place` is where it is from, for messages.

    Raises
    ------
    CaseError: a table that is wrong; one line.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = min(error.errors(), key=lambda e: e["type"] != "table")
        raise CaseError(f"{place}: {_in_words(first, data)}") from error


def _parse(path: Path, what: str) -> dict[str, Any]:
    """Return the file's plain content."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", str(error), re.DOTALL)
        words = place[1] if place else str(error)
        line = f"line {place[2]}" if place and place[2] else "at its end"
        raise CaseError(f"{path}, {line}: not valid TOML, {words[0].lower()}{words[1:]}".replace("\n", " ")) from error
    except FileNotFoundError as error:
        raise CaseError(f"{path}: no such file; expected a {what} (TOML)") from error
    except IsADirectoryError as error:
        raise CaseError(f"{path}: is a folder; give the {what} (TOML) in it") from error
    except UnicodeDecodeError as error:
        raise CaseError(f"{path}: is not UTF-8 text; expected a {what} (TOML)") from error
    except OSError as error:
        raise CaseError(f"{path}: cannot be read ({error.strerror}); expected a {what} (TOML)") from error


def _in_words(error: Any, data: Any) -> str:
    """Return the table and what is wrong in it, from one of pydantic's errors."""
    location = tuple(error["loc"])
    match error["type"]:
        case "table":
            return f"{_table(location, data)} {error['ctx']['text']}".strip()
        case "key":
            last = max(i for i, part in enumerate(location) if isinstance(part, str))
            return f"{_table(location[:last], data)} {error['ctx']['text']}".strip()
    wanted = "expected a list of tables" if error["type"] == "list_type" else "expected a table"
    keys = [part for part in location if isinstance(part, str) and not part.startswith("(")]
    return f"{keys[-1]} = {_shown(error['input'])}; {wanted}"


def _table(location: Sequence[Any], data: Any) -> str:
    """Return `[pod]`, `[[loads]] "gas"`, `[temperature] entries number 2` … for pydantic's location."""
    label, node = "", data
    for part in location:
        if isinstance(part, int) and isinstance(node, list):
            node = node[part]
            name = next((node[key] for key in _NAMES if isinstance(node, dict) and key in node), None)
            label += f" {_shown(name)}" if name is not None else f" number {part + 1}"
        elif isinstance(node, dict) and part in node:
            node = node[part]
            plain = f"[[{part}]]" if isinstance(node, list) else f"[{part}]"
            label = f"{label} {part}" if label else plain
    return label


def _shown(value: Any) -> str:
    """Return a value as in TOML, shortened."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}…"
