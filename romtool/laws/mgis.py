"""MFront's behaviours through MGIS (MFrontGenericInterfaceSupport), all points of a material in one call.

MFront's symmetric tensors have the order xx, yy, zz, xy, xz, yz with shear times sqrt(2), stress and strain alike;
internal variables that are such tensors are kept in romtool's own form.
"""

import contextlib
import ctypes
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from romtool.errors import LawError, MissingPartError
from romtool.laws import fields
from romtool.laws.states import OLD_STRAIN, OLD_STRESS, OLD_TEMPERATURE, PREVIOUS
from romtool.loading import Plugin
from romtool.types import Floats, Ints

_ORDER = np.array([0, 1, 2, 3, 5, 4])
_SCALE = np.array([1.0, 1.0, 1.0, np.sqrt(2.0), np.sqrt(2.0), np.sqrt(2.0)])
_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
_FAILED = 1


def load_mgis() -> Any:
    """Return the module mgis.behaviour. Raises MissingPartError."""
    try:
        import mgis.behaviour
    except ImportError as error:
        raise MissingPartError(
            "law 'mgis' needs MGIS with its Python bindings, which is not installed; build it as "
            "https://thelfer.github.io/mgis says, or install it from conda-forge (package mgis)"
        ) from error
    return mgis.behaviour


def load_behaviour(plugin: Plugin, path: Path) -> tuple[Any, Any]:
    """Return the module mgis.behaviour and the behaviour of a plug-in.

    Raises
    ------
    MissingPartError: MGIS is not installed.
    LawError: a library or behaviour that is not there, one that is not of small strain, an unknown property.
    """
    module = load_mgis()
    if not path.is_file():
        raise LawError(f"{path}: no such library; expected one that MFront made for its generic interface")
    try:
        found = module.load(str(path), plugin.function, module.Hypothesis.Tridimensional)
    except RuntimeError as error:
        words = " ".join(str(error).split())
        raise LawError(f"{path}: no three-dimensional behaviour '{plugin.function}' ({words}); name another") from error
    if found.getKinematic() != "SmallStrainKinematic":
        raise LawError(
            f"{path}: behaviour '{plugin.function}' is not of small strain ({found.getKinematic()}); name another"
        )
    known = {variable.name for variable in found.mps}
    if known != set(plugin.properties):
        needed, given = (", ".join(sorted(names)) or "none" for names in (known, plugin.properties))
        raise LawError(
            f"{path}: behaviour '{plugin.function}' needs the material properties {needed}, given are {given}; give "
            "each by the key `properties`"
        )
    return module, found


def complete(plugin: Plugin) -> Plugin:
    """Return a plug-in with the internal variables of its behaviour; `states` renames them (romtool's name: MFront's).

    Raises
    ------
    MissingPartError, LawError: see `load_behaviour`.
    """
    module, behaviour = load_behaviour(plugin, Path(plugin.library))
    sizes = {v.name: int(module.getVariableSize(v, behaviour.hypothesis)) for v in behaviour.isvs}
    unknown = sorted(set(plugin.renamed.values()) - set(sizes))
    if unknown:
        raise LawError(
            f"{plugin.library}: behaviour '{plugin.function}' has no internal variable '{unknown[0]}'; it has "
            f"{', '.join(sizes) or 'none'}"
        )
    names = {theirs: ours for ours, theirs in plugin.renamed.items()}
    states, first = {}, 1
    for name, size in sizes.items():
        states[names.get(name, name)] = (first, first + size - 1)
        first += size
    return replace(plugin, n_state=first - 1, states=states)


def open_mgis(plugin: Plugin, path: Path) -> tuple[int, Any]:
    """Return the address of the function that evaluates a behaviour, and what keeps it in memory.

    Raises
    ------
    MissingPartError, LawError: see `load_behaviour`.
    """
    caller = _Caller(*load_behaviour(plugin, path), plugin)
    function = _FUNCTION(caller)
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0), (caller, function)


