"""What results lack for a reduced model, in words."""

import numpy as np

from romtool.types import SolverResults

_FLAT = ("triangle", "triangle6", "quad", "quad8")


def lacking(results: SolverResults) -> tuple[str, ...]:
    """Return a sentence where no reduced model can be made from results for want of solids; none where it can.

    A mesh alone (no times) lacks no history, since a case may have others.
    """
    blocks = results.mesh.blocks
    if not blocks or any(block.formulation for block in blocks):
        return ()
    names = ", ".join(sorted({block.solver_type or block.cell_type for block in blocks}))
    plane = all(block.cell_type in _FLAT for block in blocks) and np.ptp(results.mesh.points[:, 2]) == 0.0
    what = f"plane elements ({names})" if plane else f"elements that romtool does not compute with ({names})"
    return (
        f"no reduced model can be made from this file: it has {what}; expected solids of the table in docs/readers",
    )
