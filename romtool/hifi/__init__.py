"""The built-in high-fidelity solver."""
