"""Bytes that each rank sends in one training step, for every way of splitting the work.

A ring moves V bytes to n ranks by sending (n − 1)/n · V from each for a gather or a scatter of
sums, and twice that for an all-reduce, which is one after the other.

Source:
    Shoeybi et al. 2019, arXiv:1909.08053 (tensor); Korthikanti et al. 2022, arXiv:2205.05198
    (sequence); Rajbhandari et al. 2019, arXiv:1910.02054 (data, ZeRO); Narayanan et al. 2021,
    arXiv:2104.04473 (pipeline); Liu et al. 2023, arXiv:2310.01889 (ring attention).
"""

from llmdeep.catalog import Attention, Experts, ModelDescription
from llmdeep.terms import Term, Terms, product


def all_gather(size: float, n_ranks: int) -> float:
    """Bytes a rank sends so that everyone has all `size` bytes, of which each held its share.

    Examples:
        >>> all_gather(8e9, 8), all_reduce(8e9, 8)
        (7000000000.0, 14000000000.0)
    """
    if n_ranks < 1:
        raise ValueError(f"n_ranks must be at least 1, got {n_ranks}")
    return size * (n_ranks - 1) / n_ranks


def all_reduce(size: float, n_ranks: int) -> float:
    """Bytes a rank sends so that everyone has the sum: scatter the sums, then gather them."""
    return 2 * all_gather(size, n_ranks)


def data_parallel(n_parameters: float, n_ranks: int, stage: int = 0, each: float = 2) -> Terms:
    """A step's gradients, and with ZeRO's stage 3 the weights, gathered once each way."""
    gathered = all_gather(n_parameters * each, n_ranks)
    terms = [Term("gradients, scattered as sums", gathered, f"{n_ranks:,} ranks")]
    if stage == 3:
        terms.append(Term("weights, forward", gathered))
        terms.append(Term("weights, backward", gathered))
    else:
        terms.append(Term("gradients or weights, gathered", gathered))
    return Terms("bytes", tuple(terms))


def tensor_parallel(
    description: ModelDescription, n_tokens: int, n_ranks: int, each: float = 2
) -> Terms:
    """Two all-reduces a layer forward and two backward, of all positions' vectors.

    Sequence parallelism puts a gather and a scatter in the place of each: as many bytes.
    """
    size = n_tokens * description.d_model * each
    moved = 2 * len(description.layers) * all_reduce(size, n_ranks)
    working = product(f"{len(description.layers)} layers", "2 all-reduces", f"{size:,.0f} bytes")
    return Terms("bytes", (Term("forward", moved, working), Term("backward", moved, working)))


def pipeline_parallel(
    description: ModelDescription, n_tokens: int, n_stages: int, each: float = 2
) -> Terms:
    """What a stage in the middle hands on, and its gradients back; nothing with one stage."""
    size = n_tokens * description.d_model * each if n_stages > 1 else 0.0
    return Terms("bytes", (Term("forward", size), Term("backward", size)))


def expert_parallel(
    description: ModelDescription, n_tokens: int, n_ranks: int, each: float = 2
) -> Terms:
    """Tokens go to the ranks of their experts and come back: twice forward, twice backward.

    `n_tokens` are a rank's own; experts are chosen evenly, so that (n − 1)/n of them are elsewhere.
    """
    routed = sum(
        layer.feed_forward.top_k
        for layer in description.layers
        if isinstance(layer.feed_forward, Experts)
    )
    size = all_gather(n_tokens * routed * description.d_model * each, n_ranks)
    names = ("dispatch", "combine", "combine's gradients", "dispatch's gradients")
    return Terms("bytes", tuple(Term(name, size) for name in names))


def ring_attention(
    description: ModelDescription, n_tokens: int, n_ranks: int, each: float = 2
) -> Terms:
    """Keys and values travel once round the ring forward; backward, their gradients with them.

    `n_tokens` is the whole sequence, of which each rank holds its share.

    Raises:
        ValueError: If a layer is not attention with keys and values.
    """
    numbers = 0
    for layer in description.layers:
        if not isinstance(layer.mixer, Attention):
            raise ValueError(f"a ring passes keys and values; {layer.mixer.name} has none to pass")
        numbers += 2 * layer.mixer.n_kv_heads * layer.mixer.d_head
    size = all_gather(n_tokens * numbers * each, n_ranks)
    return Terms("bytes", (Term("forward", size), Term("backward", 2 * size)))


def pipeline_bubble(n_stages: int, n_micro_batches: int, n_chunks: int = 1) -> float:
    """Idle time as a share of the ideal time, (p − 1)/(v m); of all time it is x / (1 + x).

    Examples:
        >>> bubble = pipeline_bubble(8, 32)
        >>> round(bubble, 3), round(bubble / (1 + bubble), 3)
        (0.219, 0.179)
    """
    if min(n_stages, n_micro_batches, n_chunks) < 1:
        raise ValueError("stages, micro-batches and chunks must be at least 1")
    return (n_stages - 1) / (n_chunks * n_micro_batches)
