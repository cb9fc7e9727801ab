"""How many CPU cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return how many cores are there for this process: those it may run on, or fewer if a container's share is less.

    A container is often given a share of the machine's time, which the number of cores does not show.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = container_share(_CGROUP)
    return cores if share is None else max(1, min(cores, int(share)))


def container_share(folder: Path) -> float | None:
    """Return to how many cores' time Linux limits the container, None if it does not.

    Args:
        folder: Where the control groups are shown, of version 2 or 1.
    """
    try:
        if (unified := folder / "cpu.max").exists():
            quota, period = unified.read_text().split()
        else:
            quota, period = ((folder / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        share = float(quota) / float(period)  # quota is "max", or -1, where there is no limit
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return share if share > 0 else None
