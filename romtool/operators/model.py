"""What `romtool operators build` makes: all that answers for new parameters, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from romtool.operators.coefficients import Coefficients
from romtool.operators.domain import Domain
from romtool.operators.inverses import Estimate, InverseModel, LogDetModel
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
    inverse, logdet: estimates.
    """

    parameters: Floats
    answers: Answers | None
    inverse: Estimate | None
    logdet: Estimate | None


def evaluate(model: OperatorModel, parameters: Floats) -> Evaluation:
    """Answer with all that a model holds, for (n, p) parameters. Raises InputError for those outside the range."""
    model.domain.check(parameters)
    return Evaluation(
        parameters=parameters,
        answers=solve(model.system, parameters) if model.system else None,
        inverse=model.inverse.evaluate(parameters) if model.inverse else None,
        logdet=model.logdet.evaluate(parameters) if model.logdet else None,
    )
