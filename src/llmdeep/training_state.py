"""What training keeps for every parameter, and how ZeRO spreads it over the data-parallel ranks.

Source:
    Rajbhandari et al. 2019, arXiv:1910.02054, section 3 and Figure 1.
"""

from llmdeep.terms import Term, Terms, product

STAGES = {
    0: "everything on every rank",
    1: "optimizer states split",
    2: "gradients split too",
    3: "weights split too",
}


def training_state_bytes(
    n_parameters: float,
    stage: int = 0,
    n_ranks: int = 1,
    weight: float = 2,
    gradient: float = 2,
    optimizer: float = 12,
) -> Terms:
    """Bytes on each rank for weights, gradients and optimizer states.

    The defaults are Adam in mixed precision: weights and gradients of 16 bits, and float32 master
    weights, first and second moments.

    Args:
        stage: ZeRO's, from 0 to 3; what FSDP calls full sharding is stage 3.
        n_ranks: Data-parallel ranks, over which a stage splits.
        weight, gradient, optimizer: Bytes a parameter.

    Raises:
        ValueError: If the stage is not 0 to 3, or a number is not positive.

    Examples:
        >>> [round(training_state_bytes(7.5e9, stage, 64).total / 1e9, 1) for stage in range(4)]
        [120.0, 31.4, 16.6, 1.9]
    """
    if stage not in STAGES:
        raise ValueError(f"ZeRO has stages 0, 1, 2 and 3; got {stage}")
    if not n_parameters > 0 or n_ranks < 1 or min(weight, gradient, optimizer) < 0:
        raise ValueError("there must be parameters and ranks, and bytes can't be negative")
    parts = (("weights", weight, 3), ("gradients", gradient, 2), ("optimizer states", optimizer, 1))
    terms = []
    for name, size, split_from in parts:
        ranks = n_ranks if stage >= split_from else 1
        working = product(f"{n_parameters:,.0f}", f"{size:g} bytes")
        working += f" / {ranks:,} ranks" if ranks > 1 else ""
        terms.append(Term(name, n_parameters * size / ranks, working))
    return Terms("bytes", tuple(terms))
