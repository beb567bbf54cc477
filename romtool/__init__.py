"""Reduced-order modelling of nonlinear structural mechanics from the outputs of any solver."""

__version__ = "0.1.0"
