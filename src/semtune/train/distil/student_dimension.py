"""How many dimensions the vectors of a student may have."""

from __future__ import annotations

from semtune.contract import Contract
from semtune.errors import ConfigError


def allowed_dimension(dimension: int | None, teacher: Contract, *, fewer: bool = False) -> int:
    """The dimension of a student: the one asked for, or else the teacher's.

    Args:
        dimension: asked for.
        teacher: whose dimension is the maximum.
        fewer: whether it must be below the teacher's.

    Raises:
        ConfigError: it is not between 1 and the maximum.
    """
    if dimension is None:
        return teacher.dimension
    most = teacher.dimension - fewer
    if not 0 < dimension <= most:
        bound = f"fewer than the teacher's {teacher.dimension}" if fewer else "the teacher's own dimension"
        raise ConfigError(f"--dim is {dimension}; allowed: 1 to {most}, {bound}.")
    return dimension
