"""Shared libraries with laws: which of them this process has opened, and where their functions are.

Nothing is loaded because a file names it: a library is opened by `open_plugins` alone, whose caller knows that
the user asked for it. Addresses belong to the process and are never stored.
"""

import ctypes
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import LawError
from romtool.laws.mgis import complete, open_mgis
from romtool.laws.parameters import LawTables, law_names, plugins_of
from romtool.loading import Material, Plugin
from romtool.types import Ints


@dataclass(frozen=True)
class OpenPlugin:
    """An opened function: its address, and the object that keeps it in memory."""

    address: int
    keeper: Any


_OPENED: dict[str, OpenPlugin] = {}


def _key(law: str, plugin: Plugin) -> str:
    """Return what tells the functions of plug-ins from each other."""
    return json.dumps([law, plugin.library, plugin.function, dict(plugin.properties)], sort_keys=True)


def named_by(materials: Iterable[Material]) -> list[tuple[str, Plugin]]:
    """Return law and plug-in of the materials that have one."""
    return [(material.law, material.plugin) for material in materials if material.plugin is not None]


def held_by(tables: LawTables) -> list[tuple[str, Plugin]]:
    """Return law and plug-in of the materials of packed tables that have one."""
    pairs = zip(law_names(tables), plugins_of(tables), strict=True)
    return [(law, plugin) for law, plugin in pairs if plugin is not None]


def open_plugins(plugins: Iterable[tuple[str, Plugin]], folder: Path | None = None) -> list[str]:
    """Open libraries that the user asked for, and find their functions.

    Parameters
    ----------
    plugins: pairs of a law's name and its plug-in, of `named_by` or `held_by`.
    folder: where a library is searched that is no longer where it was.

    Returns
    -------
    Sentences about libraries that are not those of the training.

    Raises
    ------
    LawError: a library that is missing or cannot be loaded, a function that is not in it.
    MissingPartError: a law that needs a package that is not installed.
    """
    remarks = []
    for law, plugin in plugins:
        if _key(law, plugin) not in _OPENED:
            path = _find(plugin, folder)
            _OPENED[_key(law, plugin)] = OpenPlugin(*OPENERS[law](plugin, path))
            if plugin.digest and plugin.digest != library_digest(path):
                remarks.append(f"{path} is not the library that the model was trained with (other bytes)")
    return remarks


def addresses(tables: LawTables) -> Ints:
    """Return the (n_materials,) addresses of the functions of plug-ins in this process; 0 for romtool's own laws.

    Raises
    ------
    LawError: a library that nobody has opened.
    """
    found = np.zeros(len(tables.kernel), dtype=np.int64)
    for row, (law, plugin) in enumerate(zip(law_names(tables), plugins_of(tables), strict=True)):
        if plugin is None:
            continue
        if _key(law, plugin) not in _OPENED:
            raise LawError(
                f"law '{law}' needs the library {plugin.library}, which is not loaded: a library runs code of its "
                "own; where you trust it, give --allow-plugin"
            )
        found[row] = _OPENED[_key(law, plugin)].address
    return found


def identify(material: Material) -> Material:
    """Return a material whose plug-in, if any, has the digest of its library, and the variables of its behaviour.

    Raises
    ------
    LawError, MissingPartError: a behaviour of MGIS that cannot be loaded.
    """
    if material.plugin is None:
        return material
    plugin = complete(material.plugin) if material.law == "mgis" else material.plugin
    return replace(material, plugin=replace(plugin, digest=library_digest(Path(plugin.library))))


def library_digest(path: Path) -> str:
    """Return the digest of a library's bytes; "" where it is no file. Raises OSError."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def _find(plugin: Plugin, folder: Path | None) -> Path:
    """Return the path of a library: as recorded, else of that name in `folder`."""
    recorded = Path(plugin.library)
    if recorded.is_file() or folder is None or not (folder / recorded.name).is_file():
        return recorded
    return folder / recorded.name


def open_umat(plugin: Plugin, path: Path) -> tuple[int, Any]:
    """Return the address of a UMAT, and the library that keeps it in memory. Raises LawError."""
    if not path.is_file():
        raise LawError(f"{path}: no such library; expected the shared library of a UMAT (gfortran -shared -fPIC …)")
    try:
        library = ctypes.CDLL(str(path.resolve()))
    except OSError as error:
        raise LawError(
            f"{path}: cannot be loaded as a shared library ({error}); compile it for this machine"
        ) from error
    for name in (plugin.function, f"{plugin.function}_"):
        if hasattr(library, name):
            address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
            return int(address or 0), library
    raise LawError(
        f"{path}: has no function '{plugin.function}' or '{plugin.function}_'; name it by the key `function` "
        "(nm -D shows the names)"
    )


OPENERS: dict[str, Callable[[Plugin, Path], tuple[int, Any]]] = {"umat": open_umat, "mgis": open_mgis}
"""Law -> what opens its library."""
