"""A result with named dimensions, for xarray."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from romtool.errors import MissingPartError
from romtool.pipeline.results import TENSOR
from romtool.reduced.dictionary import Run
from romtool.reduced.quantities import QuantityHistory

if TYPE_CHECKING:
    import xarray


def labelled(run: Run, quantities: Mapping[str, QuantityHistory], outside: tuple[str, ...]) -> "xarray.Dataset":
    """Return an answer as a dataset: coordinates, samples at the reduced points, indicators, bounds, quantities.

    Parameters
    ----------
    run: the answer.
    quantities: of the case; those that are not known are left out.
    outside: what the training does not cover.

    Raises
    ------
    MissingPartError: xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise MissingPartError("xarray is not installed; pip install xarray") from error
    model, history = run.model, run.history
    variables: dict[str, Any] = {"coordinates": (("time", "mode"), history.coordinates)}
    for name, values in history.samples.items():
        scalar = values.shape[2] == 1
        dims = ("time", "point") if scalar else ("time", "point", f"component_of_{name}")
        variables[name] = (dims, values[:, :, 0] if scalar else values)
    for name, found in run.indications.items():
        variables[f"indicator_of_{name}"] = (("time",), found.indicator)
        variables[f"bound_of_{name}"] = (("time",), found.bound)
    known = {name: entry.values for name, entry in quantities.items() if not entry.missing}
    variables |= {f"quantity_{name}": (("time",), values) for name, values in known.items()}
    tensors = [name for name, values in history.samples.items() if values.shape[2] == len(TENSOR)]
    coordinates = {
        "time": history.times,
        "element": ("point", model.point_ids[:, 0]),
        "local_point": ("point", model.point_ids[:, 1]),
        **{axis: ("point", model.coordinates[:, i]) for i, axis in enumerate("xyz")},
        **{f"component_of_{name}": list(TENSOR) for name in tensors},
    }
    attributes = {"load": history.name, "model": model.model_id, "stopped": run.stopped, "outside": list(outside)}
    return xarray.Dataset(variables, coordinates, attributes)
