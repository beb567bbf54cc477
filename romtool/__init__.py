"""Reduced-order modelling of nonlinear structural mechanics from the outputs of any solver."""

from romtool.kernel_cache import use_kernel_folder

__version__ = "0.1.0"

use_kernel_folder()
