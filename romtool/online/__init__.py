"""Answers to new load cases with a model alone."""
