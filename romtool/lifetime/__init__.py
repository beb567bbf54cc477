"""Lifetime of points under cyclic load: measures of a cycle, models of damage, sums. Arrays in, arrays out."""
