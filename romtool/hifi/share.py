"""What one rank computes with: the elements of the subdomains that it owns, as one piece of the mesh."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from romtool.fem.operators import Operators, build_operators
from romtool.fem.partition import Subdomain, restrict_loading, take_elements
from romtool.fem.sharing import build_sharing
from romtool.hifi.problem import HifiProblem, build_problem
from romtool.linalg.agreement import each_rank
from romtool.linalg.reduction import Comm
from romtool.loading import Loading, Material
from romtool.settings import NewtonSettings
from romtool.types import Ints, Mesh


@dataclass(frozen=True)
class Share:
    """The part of a mesh that one rank has.

    Parameters
    ----------
    comm: the ranks.
    mesh: the whole mesh.
    own: all elements of this rank, as one subdomain.
    operators: of `own`.
    parts: its subdomains.
    n_subdomains: of all ranks.
    """

    comm: Comm
    mesh: Mesh
    own: Subdomain
    operators: Operators
    parts: tuple[Subdomain, ...]
    n_subdomains: int

    def rows(self, part: Subdomain) -> Ints:
        """Return the rows of a subdomain's nodes among those of the rank."""
        return np.searchsorted(self.own.node_rows, part.node_rows)

    def points(self, part: Subdomain) -> Ints:
        """Return the rows of the integration points of a subdomain among those of the rank."""
        elements = self.own.element_rows[self.operators.elements]
        return np.flatnonzero(np.isin(elements, part.element_rows))


def build_share(mesh: Mesh, part_of_element: Ints, mine: Sequence[int], comm: Comm) -> Share:
    """Take what a rank owns; all ranks call this together.

    Parameters
    ----------
    mesh: the whole mesh.
    part_of_element: (n_elements,) subdomain of each element.
    mine: subdomains of this rank.
    comm: the ranks.

    Raises
    ------
    MeshError: inverted or unsupported elements.
    """
    own = take_elements(mesh, comm.rank, np.isin(part_of_element, mine))
    parts = tuple(take_elements(mesh, index, part_of_element == index) for index in mine)
    operators = each_rank(comm, build_operators, own.mesh)
    return Share(comm, mesh, own, operators, parts, int(part_of_element.max()) + 1)


def share_problem(
    share: Share, materials: Sequence[Material], loading: Loading, options: NewtonSettings
) -> HifiProblem:
    """Build the problem of a loading on the elements of this rank; all ranks call this together.

    Parameters
    ----------
    share: what this rank has.
    materials: of the whole mesh.
    loading: on the whole mesh.
    options: of Newton's method.

    Raises
    ------
    MeshError, CaseError, LawError: as `build_problem`.
    """
    local = restrict_loading(loading, share.mesh, share.own)
    sharing = build_sharing(share.comm, share.own.node_rows)
    return build_problem(share.operators, materials, local, options, sharing)
