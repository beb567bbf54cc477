"""What solver results lack for a reduced model, in words."""

from romtool.cells import CELLS
from romtool.types import SolverResults


def lacks(results: SolverResults) -> tuple[str, ...]:
    """Return what keeps results from being a training computation, one sentence each; nothing where all is there.

    Parameters
    ----------
    results: as a reader gives them.
    """
    return (*_lacking_elements(results), *_lacking_history(results))


def _lacking_elements(results: SolverResults) -> list[str]:
    """Return what is said about elements that cannot be computed with."""
    others = [block for block in results.mesh.blocks if not block.formulation]
    count, total = sum(len(block.element_ids) for block in others), results.mesh.n_elements
    kinds = ", ".join(sorted({block.solver_type or block.cell_type for block in others}))
    if count == total and not any(block.cell_type in CELLS for block in others):
        flat = "2-D mesh" if not results.mesh.points[:, 2].any() else "no solid elements"
        return [f"{flat} ({kinds}): a reduced model needs tetrahedra, hexahedra or wedges"]
    return (
        [f"{count} of {total} elements cannot be computed with ({kinds}): take them out of the model"] if count else []
    )


def _lacking_history(results: SolverResults) -> list[str]:
    """Return what is said about times and displacement."""
    if not len(results.times):
        return ["a mesh alone: training needs displacements over time"]
    found = []
    if len(results.times) < 2:
        found.append("one time: training needs a history of two or more")
    if "u" not in results.fields or results.fields["u"].location != "node":
        names = ", ".join(results.fields) or "none"
        found.append(f"no displacement (fields: {names}): training needs it at every time")
    return found
