"""Readers: solver files become `SolverResults` and `Deck`, in meshio's vocabulary."""
