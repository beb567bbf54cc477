"""`romtool operators select` and `build`: from functions to lists, from exported matrices to a model."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from romtool.errors import CaseError
from romtool.io.atomic import digest_files
from romtool.io.schema_operators import BasisTable, PowersTable
from romtool.linalg.reduction import Comm
from romtool.operators.algebra import ScipyAlgebra
from romtool.operators.case import Selection, read_operator_case
from romtool.operators.constants import (
    interpolated_constant,
    measured_remainder,
    measured_rhs_remainder,
    positive_forms,
    successive_constraints,
)
from romtool.operators.functions import Entries
from romtool.operators.greedy import Certified, Trained, train
from romtool.operators.inverses import (
    N_CHECKS,
    ErrorBound,
    InverseModel,
    LogDetModel,
    certify,
    inverse_model,
    logdet_model,
)
from romtool.operators.matrices import Matrix
from romtool.operators.model import OperatorModel
from romtool.operators.norms import Norm
from romtool.operators.petsc import PetscAlgebra
from romtool.operators.powers import Powers, select_powers
from romtool.operators.problem import FullProblem
from romtool.operators.stability import InterpolatedConstant, PositiveForms, SuccessiveConstraints
from romtool.pipeline.folders import now, versions
from romtool.pipeline.operator_inputs import (
    Inputs,
    check_terms,
    inverse_columns,
    norm_kind,
    norm_matrix,
    output_rows,
    read_inputs,
)
from romtool.pipeline.operator_lists import exported_paths, list_path, write_list
from romtool.pipeline.operator_models import write_operator_model
from romtool.pipeline.ranks import on_root
from romtool.types import Floats

Say = Callable[[str], None]


def select(path: Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Select the parameters at which complete matrices are wanted, and write the lists of them.

    Parameters
    ----------
    path: the case file.
    overwrite: replace lists of other parameters.

    Returns
    -------
    What `--json` prints.

    Raises
    ------
    CaseError, InputError: see `read_operator_case` and `write_list`.
    """
    case = read_operator_case(path)
    wanted = {"operator": case.operator} | ({"rhs": case.rhs} if isinstance(case.rhs, Selection) else {})
    summary: dict[str, Any] = {}
    lists: list[tuple[str, Path, Floats]] = []
    for title, selection in wanted.items():
        found = selection.coefficients()
        lists.append((title, selection.files, found.parameters))
        summary[title] = {
            "n_terms": len(found.parameters),
            "errors": found.interpolation.errors / found.interpolation.errors[0],
            "converged": found.interpolation.converged,
        }
        if isinstance(selection.source, Entries):
            summary[title]["error_between_samples"] = selection.source.between()
    if case.validation is not None:
        drawn = case.domain.draw(case.validation.samples, case.validation.seed)
        lists.append(("validation", case.beside(case.validation.files), drawn))
        if case.validation.rhs_files is not None:
            lists.append(("validation_rhs", case.beside(case.validation.rhs_files), drawn))
    _check_distinct([pattern for _, pattern, _ in lists])
    for title, pattern, parameters in lists:
        written = write_list(pattern, case.domain.names, parameters, overwrite=overwrite)
        missing = [file.name for file in exported_paths(pattern, len(parameters)) if not file.exists()]
        entry = {"list": str(written), "parameters": parameters, "missing": missing}
        summary[title] = summary.get(title, {}) | entry
    return summary


def _check_distinct(patterns: Sequence[Path]) -> None:
    names = [list_path(pattern) for pattern in patterns]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise CaseError(f"two patterns have the list {twice[0]}; give them different names before the {{}}")


