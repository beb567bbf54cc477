"""Where compiled kernels are kept: a folder named by the sources they were compiled from.

Numba's own disk cache watches only the file of a cached function, not those of the functions it calls; a
change in one of these would leave old machine code in use.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent
COMPILED_PARTS = ("laws", "fem", "linalg", "reduced")


def kernel_folder() -> Path:
    """Return the folder for the present sources: beside them, or in the user's cache where that is read-only."""
    digest = hashlib.sha256()
    for part in COMPILED_PARTS:
        for path in sorted((ROOT / part).glob("*.py")):
            digest.update(path.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    if os.access(ROOT, os.W_OK):
        return ROOT / "__pycache__" / name
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "romtool" / name


def use_kernel_folder() -> None:
    """Tell numba to keep its compiled code there, unless the user chose a place; also where it is imported already.

    Its messages stay without colours, which colorama ends by a code on standard output, behind the JSON of a command.
    """
    os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
    os.environ.setdefault("NUMBA_CACHE_DIR", str(kernel_folder()))
    if "numba" in sys.modules:
        sys.modules["numba"].config.reload_config()


def remove_stale_kernels() -> None:
    """Remove the folders of earlier sources beside the present one."""
    present = kernel_folder()
    for folder in present.parent.glob("kernels-*"):
        if folder != present:
            shutil.rmtree(folder, ignore_errors=True)
