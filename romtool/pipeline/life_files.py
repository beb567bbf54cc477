"""Points whose life is evaluated, and those of solver files.

Points are the integration points; of solver files that have stresses at the nodes alone, the nodes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import sparse

from romtool.errors import CaseError
from romtool.fem.operators import Operators, build_operators, temperature_operator
from romtool.fem.partition import Subdomain
from romtool.fem.sets import element_set, nodes_of
from romtool.io.life import Expansion
from romtool.lifetime.cycles import PointHistory
from romtool.loading import Loading
from romtool.types import Bools, Floats, Ints, SolverResults

ReadPoints = Callable[[slice, slice], PointHistory]
"""Rows of the times, and some of the points -> what happens there."""


@dataclass(frozen=True)
class PointFields:
    """The points of one subdomain, or the reduced points of a model.

    Parameters
    ----------
    subdomain: the part of the mesh; None of reduced points.
    ids: (n, 2) element id and local point, or node id and 0.
    coordinates: (n, 3) float [length].
    owners: (n,) rows of their elements, or of the nodes, in the whole mesh.
    members: name of an element set -> (n,) which points are of it; raises MeshError for an unknown one.
    read: what happens there.
    """

    subdomain: Subdomain | None
    ids: Ints
    coordinates: Floats
    owners: Ints
    members: Callable[[str], Bools]
    read: ReadPoints


def integration_points(subdomain: Subdomain, operators: Operators, read: ReadPoints) -> PointFields:
    """Return the integration points of a subdomain, given what happens there."""
    elements = operators.elements
    return PointFields(
        subdomain,
        np.column_stack([operators.element_ids, operators.local_points]),
        operators.coordinates,
        subdomain.element_rows[elements],
        lambda name: np.isin(elements, element_set(subdomain.mesh, name)),
        read,
    )


@dataclass(frozen=True)
class LifeSource:
    """A history whose life is evaluated.

    Parameters
    ----------
    path: where it is.
    points: what points it has: "integration points", "nodes" or "reduced points".
    times: (n_times,) float [time].
    loading: what acted, None where it is not known.
    n_subdomains: how many.
    open: opens the points of one.
    warnings: sentences that a user should read.
    """

    path: Path
    points: str
    times: Floats
    loading: Loading | None
    n_subdomains: int
    open: Callable[[int], PointFields]
    warnings: tuple[str, ...] = ()


STRESSES = ("stress", "stress_nodal")
MECHANICAL = ("mechanical_strain", "mechanical_strain_nodal", "MESTRAIN")
STRAINS = (*MECHANICAL, "strain", "strain_nodal")
GROWTHS = ("p", "p_nodal")
"""Names of fields in solver files, the first that is there is taken."""


@dataclass(frozen=True)
class _Files:
    """Reads what happens at the points of solver files.

    Parameters
    ----------
    results: of the solver.
    stress, strain, p: names of the fields; p "" where there is none.
    expansion: of the material, where the strain is a total one.
    interpolation: csr (n, n_nodes), nodal temperatures to the points; None where the points are the nodes.
    """

    results: SolverResults
    stress: str
    strain: str
    p: str
    expansion: Expansion | None
    interpolation: sparse.csr_matrix | None

    def read(self, rows: slice, members: slice) -> PointHistory:
        """Return what happens at some points and times."""
        temperature = self._temperature(rows, members)
        strains = self._values(self.strain, rows, members)
        if self.expansion is not None and self.strain not in MECHANICAL:
            strains[:, :, :3] -= self.expansion.strain(temperature)[:, :, None]
        p = self._values(self.p, rows, members)[:, :, 0] if self.p else np.zeros(temperature.shape)
        stress = self._values(self.stress, rows, members)
        return PointHistory(self.results.times[rows], stress, strains, temperature, p)

    def _values(self, name: str, rows: slice, members: slice) -> Floats:
        """Return (n_rows, n, n_components) of a field; what the solver did not write is zero."""
        times = np.arange(len(self.results.times))[rows]
        return np.nan_to_num(np.array([self.results.read(name, int(i))[members] for i in times]))

    def _temperature(self, rows: slice, members: slice) -> Floats:
        """Return (n_rows, n) temperatures; zero where the files have none."""
        if "T" not in self.results.fields:
            return np.zeros(self._values(self.stress, rows, members).shape[:2])
        if self.interpolation is None or self.results.fields["T"].location == "point":
            return self._values("T", rows, members)[:, :, 0]
        some, nodal = self.interpolation[members], self._values("T", rows, slice(None))
        return np.array([some @ field[:, 0] for field in nodal])


def solver_files(path: Path, results: SolverResults, expansion: Expansion | None) -> LifeSource:
    """Open solver files, at their integration points, or at their nodes where stresses are only there.

    Parameters
    ----------
    path: of the files.
    results: what is in them.
    expansion: of the material; None where strains are mechanical, or the temperature does not change.

    Raises
    ------
    CaseError: no stress or strain, or total strains of a body that is heated without its expansion.
    """
    stress = _first(results, STRESSES, None)
    if not stress:
        raise CaseError(f"{path} has no field stress; write the stresses with the solver, or evaluate another result")
    location = results.fields[stress].location
    strain, p = (_first(results, names, location) for names in (STRAINS, GROWTHS))
    if not strain:
        raise CaseError(f"{path} has no strain where its {stress} is; write the strains with the solver")
    if strain not in MECHANICAL and "T" in results.fields and expansion is None:
        raise CaseError(
            f"{path}: {strain} is the total strain and there is a temperature; give [thermal] with expansion and "
            "reference_temperature in the life file (expansion = 0.0 where the strain has no thermal part)"
        )
    told = () if p else ("there is no field p: its growth is given as zero",)
    fields = _open(results, _Files(results, stress, strain, p, expansion, None), location == "node")
    points = "nodes" if location == "node" else "integration points"
    return LifeSource(path, points, results.times, None, 1, lambda index: fields, (*results.warnings, *told))


def _first(results: SolverResults, names: tuple[str, ...], location: str | None) -> str:
    """Return the first field of some names that is at a location, or nothing."""
    found = (n for n in names if n in results.fields and location in (None, results.fields[n].location))
    return next(found, "")


def _open(results: SolverResults, files: _Files, at_nodes: bool) -> PointFields:
    """Return the points of solver files."""
    mesh = results.mesh
    whole = Subdomain(0, mesh, np.arange(mesh.n_nodes), np.arange(mesh.n_elements), {})
    if not at_nodes:
        operators = build_operators(mesh)
        reader = replace(files, interpolation=temperature_operator(operators))
        return integration_points(whole, operators, reader.read)
    rows = np.arange(mesh.n_nodes)
    ids = np.column_stack([mesh.node_ids, np.zeros_like(mesh.node_ids)])

    def members(name: str) -> Bools:
        return np.isin(rows, nodes_of(mesh, element_set(mesh, name)))

    return PointFields(whole, ids, mesh.points, rows, members, files.read)
