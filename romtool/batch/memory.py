"""How much memory each stage takes on a rank, from the sizes of a case: bounds, one sentence per term.

Every array that grows with the mesh is counted at its largest; what does not grow with it is in `PROGRAM`. The
snapshots and their modes are bounded by `[pod] memory`: see `romtool.linalg.compression`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

NUMBER = 8
"""Bytes of a number."""

PROGRAM = 350e6
"""Bytes of Python, its packages and compiled code, of MPI and PETSc."""

UNEVEN = 1.1
"""The largest subdomain over the mean one, common nodes included."""

LEAST_TOLD = 1e6
"""Bytes of a term that has a sentence."""

SLACK = 1.15
"""What the allocator keeps besides."""

WORKSPACE = 4
"""Arrays of the size of the held snapshots that their decomposition needs at once (`linalg.compression`)."""

BLOCK = 16
"""Snapshots that are held at least."""

GRAPH = 450.0
"""Bytes per element while METIS cuts a mesh: the element graph and its assembly."""

FACTOR = 60.0
"""Numbers per unknown^(4/3) in the factors of a direct solver with nested dissection in 3D, and in its workspace."""


@dataclass(frozen=True)
class Sizes:
    """What the memory of a case depends on.

    Parameters
    ----------
    nodes, elements, points: of the whole mesh.
    corners: sum over the elements of their nodes. pairs: of their squares.
    gradients: sum over the elements of points times nodes.
    subdomains: of the dataset.
    outputs: displacements of all simulations; increments: of all, at which dual fields are recomputed.
    temperatures: nodal temperature fields of all loadings.
    state: internal variables per point.
    duals: width of each dual field, the stress among them.
    pod_memory: [bytes] of the snapshots of one field on one subdomain, and their decomposition.
    max_modes: of the displacement.
    iterative: whether linear systems are solved by iteration.
    """

    nodes: int
    elements: int
    points: int
    corners: int
    pairs: int
    gradients: int
    subdomains: int
    outputs: int
    increments: int
    temperatures: int
    state: int
    duals: Mapping[str, int]
    pod_memory: float
    max_modes: int
    iterative: bool

    def share(self, ranks: int) -> float:
        """Return the largest part of the mesh that a rank has."""
        mine = -(-self.subdomains // ranks) / self.subdomains
        return min(1.0, mine * (UNEVEN if self.subdomains > 1 else 1.0))


@dataclass(frozen=True)
class Estimate:
    """The memory of one stage.

    Parameters
    ----------
    stage: its command.
    ranks: that share it.
    terms: words -> bytes on the rank that needs most, all at the same time.
    """

    stage: str
    ranks: int
    terms: Mapping[str, float]

    @property
    def per_rank(self) -> float:
        """Return the bytes on the rank that needs most."""
        return SLACK * sum(self.terms.values())

    @property
    def total(self) -> float:
        """Return the bytes of all ranks."""
        return self.ranks * self.per_rank

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return the terms in words, largest first."""
        ordered = sorted(self.terms.items(), key=lambda entry: -entry[1])
        ordered = [entry for entry in ordered if entry[1] >= LEAST_TOLD]
        head = f"{self.stage} on {self.ranks} rank{'s' * (self.ranks > 1)}: at most {amount(self.per_rank)} on each"
        allocator = f"{round(100 * (SLACK - 1))} % for the allocator"
        return (head, *(f"  {amount(value)} {words}" for words, value in ordered), f"  {allocator}")


def amount(size: float) -> str:
    """Return an amount of memory in words.

    >>> amount(1.234e9), amount(5.6e7)
    ('1.23 GB', '56 MB')
    """
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{max(size, 0) / 1e6:.0f} MB"


def import_memory(sizes: Sizes, ranks: int) -> Estimate:
    """Return the memory of `import`: rank 0 reads and cuts the mesh, then all check the balance on their subdomains."""
    return _largest("import", ranks, *_import_phases(sizes, ranks))


def _import_phases(sizes: Sizes, ranks: int) -> tuple[dict[str, float], ...]:
    """Return the terms of reading and cutting, and of the check."""
    whole = {
        "mesh, whole and cut": 2 * _mesh(sizes, 1.0),
        "temperature fields": NUMBER * sizes.temperatures * sizes.nodes,
    }
    reading = {
        **whole,
        "element graph, to cut the mesh": GRAPH * sizes.elements if sizes.subdomains > 1 else 0.0,
        "one time of the results": 4 * 3 * NUMBER * sizes.nodes,
    }
    share = sizes.share(ranks)
    return reading, {**whole, **_operators(sizes, share), **_states(sizes, share)}


def offline_memory(sizes: Sizes, ranks: int) -> Estimate:
    """Return the memory of `offline`, whichever of its phases takes most; the import is one where it is needed."""
    share = sizes.share(ranks)
    common = {"mesh": _mesh(sizes, share) + _head(sizes), **_operators(sizes, share)}
    displacement = _held(sizes, 3 * sizes.nodes, sizes.outputs) * share
    held = {name: _held(sizes, width * sizes.points, sizes.increments) * share for name, width in sizes.duals.items()}
    n_modes = min(sizes.max_modes, sizes.outputs)
    modes = {"displacement modes": NUMBER * 3 * sizes.nodes * n_modes * share}
    pod = {
        **common,
        **_pattern(sizes, share),
        "displacement snapshots and their decomposition": WORKSPACE * displacement,
    }
    recompute = {
        **common,
        **_pattern(sizes, share),
        **modes,
        **_states(sizes, share),
        "snapshots of the dual fields": sum(held.values()),
        "decomposition of the largest": (WORKSPACE - 1) * max(held.values()),
    }
    cubature = {
        **common,
        **_pattern(sizes, share),
        **modes,
        "strain modes": NUMBER * 6 * sizes.points * n_modes * share,
        "modes of the dual fields": sum(held.values()),
        "stress modes by size": held["stress"],
    }
    return _largest("offline", ranks, *_import_phases(sizes, ranks), pod, recompute, cubature)


