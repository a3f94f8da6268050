"""What a pass of a decoder costs: multiply-adds, and bytes of keys and values kept.

Counted is what `llmdeep.transformer.forward` does. It compares every new position with every key,
also those that the mask then hides, and gives logits only where they are wanted.
"""

from math import prod

from llmdeep.model_config import Config, weight_shapes

FLOAT32 = 4  # bytes


def multiply_adds(config: Config, n_new: int, n_before: int = 0, n_answered: int = 1) -> int:
    """Multiply-adds of the matrix products in one pass; two FLOPs each.

    Args:
        n_new: Positions that are computed.
        n_before: Positions whose keys and values are in the cache.
        n_answered: Positions whose logits are wanted.

    Raises:
        ValueError: If a number of positions is negative.

    Examples:
        >>> tiny = Config(1, 8, 4, 2, d_head=2, d_ff=16, vocabulary_size=100, max_positions=64)
        >>> matrices(tiny), multiply_adds(tiny, n_new=1, n_before=9)
        (576, 1536)
    """
    if min(n_new, n_before, n_answered) < 0:
        raise ValueError("numbers of positions must be 0 or more")
    c = config
    compared = n_new * (n_before + n_new)
    attention = 2 * c.n_layers * c.n_heads * c.d_head * compared  # scores, and weighted values
    return n_new * matrices(c) + attention + n_answered * c.d_model * c.vocabulary_size


def matrices(config: Config) -> int:
    """Weights that every position is multiplied with: all matrices of the layers."""
    shapes = weight_shapes(config).items()
    return sum(prod(s) for name, s in shapes if name.startswith("layers.") and len(s) == 2)


def kept_bytes(config: Config, n_positions: int) -> int:
    """Bytes of keys and values of so many positions, in float32 as `llmdeep.kv_cache` has them."""
    return 2 * config.n_layers * config.n_kv_heads * config.d_head * n_positions * FLOAT32
