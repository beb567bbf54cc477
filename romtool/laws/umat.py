"""Laws behind Abaqus' interface UMAT, called at their address from compiled code, without Python.

Tensors are converted at the edge: a UMAT has the order 11, 22, 33, 12, 13, 23 and engineering shear strain. It is
given mechanical strains (thermal ones subtracted), in the local axes of the point. What it must be told of the start
of the increment (stress, strain, temperature, energies, number of the increment) is kept beside its state variables.
Not known here and given as constants: PREDEF = 0, CELENT = 1, LAYER = KSPT = 1, KSTEP = 1, and as small strain
has it, identity for DROT, DFGRD0 and DFGRD1. A PNEWDT below one makes the point fail, and the increment is cut.
"""

from typing import Any

from romtool.laws.fields import PLUGIN_NUMBERS, Fields, Here
from romtool.laws.local_axes import mechanical_strain, to_global, turn_tangent
from romtool.laws.lookup import Step
from romtool.laws.parameters import LawTables
from romtool.laws.pointers import call_pointers
from romtool.laws.sites import Sites
from romtool.laws.states import OLD_COUNT, OLD_ENERGIES, OLD_STRAIN, OLD_STRESS, OLD_TEMPERATURE, PREVIOUS
from romtool.laws.tensors import Six, inlined, is_finite, put_row
from romtool.types import Floats

# Where the arguments are among the numbers of `Workspace.plugin`.
STRESS, DDSDDE, ENERGIES, RPL, DDSDDT, DRPLDE, DRPLDT, STRAN, DSTRAN = 0, 6, 42, 45, 46, 52, 58, 59, 65
TIME, DTIME, TEMP, DTEMP, PREDEF, DPRED, COORDS, DROT, PNEWDT, CELENT = 71, 73, 74, 75, 76, 77, 78, 81, 90, 91
DFGRD0, DFGRD1, STATEV = 92, 101, PLUGIN_NUMBERS
# … and among its counts.
NDI, NSHR, NTENS, NSTATV, NPROPS, NOEL, NPT, LAYER, KSPT, KSTEP, KINC = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13)
NAME_LENGTH = 80
ORDER = (0, 1, 2, 3, 5, 4)
"""Component of romtool behind each of a UMAT's."""


@inlined
def pointers_of(numbers: int, counts: int, properties: int, name: int) -> Any:
    """Return the 37 arguments of a UMAT from the addresses of its numbers, counts, properties and name."""
    return (
        numbers + 8 * STRESS,
        numbers + 8 * STATEV,
        numbers + 8 * DDSDDE,
        numbers + 8 * ENERGIES,
        numbers + 8 * (ENERGIES + 1),
        numbers + 8 * (ENERGIES + 2),
        numbers + 8 * RPL,
        numbers + 8 * DDSDDT,
        numbers + 8 * DRPLDE,
        numbers + 8 * DRPLDT,
        numbers + 8 * STRAN,
        numbers + 8 * DSTRAN,
        numbers + 8 * TIME,
        numbers + 8 * DTIME,
        numbers + 8 * TEMP,
        numbers + 8 * DTEMP,
        numbers + 8 * PREDEF,
        numbers + 8 * DPRED,
        name,
        counts + 4 * NDI,
        counts + 4 * NSHR,
        counts + 4 * NTENS,
        counts + 4 * NSTATV,
        properties,
        counts + 4 * NPROPS,
        numbers + 8 * COORDS,
        numbers + 8 * DROT,
        numbers + 8 * PNEWDT,
        numbers + 8 * CELENT,
        numbers + 8 * DFGRD0,
        numbers + 8 * DFGRD1,
        counts + 4 * NOEL,
        counts + 4 * NPT,
        counts + 4 * LAYER,
        counts + 4 * KSPT,
        counts + 4 * KSTEP,
        counts + 4 * KINC,
    )


@inlined
def shear_twice(strain: Six) -> Six:
    """Return a strain in a UMAT's order with engineering shear."""
    return (strain[0], strain[1], strain[2], 2.0 * strain[3], 2.0 * strain[5], 2.0 * strain[4])