def build(path: Path, out: Path, say: Say, comm: Comm, *, overwrite: bool = False) -> OperatorModel:
    """Build a model from exported matrices and write its folder.

    Parameters
    ----------
    path: the case file.
    out: folder of the model.
    say: takes sentences about what is done.
    comm: the ranks; with several, PETSc holds the matrices.
    overwrite: replace an existing folder.

    Raises
    ------
    CaseError, InputError, ReaderError: wrong input. AccuracyError: constants that can not be computed.
    MissingPartError: several ranks without PETSc.
    """
    start = time.perf_counter()
    inputs = read_inputs(path)
    say(f"read {len(inputs.terms)} matrices of {inputs.terms[0].shape[0]} unknowns")
    check_terms(inputs, comm)
    stage = _Stage(inputs, comm)
    trained = stage.basis(say)
    model = OperatorModel(
        name=inputs.case.name,
        domain=inputs.case.domain,
        coefficients=inputs.coefficients,
        rhs_coefficients=inputs.rhs_coefficients,
        system=None if trained is None else trained.system,
        inverse=stage.inverse(say),
        logdet=stage.logdet(say),
        n_unknowns=int(inputs.terms[0].shape[0]),
        facts=stage.facts(time.perf_counter() - start),
        provenance={"versions": versions(), "created": now(), "inputs": digest_files(inputs.files)},
    )
    vectors = None if trained is None else stage.problem.algebra.whole(trained.basis)
    on_root(comm, lambda: write_operator_model(model, vectors, stage.norm_matrix, out, overwrite=overwrite))
    say(f"wrote {out}")
    return model


def build_summary(model: OperatorModel) -> dict[str, Any]:
    """Return what `--json` prints of a build."""
    summary: dict[str, Any] = {
        "name": model.name,
        "n_unknowns": model.n_unknowns,
        "n_terms": len(model.coefficients.parameters),
        "representation_converged": model.coefficients.interpolation.converged,
        "seconds": model.facts["seconds"],
    }
    if model.rhs_coefficients is not None:
        summary["n_rhs_terms"] = len(model.rhs_coefficients.parameters)
    if model.system is not None:
        summary["basis"] = {
            "n_modes": len(model.system.snapshots),
            "converged": model.system.statistics["converged"],
            "bound": model.system.history[-1],
            "history": model.system.history,
            "parameters": model.system.snapshots,
        }
    for name, found in (("inverse", model.inverse), ("logdet", model.logdet)):
        if found is not None:
            errors = found.powers.interpolation.errors
            summary[name] = {
                "n_factorisations": len(found.powers.parameters),
                "degree": found.powers.degree,
                "n_monomials": len(found.powers.exponents),
                "monomial_error": errors[-1],
                "measured_error": found.measured,
                "parameters": found.powers.parameters,
            }
    return summary