def solve_memory(sizes: Sizes, ranks: int) -> Estimate:
    """Return the memory of `solve`: each rank reads the whole mesh and has its share of all else."""
    share = sizes.share(ranks)
    reading = {"mesh, whole and cut": 2 * _mesh(sizes, 1.0), "element graph, to cut the mesh": GRAPH * sizes.elements}
    solving = {
        "mesh, whole and cut": 2 * _mesh(sizes, 1.0),
        "temperature fields": NUMBER * sizes.temperatures * sizes.nodes,
        **_operators(sizes, share),
        **_pattern(sizes, share),
        **_states(sizes, share),
        **_system(sizes, share),
    }
    return _largest("solve", ranks, reading if sizes.subdomains > 1 else {}, solving)


def adapt_memory(sizes: Sizes, ranks: int, n_modes: Mapping[str, int]) -> Estimate:
    """Return the memory of `online --adapt`: a built-in solver beside the modes of the model.

    Parameters
    ----------
    sizes: of the model's case.
    ranks: of the run.
    n_modes: modes of "u" and of each dual field.
    """
    share = sizes.share(ranks)
    widths = {"u": 3 * sizes.nodes, **{name: width * sizes.points for name, width in sizes.duals.items()}}
    modes = sum(NUMBER * (count + BLOCK) * widths.get(name, 0) for name, count in n_modes.items()) * share
    terms = {
        "mesh": _mesh(sizes, share) + _head(sizes),
        **_operators(sizes, share),
        **_pattern(sizes, share),
        **_states(sizes, share),
        **_system(sizes, share),
        "modes of all fields, before and after": 2 * modes,
        "strain modes": NUMBER * 6 * sizes.points * (n_modes.get("u", 0) + BLOCK) * share,
        "stress modes by size": NUMBER * 6 * sizes.points * (n_modes.get("stress", 0) + BLOCK) * share,
    }
    return Estimate("online --adapt", ranks, {"the program": PROGRAM, **terms})


def picture_memory(sizes: Sizes) -> Estimate:
    """Return the memory of `report` and `fields`: the whole mesh and its fields, also as cells of a picture."""
    fields = NUMBER * (3 * sizes.nodes + 2 * (6 + sizes.state) * sizes.points)
    terms = {"the program, with its pictures": 2 * PROGRAM, "mesh, for pictures too": 8 * _mesh(sizes, 1.0)}
    return Estimate("report", 1, {**terms, **_operators(sizes, 1.0), "fields at one time": fields})


def small_memory(stage: str, model: float) -> Estimate:
    """Return the memory of a stage that knows no mesh.

    Parameters
    ----------
    stage: its command.
    model: [bytes] of the model's file.
    """
    return Estimate(stage, 1, {"the program": PROGRAM, "the model, and its answers": 10 * model})


def _largest(stage: str, ranks: int, *phases: Mapping[str, float]) -> Estimate:
    """Return the phase that takes most."""
    largest = max(phases, key=lambda phase: sum(phase.values()))
    return Estimate(stage, ranks, {"the program": PROGRAM, **{name: value for name, value in largest.items() if value}})


def _mesh(sizes: Sizes, share: float) -> float:
    """Return the bytes of coordinates, ids and connectivity."""
    return NUMBER * share * (5 * sizes.nodes + sizes.corners + 2 * sizes.elements)


def _head(sizes: Sizes) -> float:
    """Return the bytes of the dataset's head, which every rank has: node ids, temperature fields."""
    return NUMBER * sizes.nodes * (1 + sizes.temperatures)


def _operators(sizes: Sizes, share: float) -> dict[str, float]:
    """Return what depends on the mesh at the integration points: gradients, temperature operator, coordinates, ids."""
    return {"geometry at the integration points": share * (36 * sizes.gradients + 110 * sizes.points)}


def _pattern(sizes: Sizes, share: float) -> dict[str, float]:
    """Return the sparse pattern of the nodes, and the matrices of the inner product on it."""
    return {"matrices of the inner product": share * 24 * sizes.pairs}


def _states(sizes: Sizes, share: float) -> dict[str, float]:
    """Return strains, stresses, internal variables and temperatures at two times."""
    return {"states at two times": NUMBER * share * sizes.points * 2 * (13 + sizes.state)}


def _system(sizes: Sizes, share: float) -> dict[str, float]:
    """Return the tangent matrix, and what solves with it."""
    matrix = 12 * 9 * sizes.pairs / 2 * share
    tangents = NUMBER * 36 * sizes.points * share
    if sizes.iterative:
        return {"tangent and its assembly": 2 * matrix + tangents, "multigrid": 2 * matrix}
    unknowns = 3 * sizes.nodes
    factors = NUMBER * FACTOR * unknowns ** (4 / 3) * share
    return {"tangent and its assembly": 2 * matrix + tangents, "factors of the direct solver": factors}


def _held(sizes: Sizes, numbers: int, count: int) -> float:
    """Return the bytes of the held snapshots of a field on the whole mesh: all, or what fits the memory."""
    largest = numbers * sizes.share(sizes.subdomains)
    capacity = max(int(sizes.pod_memory / (NUMBER * WORKSPACE * max(largest, 1))), BLOCK)
    return NUMBER * numbers * min(capacity, count)
