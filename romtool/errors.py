"""Errors of romtool: one root, each also a builtin, each with an exit code of the command line.

A message says what was found, what was expected and what to do about it, in one line.
"""


class RomtoolError(Exception):
    """Root of all errors that romtool raises on purpose; `code` is the exit code of the command."""

    code = 1


class InputError(RomtoolError, ValueError):
    """Wrong input: a file, a key, a value (exit code 2)."""

    code = 2


class CaseError(InputError):
    """A case, load or study file that does not say what is needed."""


class ReaderError(InputError):
    """A solver file that is missing, truncated, or not what its name says."""


class MeshError(InputError):
    """A mesh that cannot be used: inverted elements, sets out of range, unsupported elements."""


class LawError(InputError):
    """A material law that does not exist or a parameter out of its range."""


class ModelError(InputError):
    """A dataset, model or result folder that is absent, damaged, or of another mesh."""


class ConvergenceError(RomtoolError, ArithmeticError):
    """An iteration that did not converge; the message names time, residuals and what to try."""


class AccuracyError(RomtoolError, ArithmeticError):
    """A result that failed its own check (orthonormality, volume, residual)."""


class MissingPartError(RomtoolError, ImportError):
    """An optional package that is not installed; the message says how to get it (exit code 3)."""

    code = 3


class StoppedError(RomtoolError):
    """A run that was asked to stop and can go on (exit code 75, which batch scripts requeue on)."""

    code = 75
