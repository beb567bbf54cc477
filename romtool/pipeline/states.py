"""Complete states of the built-in solver in files: one part of the state in the file of each subdomain."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from romtool.errors import ConvergenceError, ModelError
from romtool.fem.partition import Subdomain
from romtool.hifi.march import HifiState
from romtool.hifi.share import Share
from romtool.loading import Before, Loading
from romtool.pipeline.folders import Provenance, part_reader, read_head, read_record, value_digest, write_record
from romtool.pipeline.missions import before_of
from romtool.pipeline.ranks import together
from romtool.protocols import LinearSolver, SolverMemory

END = "end"
"""Name of the last state in the file of a subdomain."""
MEMORY = "memory"
"""Name of what the linear solver remembers at the end, in the same file."""


def write_end(file: h5py.File, end: HifiState, memory: SolverMemory | None, share: Share, part: Subdomain) -> None:
    """Write the end of a solution to the file of a subdomain: the state, and what the linear solver remembers."""
    write_record(file, END, take_state(end, share, part))
    kept = None if memory is None else replace(memory, tangent=memory.tangent[share.points(part)])
    write_record(file, MEMORY, kept)


def take_state(state: HifiState, share: Share, part: Subdomain) -> HifiState:
    """Return the state of one subdomain from that of a rank."""
    nodes, points = share.rows(part), share.points(part)
    rate = None if state.rate is None else state.rate[nodes]
    return HifiState(
        state.time, state.displacement[nodes], state.stress[points], state.state[points], state.scale, rate
    )


def join_state(share: Share, pieces: Sequence[HifiState]) -> HifiState:
    """Return the state of a rank from those of its subdomains, in order."""
    first, n_nodes, n_points = pieces[0], share.own.mesh.n_nodes, share.operators.n_points
    displacement, rate = np.zeros((n_nodes, 3)), None if first.rate is None else np.zeros((n_nodes, 3))
    stress, state = np.zeros((n_points, 6)), np.zeros((n_points, first.state.shape[1]))
    for part, piece in zip(share.parts, pieces, strict=True):
        nodes, points = share.rows(part), share.points(part)
        displacement[nodes], stress[points], state[points] = piece.displacement, piece.stress, piece.state
        if rate is not None and piece.rate is not None:
            rate[nodes] = piece.rate
    return HifiState(first.time, displacement, stress, state, first.scale, rate)


@dataclass(frozen=True)
class SolutionEnd:
    """The end of a built-in solution, to go on from; its state is read by subdomains.

    Parameters
    ----------
    folder: of the solution.
    source_id: of the solution.
    materials: digest of its materials.
    n_subdomains: of its mesh.
    loading: that led to it, on the whole mesh.
    before: all that lies behind it.
    """

    folder: Path
    source_id: str
    materials: str
    n_subdomains: int
    loading: Loading
    before: Before

    def state(self, share: Share) -> HifiState:
        """Return the state of a rank.

        Raises
        ------
        ModelError: it is of another mesh, or partitioned otherwise; a damaged file.
        """
        return join_state(share, [self._piece(part) for part in share.parts])

    def remind(self, solver: LinearSolver, share: Share) -> None:
        """Let a linear solver go on from what that of the solution remembered; all ranks call this together.

        A memory that is of no use, since other supports leave its matrix singular, is dropped.

        Raises
        ------
        ModelError: as `state`.
        """
        pieces = together(share.comm, lambda: [self._memory(part) for part in share.parts])
        if any(share.comm.allgather(any(piece is None for piece in pieces))):
            return
        tangent = np.zeros((share.operators.n_points, 6, 6))
        for part, piece in zip(share.parts, pieces, strict=True):
            tangent[share.points(part)] = piece.tangent
        with suppress(ConvergenceError):
            solver.remember(replace(pieces[0], tangent=tangent))

    def _memory(self, part: Subdomain) -> Any:
        """Return what the linear solver remembered on one subdomain; None where nothing is kept of it."""
        with part_reader(self.folder, "solution-part", part.index, self.source_id) as file:
            return read_record(file, MEMORY) if MEMORY in file else None

    def _piece(self, part: Subdomain) -> HifiState:
        """Return the state of one subdomain."""
        with part_reader(self.folder, "solution-part", part.index, self.source_id) as file:
            known: Subdomain = read_record(file, "subdomain")
            if not np.array_equal(known.node_rows, part.node_rows) or known.mesh.n_elements != part.mesh.n_elements:
                raise ModelError(f"{self.folder}: is on another mesh, or in other subdomains; go on with its own case")
            found: HifiState = read_record(file, END)
            return found


def read_solution_end(folder: Path) -> SolutionEnd:
    """Return the end of the solution of `romtool solve` in a folder.

    Raises
    ------
    ModelError: there is none, or a damaged one.
    """
    file = folder / "solution.h5"
    if not file.is_file():
        raise ModelError(f"{folder}: no solution of `romtool solve` here; give the folder REF/<load name> of one")
    provenance: Provenance = read_head(file, "solution", "provenance")
    loading: Loading = read_head(file, "solution", "loading")
    loading = replace(loading, times=read_head(file, "solution", "times"))
    return SolutionEnd(
        folder,
        provenance.source_id,
        value_digest(read_head(file, "solution", "materials")),
        int(read_head(file, "solution", "n_subdomains")),
        loading,
        before_of(file, "solution").then(loading),
    )