class _Stage:
    """What the parts of a model share while it is built; each is computed when it is first needed."""

    def __init__(self, inputs: Inputs, comm: Comm) -> None:
        self.inputs, self.case = inputs, inputs.case
        algebra = ScipyAlgebra() if comm.size == 1 else PetscAlgebra(comm, inputs.terms[0].shape[0])
        terms = inputs.terms if comm.size == 1 else [algebra.matrix(term) for term in inputs.terms]
        self.problem = FullProblem(
            algebra,
            self.case.domain,
            inputs.coefficients,
            terms,
            inputs.rhs_coefficients,
            algebra.vectors(inputs.rhs),
        )
        places = self.case.domain.scaled(np.vstack((inputs.coefficients.parameters, self.case.reference())))
        self.reference = int(np.argmin(np.linalg.norm(places[:-1] - places[-1], axis=1)))

    @cached_property
    def norm_matrix(self) -> Matrix | None:
        """X of the basis, None for the Euclidean norm."""
        return norm_matrix(self.inputs, self.reference)

    @cached_property
    def norm(self) -> Norm:
        """The norm of the basis."""
        matrix = None if self.norm_matrix is None else self.problem.algebra.matrix(self.norm_matrix)
        return Norm(self.problem.algebra, matrix)

    @cached_property
    def energy(self) -> Norm:
        """The norm of A at the reference."""
        if norm_kind(self.case) == "reference" and self.case.basis is not None:
            return self.norm
        name = self.case.domain.label(self.inputs.coefficients.parameters[self.reference])
        return Norm(self.problem.algebra, self.problem.terms[self.reference], f"A at {name}")

    @cached_property
    def forms(self) -> PositiveForms | None:
        """The constants of positive forms, checked against the matrices; None where the case does not say so."""
        if not self.case.positive:
            return None
        return positive_forms(self.problem, self.energy, self.reference)

    def basis(self, say: Say) -> Trained | None:
        """Train the reduced basis."""
        settings = self.case.basis
        if settings is None:
            return None
        outputs = output_rows(self.inputs)
        return train(
            self.problem,
            self.norm,
            self._certified(settings, say),
            self._training(settings.training),
            coercive=settings.problem == "coercive",
            tolerance=settings.tolerance,
            max_modes=settings.max_modes,
            outputs=None if outputs is None else self.problem.algebra.vectors(outputs.T).T,
            say=say,
        )

    def _training(self, count: int) -> Floats:
        """Return the parameters of the greedy search: the grid, or a part of it drawn without repetition."""
        grid = self.case.domain.training()
        if len(grid) <= count:
            return grid
        return grid[np.sort(np.random.default_rng(0).choice(len(grid), count, replace=False))]

    def _certified(self, settings: BasisTable, say: Say) -> Certified:
        coercive = settings.problem == "coercive"
        by_forms = self.forms if norm_kind(self.case) == "reference" else None
        kind = settings.constant or (("ratio" if by_forms else "scm") if coercive else "interpolation")
        constant: SuccessiveConstraints | PositiveForms | InterpolatedConstant
        if kind == "ratio" and by_forms is not None:
            constant = by_forms
        elif kind == "scm":
            constant = successive_constraints(self.problem, self.norm, self._training(settings.training))
            say(f"stability constant: {len(constant.constants)} successive constraints")
        else:
            constant = interpolated_constant(self.problem, self.norm, coercive=coercive)
        remainder = by_forms or measured_remainder(self.problem, self.norm)
        return Certified(constant, remainder, measured_rhs_remainder(self.problem, self.norm))

    def _powers(self, table: PowersTable) -> tuple[Powers, Floats, ErrorBound | None]:
        """Select the parameters of factorisations; return others for checks, and what bounds the errors."""
        domain, training = self.case.domain, self.case.domain.training()
        found = select_powers(
            self.inputs.coefficients,
            training,
            self.inputs.coefficients.parameters[self.reference],
            degree=table.degree,
            tolerance=table.tolerance,
            max_terms=table.max_terms,
        )
        error_bound = certify(self.problem, self.energy, found, self.forms) if self.forms is not None else None
        return found, domain.farthest(training, found.parameters, N_CHECKS), error_bound

    def inverse(self, say: Say) -> InverseModel | None:
        """Invert at the selected parameters."""
        table = self.case.inverse
        if table is None:
            return None
        powers, checks, error_bound = self._powers(table)
        say(f"inverses at {len(powers.parameters)} parameters")
        return inverse_model(
            self.inputs.terms,
            powers,
            self.case.domain,
            inverse_columns(self.inputs),
            self.inputs.rhs_coefficients,
            of_rhs=table.vectors == "rhs",
            checks=checks,
            error_bound=error_bound,
        )

    def logdet(self, say: Say) -> LogDetModel | None:
        """Factorise at the selected parameters."""
        if self.case.logdet is None:
            return None
        powers, checks, error_bound = self._powers(self.case.logdet)
        say(f"determinants at {len(powers.parameters)} parameters")
        return logdet_model(self.inputs.terms, powers, self.case.domain, checks=checks, error_bound=error_bound)

    def facts(self, seconds: float) -> dict[str, Any]:
        """Return what a report says of the build."""
        first = self.inputs.terms[0]
        return {
            "matrices": ("sparse" if sparse.issparse(first) else "dense")
            + (", complex" if np.iscomplexobj(first) else ", real"),
            "norm": norm_kind(self.case),
            "reference": self.inputs.coefficients.parameters[self.reference],
            "problem": self.case.basis.problem if self.case.basis is not None else "",
            "forms": "positive" if self.case.positive else "any",
            "seconds": seconds,
        }
