"""Where laws are evaluated: material, initial temperature, local axes and place of each point."""

from typing import NamedTuple

import numpy as np

from romtool.laws.lookup import expansion_strain, locate
from romtool.laws.parameters import LawTables, state_size
from romtool.laws.plugins import addresses
from romtool.laws.states import OLD_TEMPERATURE, PREVIOUS
from romtool.laws.tensors import jit
from romtool.types import Floats, Ints


class Sites(NamedTuple):
    """Points at which laws are evaluated; made by `build_sites`.

    Parameters
    ----------
    material: (n_points,) int64, row of the tables.
    offset: (n_points, 3) float, initial thermal strain to subtract, along the local axes.
    initial: (n_points,) float [temperature], the initial one.
    frames: (n_points, 3, 3) float, rows are the local axes; (0, 3, 3) where all are the global ones.
    ids: (n_points, 2) int64, element id and local point.
    coordinates: (n_points, 3) float [length].
    addresses: (n_materials,) int64, functions of plug-ins in this process; never stored.
    """

    material: Ints
    offset: Floats
    initial: Floats
    frames: Floats
    ids: Ints
    coordinates: Floats
    addresses: Ints


def build_sites(
    tables: LawTables,
    material: Ints,
    initial: Floats,
    ids: Ints | None = None,
    coordinates: Floats | None = None,
    frames: Floats | None = None,
) -> Sites:
    """Build the points at which laws are evaluated.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    material: (n_points,) int64, row of `tables`.
    initial: (n_points,) float [temperature], the initial one.
    ids: (n_points, 2) int64, element id and local point; zeros where None.
    coordinates: (n_points, 3) float [length]; zeros where None.
    frames: (n_points, 3, 3) float or (0, 3, 3), of `romtool.laws.local_frames`; the global axes where None.

    Raises
    ------
    LawError: a law of a library that nobody has opened (`romtool.laws.open_plugins`).
    """
    n_points = len(material)
    return Sites(
        np.ascontiguousarray(material, dtype=np.int64),
        thermal_offset(tables, material, initial),
        np.ascontiguousarray(initial, dtype=np.float64),
        np.zeros((0, 3, 3)) if frames is None else np.ascontiguousarray(frames),
        np.zeros((n_points, 2), dtype=np.int64) if ids is None else np.ascontiguousarray(ids),
        np.zeros((n_points, 3)) if coordinates is None else np.ascontiguousarray(coordinates),
        addresses(tables),
    )


def take(sites: Sites, rows: slice) -> Sites:
    """Return some of the points, in arrays of their own.

    Parameters
    ----------
    sites: all of them.
    rows: which.
    """
    kept = sites._asdict()
    return Sites(**{name: array if name == "addresses" else array[rows].copy() for name, array in kept.items()})


def virgin_state(tables: LawTables, sites: Sites) -> Floats:
    """Return the (n_points, n_state) internal variables of virgin material.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    sites: the points.
    """
    state = np.zeros((len(sites.material), state_size(tables)))
    for row in np.flatnonzero(sites.addresses):
        last = int(tables.state_rows[row + 1])
        column = int(tables.state_columns[last - PREVIOUS + OLD_TEMPERATURE])
        state[:, column] = np.where(sites.material == row, sites.initial, state[:, column])
    return state


def thermal_offset(tables: LawTables, material: Ints, initial: Floats) -> Floats:
    """Return the (n_points, 3) thermal strain at T_0 along the local axes where the expansion counts from it, else 0.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    material: (n_points,) int64, row of `tables`.
    initial: (n_points,) float [temperature], the initial one T_0.
    """
    counted: Floats = tables.from_initial[material][:, None] * thermal_strain(tables, material, initial)
    return counted


def free_strain(tables: LawTables, sites: Sites, temperature: Floats) -> Floats:
    """Return the (n_points, 6) strain of free expansion from the initial state, along the global axes.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    sites: the points.
    temperature: (n_points,) float [temperature].
    """
    local = thermal_strain(tables, sites.material, temperature) - sites.offset
    if not len(sites.frames):
        return np.pad(local, ((0, 0), (0, 3)))
    tensor = np.einsum("ka,kai,kaj->kij", local, sites.frames, sites.frames)
    return np.asarray(tensor[:, [0, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 0]])


@jit
def thermal_strain(tables: LawTables, material: Ints, temperature: Floats) -> Floats:
    """Return the (n_points, 3) thermal strain along the local axes, counted from the reference temperature.

    Parameters
    ----------
    tables: of `romtool.laws.build_tables`.
    material: (n_points,) int64, row of `tables`.
    temperature: (n_points,) float [temperature].
    """
    strain = np.zeros((len(material), 3))
    for point in range(len(material)):
        place = locate(tables, material[point], temperature[point])
        for axis in range(3):
            strain[point, axis] = expansion_strain(tables, place, temperature[point], axis)
    return strain
