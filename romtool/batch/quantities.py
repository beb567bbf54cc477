"""Times and amounts of memory as schedulers write them."""

import re

from romtool.errors import InputError

MEGABYTE = 1e6
_UNITS = {"K": 1e-3, "M": 1.0, "G": 1e3, "T": 1e6}
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")


def megabytes(text: str) -> int:
    """Return the megabytes of "180G", "900M", or of a plain number of megabytes, rounded up.

    Raises
    ------
    InputError: no amount of memory.

    >>> megabytes("1.5G")
    1500
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not found:
        raise InputError(f"{text!r} is no amount of memory; give megabytes or e.g. 900M, 180G")
    return max(1, -int(-float(found[1]) * _UNITS[found[2].upper() or "M"] // 1))


def seconds(text: str) -> int:
    """Return the seconds of a time limit as Slurm reads it: "90" (minutes), "1:30:00", "20:00" (minutes), "2-00:00:00".

    Raises
    ------
    InputError: no time limit.

    >>> seconds("90"), seconds("1:30:00"), seconds("2-12")
    (5400, 5400, 216000)
    """
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise InputError(f"{text!r} is no time limit; give minutes, HH:MM:SS or D-HH:MM:SS")
    days, *given = found.groups()
    first, *rest = (int(part) for part in given if part is not None)
    if days is not None:
        parts = [first, *rest, 0, 0][:3]
    elif not rest:
        parts = [0, first, 0]
    else:
        parts = [first, *rest] if len(rest) == 2 else [0, first, *rest]
    total = 86400 * int(days or 0) + 3600 * parts[0] + 60 * parts[1] + parts[2]
    if total == 0:
        raise InputError(f"{text!r} is no time limit: it is zero; give minutes, HH:MM:SS or D-HH:MM:SS")
    return total


def clock(total: int) -> str:
    """Return seconds as Slurm's HH:MM:SS, with days where there are any.

    >>> clock(5400), clock(216000)
    ('01:30:00', '2-12:00:00')
    """
    days, rest = divmod(total, 86400)
    text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days}-{text}" if days else text
