"""What the arrays of a mesh file mean, by name: ids, set tags, displacement, temperature, other fields."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from romtool.types import FieldInfo, Floats, Ints, Location

NODE_IDS = ("node_ids", "globalnodeid", "globalnodeids", "vtkoriginalpointids")
ELEMENT_IDS = ("element_ids", "globalelementid", "globalelementids", "globalcellids", "vtkoriginalcellids")
SET_ARRAYS = (
    "material",
    "materials",
    "material_id",
    "materialid",
    "materialids",
    "medit:ref",
    "gmsh:physical",
    "cell_tags",
    "cellentityids",
    "elementblockids",
    "part_id",
    "partid",
)
"""Lower-case names of the integer cell arrays that are read as sets `<array>-<value>`."""

NAMES: dict[str, tuple[str, ...]] = {
    "u": ("u", "displacement", "displacements", "disp", "displ", "depl", "displacement_"),
    "T": ("t", "temperature", "nt", "ndtemp", "nt11", "temp"),
}
"""romtool's nodal fields and the lower-case names under which they are found, the best first."""

COMPONENTS: dict[int, tuple[str, ...]] = {
    1: ("",),
    2: ("x", "y"),
    3: ("x", "y", "z"),
    6: ("xx", "yy", "zz", "xy", "yz", "zx"),
    9: ("xx", "xy", "xz", "yx", "yy", "yz", "zx", "zy", "zz"),
}


def describe_fields(arrays: Mapping[str, NDArray[Any]], location: Location) -> dict[str, tuple[str, FieldInfo]]:
    """Name the result fields among the arrays of a file.

    Parameters
    ----------
    arrays: name -> (n_rows, …) array; ids and set arrays are left out, as is what is not a number.
    location: "node" or "element"; displacement and temperature are recognised at the nodes.

    Returns
    -------
    romtool's name -> (name in the file, description).
    """
    kept = {name: array for name, array in arrays.items() if _is_field(name, array)}
    renamed = _renamed(kept) if location == "node" else {}
    return {
        renamed.get(name, name): (name, _info(array, location, name, renamed.get(name))) for name, array in kept.items()
    }


def field_values(array: NDArray[Any], rows: Ints, info: FieldInfo) -> Floats:
    """Return the (n_rows, n_components) float64 values of an array, padded with zeros where it is flat."""
    values = np.asarray(array, dtype=np.float64).reshape(len(array), -1)[rows]
    missing = len(info.components) - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing))) if missing > 0 else values


def marked_rows(name: str, array: NDArray[Any]) -> dict[str, Ints]:
    """Return the sets that an array of whole numbers marks: name -> rows; empty for any other array.

    An array of zeros and ones marks the set of its own name. One that starts at -1, or goes beyond 1, is what meshio
    writes for several sets: their names joined by one of `- _ # + /`, and the number of the set, -1 for none.
    """
    marks = np.asarray(array)
    if _is_known(name) or marks.dtype.kind not in "iub" or not marks.size or marks.size != len(marks):
        return {}
    marks = marks.reshape(-1).astype(np.int64)
    lowest, highest = int(marks.min()), int(marks.max())
    if lowest == 0 and highest == 1:
        return {name: np.flatnonzero(marks)}
    joined = next((parts for parts in _splits(name) if lowest >= -1 and len(parts) == highest + 1), [])
    return {part: np.flatnonzero(marks == i) for i, part in enumerate(joined) if part and lowest < highest}


def _splits(name: str) -> list[list[str]]:
    """Return a name taken apart at each of meshio's separators, and whole."""
    return [[name], *(name.split(separator) for separator in "-_#+/")]


def _is_known(name: str) -> bool:
    """Tell whether an array has a fixed meaning: ids, tags, VTK's ghost marks."""
    return name.lower() in NODE_IDS + ELEMENT_IDS + SET_ARRAYS + ("vtkghosttype",)


def _is_field(name: str, array: NDArray[Any]) -> bool:
    """Tell whether an array is a result: numbers, neither ids nor marks of sets."""
    return not _is_known(name) and np.asarray(array).dtype.kind in "fiu" and not marked_rows(name, array)


def _renamed(arrays: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Return file name -> romtool's name for displacement (2 or 3 columns) and temperature (1 column)."""
    found = {}
    for ours, theirs in NAMES.items():
        columns = (2, 3) if ours == "u" else (1,)
        fits = {n.lower(): n for n, a in arrays.items() if _n_columns(a) in columns}
        best = ours if ours in fits.values() else next((fits[key] for key in theirs if key in fits), None)
        if best is not None:
            found[best] = ours
    return found


def _n_columns(array: NDArray[Any]) -> int:
    """Return the number of values per row."""
    return int(np.prod(np.shape(array)[1:]))


def _info(array: NDArray[Any], location: Location, name: str, ours: str | None) -> FieldInfo:
    """Describe an array; displacement always has three components."""
    n = 3 if ours == "u" else _n_columns(array)
    components = COMPONENTS.get(n, tuple(str(i + 1) for i in range(n)))
    dtype = np.asarray(array).dtype
    single = dtype.kind == "f" and dtype.itemsize <= 4
    return FieldInfo(location, components, name, 6e-8 if single else 0.0)
