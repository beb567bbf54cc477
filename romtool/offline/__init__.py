"""Training: bases, reduced quadrature, gappy operators, a complete model."""