@inlined
def give_numbers(
    tables: LawTables, sites: Sites, step: Step, here: Here, fields: Fields, strain: Six, previous: int
) -> None:
    """Write what the UMAT is given as numbers."""
    work, state, point = fields.work.plugin, fields.state_n, here.point
    columns = tables.state_columns
    for i in range(STATEV):
        work[i] = 0.0
    for i in range(6):
        work[STRESS + i] = state[point, columns[previous + OLD_STRESS + i]]
        work[STRAN + i] = state[point, columns[previous + OLD_STRAIN + i]]
        work[DSTRAN + i] = strain[i] - work[STRAN + i]
    for i in range(3):
        work[ENERGIES + i] = state[point, columns[previous + OLD_ENERGIES + i]]
        work[COORDS + i] = sites.coordinates[point, i]
        work[DROT + 4 * i] = work[DFGRD0 + 4 * i] = work[DFGRD1 + 4 * i] = 1.0
    work[TIME] = work[TIME + 1] = step.t_n
    work[DTIME], work[PNEWDT], work[CELENT] = step.t_n1 - step.t_n, 1.0, 1.0
    work[TEMP] = state[point, columns[previous + OLD_TEMPERATURE]]
    work[DTEMP] = here.temperature - work[TEMP]
    first = tables.state_rows[here.row]
    for i in range(previous - first):
        work[STATEV + i] = state[point, columns[first + i]]


@inlined
def give_counts(tables: LawTables, sites: Sites, here: Here, fields: Fields, previous: int) -> None:
    """Write what the UMAT is given as whole numbers."""
    counts, row = fields.work.counts, here.row
    counts[NDI], counts[NSHR], counts[NTENS] = 3, 3, 6
    counts[NSTATV] = previous - tables.state_rows[row]
    counts[NPROPS] = tables.property_rows[row + 1] - tables.property_rows[row]
    counts[NOEL], counts[NPT] = sites.ids[here.point, 0], sites.ids[here.point, 1] + 1
    for i in range(LAYER, KINC):
        counts[i] = 1
    counts[KINC] = int(fields.state_n[here.point, tables.state_columns[previous + OLD_COUNT]]) + 1


@inlined
def take_state(tables: LawTables, here: Here, fields: Fields, strain: Six, previous: int) -> None:
    """Write the state at the end, and what the next increment must be told of it."""
    work, state, columns, point = fields.work.plugin, fields.state_n1, tables.state_columns, here.point
    for i in range(6):
        state[point, columns[previous + OLD_STRESS + i]] = work[STRESS + i]
        state[point, columns[previous + OLD_STRAIN + i]] = strain[i]
    for i in range(3):
        state[point, columns[previous + OLD_ENERGIES + i]] = work[ENERGIES + i]
    state[point, columns[previous + OLD_TEMPERATURE]] = here.temperature
    state[point, columns[previous + OLD_COUNT]] += 1.0
    first = tables.state_rows[here.row]
    for i in range(previous - first):
        state[point, columns[first + i]] = work[STATEV + i]


@inlined
def take_tangent(sites: Sites, point: int, work: Floats, tangent: Floats) -> None:
    """Write the tangent, for tensor shear, in the global axes."""
    for a in range(6):
        for b in range(6):
            factor = 1.0 if b < 3 else 2.0
            tangent[point, ORDER[a], ORDER[b]] = factor * work[DDSDDE + 6 * b + a]
    turn_tangent(sites, point, tangent)


@inlined
def update_umat(tables: LawTables, sites: Sites, step: Step, here: Here, fields: Fields) -> bool:
    """Update one point; return whether the stress is finite and the UMAT asked for no smaller increment.

    Parameters
    ----------
    tables, sites: of all materials and points.
    step: the increment in time.
    here: the point.
    fields: read and written at the point; the state at the end holds that at the start.
    """
    work, point = fields.work.plugin, here.point
    if sites.addresses[here.row] == 0:
        return False
    previous = tables.state_rows[here.row + 1] - PREVIOUS
    strain = shear_twice(mechanical_strain(tables, sites, here, fields.strain))
    give_numbers(tables, sites, step, here, fields, strain, previous)
    give_counts(tables, sites, here, fields, previous)
    properties = tables.properties.ctypes.data + 8 * tables.property_rows[here.row]
    name = tables.names.ctypes.data + NAME_LENGTH * here.row
    pointers = pointers_of(work.ctypes.data, fields.work.counts.ctypes.data, properties, name)
    call_pointers(sites.addresses[here.row], pointers, NAME_LENGTH)
    take_state(tables, here, fields, strain, previous)
    stress = (work[0], work[1], work[2], work[3], work[5], work[4])
    put_row(to_global(sites, point, stress), fields.stress, point, 0)
    if len(fields.tangent) > 0:
        take_tangent(sites, point, work, fields.tangent)
    return is_finite(stress) and work[PNEWDT] >= 1.0
