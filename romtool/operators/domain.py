"""The range of the parameters of an operator: training grid, draws, and the check that a value lies inside."""

from dataclasses import dataclass

import numpy as np

from romtool.errors import InputError
from romtool.types import Floats

SLACK = 1e-12
"""A value outside its range by this part of it is one that was rounded."""


@dataclass(frozen=True)
class Domain:
    """A box of parameters.

    Parameters
    ----------
    names: of the components.
    lower, upper: (p,) float ends of the ranges.
    samples: (p,) training values along each component.
    spacing: (p,) "linear" or "log".
    """

    names: tuple[str, ...]
    lower: Floats
    upper: Floats
    samples: tuple[int, ...]
    spacing: tuple[str, ...]

    def training(self) -> Floats:
        """Return the (n, p) parameters of the full grid, the last component fastest."""
        axes = [self._along(i, np.linspace(0.0, 1.0, count)) for i, count in enumerate(self.samples)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))

    def draw(self, count: int, seed: int) -> Floats:
        """Return (count, p) parameters drawn uniformly (in the logarithm for spacing "log")."""
        fractions = np.random.default_rng(seed).random((count, len(self.names)))
        return np.stack([self._along(i, column) for i, column in enumerate(fractions.T)], axis=1)

    def middle(self) -> Floats:
        """Return the (p,) centre of the ranges, geometric for spacing "log"."""
        return np.array([self._along(i, np.array([0.5]))[0] for i in range(len(self.names))])

    def scaled(self, parameters: Floats) -> Floats:
        """Return (n, p) parameters in the unit box, logarithmically for spacing "log"."""
        columns = []
        for i, values in enumerate(parameters.T):
            low, high = self.lower[i], self.upper[i]
            if self.spacing[i] == "log":
                values, low, high = np.log(values), np.log(low), np.log(high)
            columns.append((values - low) / (high - low))
        return np.stack(columns, axis=1)

    def farthest(self, candidates: Floats, known: Floats, count: int) -> Floats:
        """Return (count, p) of the (n, p) candidates, each as far as possible from all known and those before it."""
        places, taken = self.scaled(candidates), self.scaled(known)
        distances = np.min([np.linalg.norm(places - place, axis=1) for place in taken], axis=0)
        chosen: list[int] = []
        for _ in range(count):
            chosen.append(int(np.argmax(distances)))
            distances = np.minimum(distances, np.linalg.norm(places - places[chosen[-1]], axis=1))
        return candidates[chosen]

    def label(self, parameter: Floats) -> str:
        """Return "k = 3, eta = 1" for a (p,) parameter."""
        return ", ".join(f"{name} = {value:.6g}" for name, value in zip(self.names, parameter, strict=True))

    def check(self, parameters: Floats) -> None:
        """Check (n, p) parameters.

        Raises
        ------
        InputError: one that is not finite or outside its range, named.
        """
        if parameters.ndim != 2 or parameters.shape[1] != len(self.names):
            raise InputError(
                f"parameters of shape {parameters.shape}; expected (n, {len(self.names)}) for {', '.join(self.names)}"
            )
        slack = SLACK * (self.upper - self.lower)
        inside = (parameters >= self.lower - slack) & (parameters <= self.upper + slack)
        if not inside.all():
            row, i = np.argwhere(~inside)[0]
            raise InputError(
                f"{self.names[i]} = {parameters[row, i]:g} is outside the range {self.lower[i]:g} to {self.upper[i]:g}"
                " of the case; give a value inside, or widen the range and select anew"
            )

    def _along(self, i: int, fractions: Floats) -> Floats:
        """Return the values of a component at (n,) fractions of its range."""
        low, high = self.lower[i], self.upper[i]
        if self.spacing[i] == "linear":
            return low + (high - low) * fractions
        values = low * (high / low) ** fractions
        return np.clip(values, low, high)