class _Caller:
    """Evaluates a behaviour on the points that compiled code describes."""

    def __init__(self, module: Any, behaviour: Any, plugin: Plugin) -> None:
        self.module, self.behaviour, self.plugin = module, behaviour, plugin
        self.tensors = _tensors(module, behaviour)
        self.manager: Any = None
        self.needs_temperature = any(variable.name == "Temperature" for variable in behaviour.esvs)

    def __call__(self, words_address: int, numbers_address: int, unused: int) -> None:
        """Take the addresses of what is described in `romtool.laws.batch`; an error leaves the status 'failed'."""
        words = _view(words_address, (fields.PLUGIN_WORDS,), (8,), np.int64)
        duration = float(_view(numbers_address, (1,), (8,), np.float64)[0])
        first = 0
        with contextlib.suppress(RuntimeError):
            points = _Points(words)
            first = int(points.rows[0]) + 1 if len(points.rows) else 0
            if not len(points.rows) or self._integrate(points, duration):
                first = 0
        words[fields.STATUS] = first

    def _integrate(self, points: "_Points", duration: float) -> bool:
        """Integrate all points; return whether that succeeded."""
        module, manager = self.module, self._manager(len(points.rows))
        for state, side in ((manager.s0, points.start), (manager.s1, points.end)):
            for name, value in self.plugin.properties.items():
                module.setMaterialProperty(state, name, value)
            if self.needs_temperature:
                mode = module.MaterialStateManagerStorageMode.LocalStorage
                heat = np.ascontiguousarray(side[:, points.previous + OLD_TEMPERATURE])
                module.setExternalStateVariable(state, "Temperature", heat, mode)
            strain = slice(points.previous + OLD_STRAIN, points.previous + OLD_STRAIN + 6)
            state.gradients[:] = _mandel(side[:, strain])
        old = points.start[:, points.previous + OLD_STRESS : points.previous + OLD_STRESS + 6]
        for state in (manager.s0, manager.s1):
            state.thermodynamic_forces[:] = _mandel(old)
            if points.previous:
                state.internal_state_variables[:] = self._theirs(points.start[:, : points.previous])
        kinds = module.IntegrationType
        kind = kinds.IntegrationWithConsistentTangentOperator
        if not points.has_tangent:
            kind = kinds.IntegrationWithoutTangentOperator
        if module.integrate(manager, kind, duration, 0, len(points.rows)) < 1:
            return False
        stress = _tensor(manager.s1.thermodynamic_forces)
        ours = (
            self._ours(np.asarray(manager.s1.internal_state_variables)) if points.previous else np.zeros((len(old), 0))
        )
        points.write(stress, ours, _moduli(np.asarray(manager.K)) if points.has_tangent else None)
        return True

    def _manager(self, n_points: int) -> Any:
        """Return a manager of that many points; the last one is kept."""
        if self.manager is None or self.manager.n != n_points:
            self.manager = self.module.MaterialDataManager(self.behaviour, n_points)
        return self.manager

    def _theirs(self, values: Floats) -> Floats:
        """Return internal variables in MFront's form."""
        result = values.copy()
        for columns in self.tensors:
            result[:, columns] = _mandel(values[:, columns])
        return result

    def _ours(self, values: Floats) -> Floats:
        """Return internal variables in romtool's form."""
        result = values.reshape(len(values), -1).copy()
        for columns in self.tensors:
            result[:, columns] = _tensor(result[:, columns])
        return result


def _tensors(module: Any, behaviour: Any) -> list[slice]:
    """Return where the symmetric tensors are among the internal variables."""
    found, first = [], 0
    for variable in behaviour.isvs:
        size = int(module.getVariableSize(variable, behaviour.hypothesis))
        if variable.getType() == "Stensor":
            found.append(slice(first, first + size))
        first += size
    return found


class _Points:
    """The points of one material, gathered from the arrays that `romtool.laws.batch` describes."""

    def __init__(self, words: Ints) -> None:
        count, n_columns = int(words[fields.COUNT]), int(words[fields.N_COLUMNS])
        material = _view(int(words[fields.MATERIAL]), (count,), (8,), np.int64)
        self.rows = np.flatnonzero(material == words[fields.ROW])
        self.columns = _view(int(words[fields.COLUMNS]), (n_columns,), (8,), np.int64)
        width = int(self.columns.max()) + 1
        self.state_n1 = _rows(words, fields.STATE_N1, count, width)
        self.stress = _rows(words, fields.STRESS, count, 6)
        self.has_tangent = bool(words[fields.HAS_TANGENT])
        place = fields.TANGENT
        strides = tuple(int(stride) for stride in words[place + 1 : place + 4])
        shape = (count if self.has_tangent else 0, 6, 6)
        self.tangent = _view(int(words[place]), shape, strides, np.float64)
        self.start = _rows(words, fields.STATE_N, count, width)[np.ix_(self.rows, self.columns)]
        self.end = self.state_n1[np.ix_(self.rows, self.columns)]
        self.previous = n_columns - PREVIOUS

    def write(self, stress: Floats, state: Floats, tangent: Floats | None) -> None:
        """Write stress, internal variables and tangent of the points."""
        self.stress[self.rows] = stress
        self.state_n1[np.ix_(self.rows, self.columns[: self.previous])] = state
        old = self.previous + OLD_STRESS
        self.state_n1[np.ix_(self.rows, self.columns[old : old + 6])] = stress
        if tangent is not None:
            self.tangent[self.rows] = tangent


def _rows(words: Ints, place: int, count: int, width: int) -> Floats:
    """Return a view of an (n, m) array from its address and strides."""
    return _view(int(words[place]), (count, width), (int(words[place + 1]), int(words[place + 2])), np.float64)


def _view(address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: type) -> Any:
    """Return a view of memory."""
    if not all(shape):
        return np.zeros(shape, dtype=dtype)
    size = 8 + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    memory: Any = (ctypes.c_char * size).from_address(address)
    return np.ndarray(shape, dtype=dtype, buffer=memory, strides=strides)


def _mandel(rows: Floats) -> Floats:
    """Return tensors in MFront's form."""
    return rows[:, _ORDER] * _SCALE


def _tensor(rows: Floats) -> Floats:
    """Return tensors in romtool's form."""
    result: Floats = (np.asarray(rows).reshape(-1, 6) / _SCALE)[:, _ORDER]
    return result


def _moduli(blocks: Floats) -> Floats:
    """Return moduli for strains with tensor shear from those in MFront's form."""
    scaled = blocks.reshape(-1, 6, 6) * _SCALE / _SCALE[:, None]
    result: Floats = scaled[:, _ORDER][:, :, _ORDER]
    return result
