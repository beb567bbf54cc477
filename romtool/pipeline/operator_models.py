"""Folders of operator models: `model.h5` answers alone, `basis.h5` beside it turns coordinates into solutions."""

from pathlib import Path
from typing import Any

from romtool.errors import ModelError
from romtool.io.atomic import output_folder
from romtool.linalg.eim import Numbers
from romtool.operators.model import OperatorModel
from romtool.pipeline.folders import model_file, read_head, value_digest, write_head

KIND, BASIS_KIND = "operators", "operators-basis"
BASIS_FILE = "basis.h5"
MAKER = "romtool operators build"


def write_operator_model(
    model: OperatorModel, basis: Numbers | None, norm: Any, out: Path, *, overwrite: bool = False
) -> None:
    """Write the folder of a model.

    Parameters
    ----------
    model: the model.
    basis: (n_unknowns, N) vectors of the reduced basis, or None.
    norm: X of the basis: sparse, dense, or None for the Euclidean norm.
    out: the folder.
    overwrite: replace an existing one.

    Raises
    ------
    CaseError: it exists, or can not be written.
    """
    with output_folder(out, overwrite) as folder:
        write_head(folder / "model.h5", KIND, model=model)
        if basis is not None:
            write_head(folder / BASIS_FILE, BASIS_KIND, id=value_digest(model), basis=basis, norm=norm)


def read_operator_model(path: Path) -> OperatorModel:
    """Read a model from its folder or its model.h5. Raises ModelError."""
    model: OperatorModel = read_head(model_file(path, MAKER), KIND, "model")
    return model


def read_basis(path: Path, model: OperatorModel) -> tuple[Numbers, Any]:
    """Read basis and X of the norm (None: Euclidean) of a model. Raises ModelError where they are not beside it."""
    found = model_file(path, MAKER).with_name(BASIS_FILE)
    if not found.is_file():
        raise ModelError(f"{found}: no such file; solutions need the whole model folder, model.h5 alone gives outputs")
    if read_head(found, BASIS_KIND, "id") != value_digest(model):
        raise ModelError(f"{found}: belongs to another model; build the folder anew")
    return read_head(found, BASIS_KIND, "basis"), read_head(found, BASIS_KIND, "norm")
