"""`romtool fmu`: a reduced model as a functional mock-up unit (FMI 3.0, co-simulation)."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from romtool.errors import CaseError, MissingPartError, ModelError
from romtool.io.atomic import atomic_file
from romtool.io.built_load import Load
from romtool.loading import Loading
from romtool.online.cosimulation import CoSimulation
from romtool.pipeline.folders import model_file, read_dictionary, read_head, write_head
from romtool.pipeline.interface import load as open_model
from romtool.reduced.model import ReducedModel
from romtool.reduced.quantities import MESH, source_of
from romtool.settings import NewtonSettings

SLAVE = Path(__file__).with_name("fmu_slave.py")
LOAD = "load.h5"
_KIND = "fmu-load"


def write_fmu(
    model_path: Path, load_path: Path, out: Path, say: Callable[[str], None], *, overwrite: bool
) -> CoSimulation:
    """Write a model and a load case as an FMU.

    Parameters
    ----------
    model_path: model folder, or its model.h5 alone.
    load_path: load file: what acts besides the amplitudes, which are inputs.
    out: the `.fmu`.
    say: takes sentences about what is done.
    overwrite: replace an existing file.

    Returns
    -------
    The unit at its first time: its inputs and outputs.

    Raises
    ------
    CaseError, ModelError: wrong input, several local models, no quantity that the reduced data give.
    MissingPartError: pythonfmu3 is not installed.
    """
    if out.suffix.lower() != ".fmu":
        raise CaseError(f"{out}: an FMU is written as .fmu; give such a name")
    if out.exists() and not overwrite:
        raise CaseError(f"{out} exists; give --overwrite or another -o")
    builder = _builder()
    model = _single(model_path)
    unit = _unit(model, loading := open_model(model_path).loading_of(Load.read(load_path)))
    left = [entry.quantity.name for entry in model.quantities if source_of(entry) == MESH]
    if left:
        say(f"not among the outputs, since they need the whole mesh: {', '.join(left)}")
    if not unit.outputs:
        raise CaseError(f"{model_path}: no quantity that the reduced data give; add [[quantities]] and train again")
    with TemporaryDirectory() as folder:
        held = Path(folder) / "model.h5", Path(folder) / LOAD
        shutil.copy2(model_file(model_path), held[0])
        write_head(held[1], _KIND, loading=loading, name=identifier(out.stem))
        made = builder.build_FMU(SLAVE, dest=Path(folder) / "made", project_files=held)
        with atomic_file(out) as temporary:
            shutil.move(made, temporary)
    return unit


def open_unit(folder: Path) -> tuple[str, CoSimulation]:
    """Open the unit whose files are in a folder, the resources of an FMU; return its name too."""
    model = _single(folder)
    loading, name = (read_head(folder / LOAD, _KIND, key) for key in ("loading", "name"))
    return name, _unit(model, loading)


def identifier(text: str) -> str:
    """Return a text as a name in C.

    >>> identifier("p max (blade)")
    'p_max_blade'
    """
    plain = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return plain if plain and not plain[0].isdigit() else f"_{plain}"


def _single(path: Path) -> ReducedModel:
    """Return the model of a folder that has one alone. Raises ModelError."""
    dictionary = read_dictionary(path)
    if len(dictionary.models) > 1:
        raise ModelError(f"{path}: an FMU holds one local model; train it with [clusters] count = 1")
    return dictionary.models[0]


def _unit(model: ReducedModel, loading: Loading) -> CoSimulation:
    """Return the unit of a model and a loading."""
    return CoSimulation(model, loading, NewtonSettings(**model.statistics["newton"]))  # type: ignore[arg-type]


def _builder() -> Any:
    """Import what writes FMUs. Raises MissingPartError."""
    try:
        from pythonfmu3 import FmuBuilder
    except ImportError as error:
        raise MissingPartError("an FMU needs the package pythonfmu3; install romtool[fmu]") from error
    return FmuBuilder
