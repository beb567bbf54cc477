"""Reduced-order modelling of nonlinear structural mechanics from the outputs of any solver."""

from typing import TYPE_CHECKING, Any

from romtool.kernel_cache import use_kernel_folder

if TYPE_CHECKING:
    from romtool.pipeline.interface import Load, Model, Result, load

__version__ = "0.1.0"
__all__ = ["Load", "Model", "Result", "__version__", "load"]

use_kernel_folder()


def __getattr__(name: str) -> Any:
    """Return `load`, `Load`, `Model` or `Result`, read when they are first asked for: `import romtool` stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'romtool' has no attribute {name!r}")
    from romtool.pipeline import interface

    return getattr(interface, name)
