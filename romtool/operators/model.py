"""What `romtool operators build` makes: all that answers for new parameters, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from romtool.operators.coefficients import Coefficients
from romtool.operators.domain import Domain
from romtool.operators.inverses import InverseModel, LogDetModel
from romtool.operators.reduced import Answers, ReducedSystem, solve
from romtool.types import Floats


@dataclass(frozen=True)
class OperatorModel:
    """A model of parameter-dependent operators.

    Parameters
    ----------
    name: of the case.
    domain: of the parameters.
    coefficients: β of the separated representation.
    rhs_coefficients: γ; None where the right-hand side does not depend on the parameters, or there is none.
    system: reduced basis, or None.
    inverse, logdet: or None.
    n_unknowns: size of the matrices.
    facts: on the training: settings, seconds, kinds of matrices.
    provenance: versions, date, digest of the inputs.
    """

    name: str
    domain: Domain
    coefficients: Coefficients
    rhs_coefficients: Coefficients | None
    system: ReducedSystem | None
    inverse: InverseModel | None
    logdet: LogDetModel | None
    n_unknowns: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Answers of a model for n parameters; None for what it does not hold.

    Parameters
    ----------
    parameters: (n, p) float.
    answers: of the reduced basis.
    logdet, logdet_indicator, logdet_bound: (n,) float.
    inverse: (n, n_unknowns, k).
    inverse_indicator, inverse_bound: (n,) float.
    """

    parameters: Floats
    answers: Answers | None
    logdet: Floats | None
    logdet_indicator: Floats | None
    logdet_bound: Floats | None
    inverse: np.ndarray[Any, Any] | None
    inverse_indicator: Floats | None
    inverse_bound: Floats | None


def evaluate(model: OperatorModel, parameters: Floats) -> Evaluation:
    """Answer with all that a model holds, for (n, p) parameters. Raises InputError for those outside the range."""
    model.domain.check(parameters)
    logdet, inverse = model.logdet, model.inverse
    return Evaluation(
        parameters=parameters,
        answers=solve(model.system, parameters) if model.system else None,
        logdet=logdet.evaluate(parameters) if logdet else None,
        logdet_indicator=logdet.indicator(parameters) if logdet else None,
        logdet_bound=logdet.bound(parameters) if logdet else None,
        inverse=inverse.apply(parameters) if inverse else None,
        inverse_indicator=inverse.indicator(parameters) if inverse else None,
        inverse_bound=inverse.bound(parameters) if inverse else None,
    )
