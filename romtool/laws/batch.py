"""Laws that take all points of a material in one call: prepared and finished by compiled code, point by point.

Before the call the local mechanical strain and the temperature at the end stand in the state at the end, among what
is kept of the last increment; the call reads them there and writes stress, tangent (both in local axes) and state.
"""

from romtool.laws.fields import (
    COLUMNS,
    COUNT,
    HAS_TANGENT,
    MATERIAL,
    N_COLUMNS,
    ROW,
    STATE_N,
    STATE_N1,
    STATUS,
    STRESS,
    TANGENT,
    Fields,
    Here,
)
from romtool.laws.local_axes import mechanical_strain, to_global, turn_tangent
from romtool.laws.lookup import Step
from romtool.laws.parameters import LawTables
from romtool.laws.pointers import call_pointers
from romtool.laws.sites import Sites
from romtool.laws.states import OLD_STRAIN, OLD_TEMPERATURE, PREVIOUS
from romtool.laws.tensors import called, inlined, is_finite, put_row, row_of
from romtool.types import Floats, Ints


@inlined
def prepare_point(tables: LawTables, sites: Sites, here: Here, fields: Fields) -> bool:
    """Write mechanical strain and temperature at the end of the increment to the state."""
    previous = tables.state_rows[here.row + 1] - PREVIOUS
    strain = mechanical_strain(tables, sites, here, fields.strain)
    for i in range(6):
        fields.state_n1[here.point, tables.state_columns[previous + OLD_STRAIN + i]] = strain[i]
    fields.state_n1[here.point, tables.state_columns[previous + OLD_TEMPERATURE]] = here.temperature
    return True


@inlined
def describe_rows(words: Ints, place: int, array: Floats) -> None:
    """Write address and strides of an (n, m) array."""
    words[place], words[place + 1], words[place + 2] = array.ctypes.data, array.strides[0], array.strides[1]


@called
def call_batch(tables: LawTables, sites: Sites, step: Step, row: int, fields: Fields) -> int:
    """Evaluate all points of one material; return 0, or 1 + the first that failed."""
    words, first = fields.work.words, tables.state_rows[row]
    words[ROW], words[COUNT], words[N_COLUMNS], words[STATUS] = (
        row,
        len(sites.material),
        tables.state_rows[row + 1] - first,
        1,
    )
    words[MATERIAL] = sites.material.ctypes.data
    describe_rows(words, STATE_N, fields.state_n)
    describe_rows(words, STATE_N1, fields.state_n1)
    describe_rows(words, STRESS, fields.stress)
    words[TANGENT] = fields.tangent.ctypes.data
    for i in range(3):
        words[TANGENT + 1 + i] = fields.tangent.strides[i]
    words[COLUMNS] = tables.state_columns.ctypes.data + 8 * first
    words[HAS_TANGENT] = 1 if len(fields.tangent) > 0 else 0
    fields.work.plugin[0] = step.t_n1 - step.t_n
    if sites.addresses[row] != 0:
        call_pointers(sites.addresses[row], (words.ctypes.data, fields.work.plugin.ctypes.data), 0)
    if words[STATUS] != 0:
        return words[STATUS]
    for point in range(len(sites.material)):
        if sites.material[point] == row and not finish_point(sites, point, fields):
            return point + 1
    return 0


@inlined
def finish_point(sites: Sites, point: int, fields: Fields) -> bool:
    """Turn stress and tangent to the global axes; return whether the stress is finite."""
    stress = row_of(fields.stress, point, 0)
    put_row(to_global(sites, point, stress), fields.stress, point, 0)
    if len(fields.tangent) > 0:
        turn_tangent(sites, point, fields.tangent)
    return is_finite(stress)
