"""Finite elements of the source solvers: operators, loads, checks."""
