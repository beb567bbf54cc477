"""The high-fidelity problem: mesh, laws, loads and supports of one computation, built once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from romtool.errors import CaseError
from romtool.fem.loads import amplitude, load_factors, load_shapes
from romtool.fem.operators import Operators, temperature_operator
from romtool.fem.sets import assign_materials
from romtool.fem.sharing import Sharing, alone
from romtool.hifi.elimination import Elimination, build_elimination
from romtool.hifi.stability import check_supports
from romtool.hifi.supports import Support, build_supports
from romtool.laws import (
    InitialFields,
    LawTables,
    Sites,
    build_sites,
    build_tables,
    initial_fields,
    local_frames,
    state_size,
)
from romtool.linalg.agreement import each_rank
from romtool.loading import Loading, Material
from romtool.settings import NewtonSettings
from romtool.temperature import TemperatureHistory, build_temperature, evaluate_at
from romtool.types import Floats


@dataclass(frozen=True)
class HifiProblem:
    """Everything the solver needs; nothing in it changes over time.

    Parameters
    ----------
    operators: of the mesh, or of the part of it that this rank holds.
    sharing: which nodes other ranks hold too.
    tables: of `romtool.laws.build_tables`. sites: (n_points) of `romtool.laws.build_sites`.
    temperature: nodal history; to_points: (n_points, n_nodes) CSR.
    loading: tables and times; load_shapes: (n_loads, n_nodes, 3) float [force].
    supports: one per Dirichlet entry; elimination: of what they prescribe and of what constraints make dependent.
    options: of Newton's method.
    initial: what the material begins with.
    """

    operators: Operators
    sharing: Sharing
    tables: LawTables
    sites: Sites
    temperature: TemperatureHistory
    to_points: sparse.csr_matrix
    loading: Loading
    load_shapes: Floats
    supports: tuple[Support, ...]
    elimination: Elimination
    initial: InitialFields
    options: NewtonSettings = field(default_factory=NewtonSettings)

    @property
    def n_state(self) -> int:
        """Return the number of internal variables per point."""
        return state_size(self.tables)


def build_problem(
    operators: Operators,
    materials: Sequence[Material],
    loading: Loading,
    options: NewtonSettings | None = None,
    sharing: Sharing | None = None,
) -> HifiProblem:
    """Build the problem of one loading; all ranks of `sharing` call this together.

    Parameters
    ----------
    operators: of the mesh.
    materials: later ones win where element sets overlap.
    loading: complete.
    options: of Newton's method.
    sharing: of the nodes, where `operators` and `loading` are those of one rank's part; one rank where None.

    Returns
    -------
    HifiProblem.

    Raises
    ------
    MeshError: a set that does not exist, an element without material.
    CaseError: values of the wrong shape, contradicting or missing supports, times that do not increase.
    LawError: parameters out of range.
    """
    sharing = sharing or alone(operators.n_nodes)
    supports = each_rank(sharing.comm, _supports, operators, loading)
    elimination = build_elimination(operators.mesh, supports, loading, sharing)
    problem = each_rank(sharing.comm, _local_problem, operators, materials, loading, options, elimination, supports)
    check_supports(operators, elimination)
    shapes = np.array([sharing.add(shape) for shape in problem.load_shapes])
    return replace(problem, load_shapes=shapes.reshape(problem.load_shapes.shape))


def _supports(operators: Operators, loading: Loading) -> tuple[Support, ...]:
    """Return the supports of this rank's nodes."""
    _check_times(loading)
    return build_supports(operators.mesh, loading)


def _local_problem(
    operators: Operators,
    materials: Sequence[Material],
    loading: Loading,
    options: NewtonSettings | None,
    elimination: Elimination,
    supports: tuple[Support, ...],
) -> HifiProblem:
    """Return the problem with the load shapes of this rank's elements alone."""
    tables = build_tables(materials)
    rows = assign_materials(operators.mesh, materials)[operators.elements]
    on_nodes = evaluate_at(operators.mesh.points)
    temperature = build_temperature(loading.temperature, on_nodes, float(loading.times[0]))
    to_points = temperature_operator(operators)
    heat = to_points @ on_nodes(loading.temperature.undeformed)
    ids = np.column_stack([operators.element_ids, operators.local_points])
    frames = local_frames(materials, rows, operators.element_ids, operators.coordinates)
    sites = build_sites(tables, rows, heat, ids, operators.coordinates, frames)
    return HifiProblem(
        operators=operators,
        sharing=elimination.nodes,
        tables=tables,
        sites=sites,
        temperature=temperature,
        to_points=to_points,
        loading=loading,
        load_shapes=load_shapes(operators, loading, materials),
        supports=supports,
        elimination=elimination,
        initial=initial_fields(tables, sites, loading.initial),
        options=options or NewtonSettings(),
    )


def _check_times(loading: Loading) -> None:
    """Raise where the increments do not increase."""
    if len(loading.times) < 2 or not (np.diff(loading.times) > 0.0).all():
        raise CaseError(
            f"loading '{loading.name}' has {len(loading.times)} times that are not strictly increasing or fewer "
            "than two; give the increments in [time], the initial time first"
        )


def external_force(problem: HifiProblem, time: float) -> Floats:
    """Return the (n_nodes, 3) applied forces at `time` [force]."""
    factors = load_factors(problem.loading, time)
    return np.asarray(np.einsum("l,lni->ni", factors, problem.load_shapes))


def prescribed_displacement(problem: HifiProblem, time: float) -> Floats:
    """Return the (n_nodes, 3) displacement g at `time` [length]: prescribed, or of dependent nodes by what is."""
    values = np.zeros(3 * problem.operators.n_nodes)
    for support in problem.supports:
        values[support.dofs] = support.values * amplitude(problem.loading, support.entry, time)
    return problem.elimination.prescribe(values.reshape(-1, 3), problem.loading, time)


def point_temperature(problem: HifiProblem, time: float) -> Floats:
    """Return the (n_points,) temperature at `time`."""
    return np.asarray(problem.to_points @ problem.temperature.at(time))


def is_viscous(loading: Loading, t_n: float, t_n1: float) -> bool:
    """Tell whether viscous flow and creep act in an increment: not within a rate-independent interval."""
    slack = 1e-9 * max(abs(t_n), abs(t_n1), t_n1 - t_n)
    return not any(start - slack <= t_n and t_n1 <= end + slack for start, end in loading.rate_independent)
