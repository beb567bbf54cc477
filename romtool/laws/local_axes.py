"""Strain, stress and tangent between the global axes and the local ones of a point."""

from romtool.laws.fields import Here
from romtool.laws.lookup import expansion_strain
from romtool.laws.parameters import LawTables
from romtool.laws.sites import Sites
from romtool.laws.tensors import Six, frame_of, inlined, rotated, row_of, transposed
from romtool.types import Floats


@inlined
def to_local(sites: Sites, point: int, tensor: Six) -> Six:
    """Return a tensor in the local axes of a point."""
    return rotated(tensor, frame_of(sites.frames, point)) if len(sites.frames) > 0 else tensor


@inlined
def to_global(sites: Sites, point: int, tensor: Six) -> Six:
    """Return a tensor of the local axes of a point in the global ones."""
    return rotated(tensor, transposed(frame_of(sites.frames, point))) if len(sites.frames) > 0 else tensor


@inlined
def mechanical_strain(tables: LawTables, sites: Sites, here: Here, strain: Floats) -> Six:
    """Return the local strain without its thermal part."""
    total = to_local(sites, here.point, row_of(strain, here.point, 0))
    x = total[0] - expansion_strain(tables, here.place, here.temperature, 0) + sites.offset[here.point, 0]
    y = total[1] - expansion_strain(tables, here.place, here.temperature, 1) + sites.offset[here.point, 1]
    z = total[2] - expansion_strain(tables, here.place, here.temperature, 2) + sites.offset[here.point, 2]
    return (x, y, z, total[3], total[4], total[5])


@inlined
def turn_tangent(sites: Sites, point: int, tangent: Floats) -> None:
    """Turn the tangent of a point from its local axes to the global ones: first its rows, then its columns."""
    if len(sites.frames) == 0:
        return
    back = transposed(frame_of(sites.frames, point))
    for b in range(6):
        column = (
            tangent[point, 0, b],
            tangent[point, 1, b],
            tangent[point, 2, b],
            tangent[point, 3, b],
            tangent[point, 4, b],
            tangent[point, 5, b],
        )
        turned = rotated(column, back)
        for a in range(6):
            tangent[point, a, b] = turned[a]
    for a in range(6):
        row = (
            tangent[point, a, 0],
            tangent[point, a, 1],
            tangent[point, a, 2],
            0.5 * tangent[point, a, 3],
            0.5 * tangent[point, a, 4],
            0.5 * tangent[point, a, 5],
        )
        turned = rotated(row, back)
        for b in range(3):
            tangent[point, a, b] = turned[b]
            tangent[point, a, b + 3] = 2.0 * turned[b + 3]
