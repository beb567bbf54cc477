"""Algorithms on arrays: proper orthogonal decomposition, empirical cubature, gappy reconstruction."""
