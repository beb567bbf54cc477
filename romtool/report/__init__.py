"""Figures, pictures and the self-contained page."""
