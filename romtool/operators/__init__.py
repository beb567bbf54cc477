"""Parameter-dependent linear systems from exported matrices: separated representation, reduced basis, powers."""
