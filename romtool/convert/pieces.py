"""Results that a parallel solver wrote per subdomain, taken as one on the whole mesh.

The pieces keep the ids of the whole mesh, as Z-set's do; nodes on a common boundary are in several pieces, elements
in one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from romtool.errors import MeshError, ReaderError
from romtool.types import Floats, Ints, Mesh, SolverResults

NODE_TOLERANCE = 1e-4
"""Largest relative difference of a displacement on the two sides of a common boundary."""


def join_results(mesh: Mesh, pieces: Sequence[SolverResults]) -> SolverResults:
    """Return the nodal fields of all pieces as results on the whole mesh, read one time at a time.

    Parameters
    ----------
    mesh: the whole mesh.
    pieces: results per subdomain.

    Raises
    ------
    MeshError: pieces that are not those of the mesh, overlap, or leave elements out.
    ReaderError: pieces with different times; when read, values that differ on a common boundary.
    """
    part_of_element(mesh, pieces)
    times = pieces[0].times
    for piece in pieces[1:]:
        if len(piece.times) != len(times) or not np.allclose(piece.times, times, rtol=1e-9, atol=0.0):
            raise ReaderError(
                f"{piece.paths[0]}: {len(piece.times)} times, {pieces[0].paths[0]} has {len(times)} or others; give "
                "the files of one complete run"
            )
    rows = tuple(_node_rows(mesh, piece) for piece in pieces)
    missing = mesh.n_nodes - len(np.unique(np.concatenate(rows)))
    if missing:
        raise MeshError(f"{pieces[0].paths[0]} and its other pieces lack {missing} nodes of the mesh; give all pieces")
    common = {
        name: info
        for name, info in pieces[0].fields.items()
        if info.location == "node" and all(name in piece.fields for piece in pieces)
    }
    joined = _Joined(mesh.n_nodes, tuple(pieces), rows)
    paths = tuple(dict.fromkeys(path for piece in pieces for path in piece.paths))
    warnings = tuple(dict.fromkeys(text for piece in pieces for text in piece.warnings))
    return replace(pieces[0], paths=paths, mesh=mesh, times=times, fields=common, read=joined.read, warnings=warnings)


def part_of_element(mesh: Mesh, pieces: Sequence[SolverResults]) -> Ints:
    """Return the (n_elements,) number of the piece that has each element.

    Parameters
    ----------
    mesh: the whole mesh.
    pieces: results per subdomain.

    Raises
    ------
    MeshError: an element that no piece has, that two have, or that the mesh does not have.
    """
    order = np.argsort(mesh.element_ids)
    ids = mesh.element_ids[order]
    owner = np.full(mesh.n_elements, -1, dtype=np.int64)
    for number, piece in enumerate(pieces):
        mine = piece.mesh.element_ids
        at = np.minimum(np.searchsorted(ids, mine), len(ids) - 1)
        if not np.array_equal(ids[at], mine):
            absent = mine[ids[at] != mine][0]
            raise MeshError(f"{piece.paths[0]}: element {absent} is not in the mesh of the case; give its own pieces")
        twice = mine[owner[order[at]] >= 0]
        if len(twice):
            raise MeshError(f"{piece.paths[0]}: element {twice[0]} is in another piece too; give each piece once")
        owner[order[at]] = number
    if (owner < 0).any():
        raise MeshError(
            f"{', '.join(str(piece.paths[0]) for piece in pieces)}: {int((owner < 0).sum())} elements of the mesh are "
            "in no piece; give the results of all subdomains"
        )
    return owner


def _node_rows(mesh: Mesh, piece: SolverResults) -> Ints:
    """Return the (n,) rows of a piece's nodes in the whole mesh."""
    at = np.minimum(np.searchsorted(mesh.node_ids, piece.mesh.node_ids), mesh.n_nodes - 1)
    size = float(np.ptp(mesh.points, axis=0).max())
    same = np.array_equal(mesh.node_ids[at], piece.mesh.node_ids)
    if not same or float(np.abs(mesh.points[at] - piece.mesh.points).max()) > 1e-4 * size:
        raise MeshError(
            f"{piece.paths[0]}: results of another mesh (other node ids or coordinates); give results of the case's "
            "own mesh"
        )
    return np.asarray(at, dtype=np.int64)


@dataclass(frozen=True)
class _Joined:
    """Reads nodal fields of all pieces into the order of the whole mesh."""

    n_nodes: int
    pieces: tuple[SolverResults, ...]
    rows: tuple[Ints, ...]

    def read(self, name: str, i: int) -> Floats:
        """Return the (n_nodes, n_components) values of a field at `times[i]`; common nodes have their mean."""
        values = [piece.read(name, i) for piece in self.pieces]
        total, count = np.zeros((self.n_nodes, values[0].shape[1])), np.zeros((self.n_nodes, 1))
        for rows, piece in zip(self.rows, values, strict=True):
            total[rows] += piece
            count[rows] += 1.0
        mean = total / count
        if name == "u":
            self._check_common(name, i, values, mean)
        return np.asarray(mean)

    def _check_common(self, name: str, i: int, values: Sequence[Floats], mean: Floats) -> None:
        """Refuse displacements that open a gap between the pieces."""
        scale = float(np.abs(mean).max(initial=0.0))
        for piece, rows, found in zip(self.pieces, self.rows, values, strict=True):
            gap = float(np.abs(found - mean[rows]).max(initial=0.0))
            if gap > NODE_TOLERANCE * scale:
                raise ReaderError(
                    f"{piece.paths[0]}: at time {piece.times[i]:g} its {name} differs by {gap:.1e} from that of the "
                    f"other pieces on common nodes (largest value {scale:.1e}); give the pieces of one run"
                )
