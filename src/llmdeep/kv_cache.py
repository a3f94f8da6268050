"""The cache of keys and values: what attention needs of the positions that have been computed."""

from dataclasses import dataclass

import numpy as np

from llmdeep.model_config import Config
from llmdeep.shapes import Array, Float, Int


@dataclass
class Cache:
    """Keys and values of every layer, in room that was made once.

    Only the first `length` positions mean anything: appending writes after them, and forgetting
    the last ones takes no more than a smaller `length`.

    Attributes:
        padding: Filler tokens before each text of a batch; None if there are none.
    """

    keys: Float[Array, "layers *batch kv_heads capacity d_head"]
    values: Float[Array, "layers *batch kv_heads capacity d_head"]
    length: int = 0
    padding: Int[Array, "*batch"] | None = None

    @property
    def capacity(self) -> int:
        """Positions that there is room for."""
        return self.keys.shape[-2]


def empty_cache(config: Config, capacity: int | None = None, batch: tuple[int, ...] = ()) -> Cache:
    """Room for `capacity` positions (the longest text the model was made for, if None), in float32.

    Raises:
        ValueError: If capacity is less than 1.

    Examples:
        >>> tiny = Config(2, 8, 4, 2, d_head=2, d_ff=16, vocabulary_size=100, max_positions=64)
        >>> cache = empty_cache(tiny)
        >>> cache.keys.shape, (cache.keys.nbytes + cache.values.nbytes) // cache.capacity
        ((2, 2, 64, 2), 64)
    """
    c = config
    capacity = c.max_positions if capacity is None else capacity
    if capacity < 1:
        raise ValueError(f"a cache needs room for at least 1 position, not {capacity}")
    shape = (c.n_layers, *batch, c.n_kv_heads, capacity, c.d_head)
    return Cache(np.zeros(shape, np.float32), np.zeros(shape, np.float32))


def append(
    cache: Cache,
    layer: int,
    keys: Float[Array, "*batch kv_heads positions d_head"],
    values: Float[Array, "*batch kv_heads positions d_head"],
) -> tuple[
    Float[Array, "*batch kv_heads keys d_head"], Float[Array, "*batch kv_heads keys d_head"]
]:
    """Write a layer's new keys and values after the old ones, and return old and new together.

    `cache.length` stays: it grows once, when all layers have been written.
    """
    start, stop = cache.length, cache.length + keys.shape[-2]
    cache.keys[layer, ..., start:stop, :] = keys
    cache.values[layer, ..., start:stop, :] = values
    return cache.keys[layer, ..., :stop, :], cache.values[layer, ..., :stop, :]


def roll_back(cache: Cache, length: int) -> None:
    """Forget all positions from `length` on.

    Raises:
        ValueError: If the cache does not hold that many.
    """
    if not 0 <= length <= cache.length:
        raise ValueError(f"the cache holds {cache.length} positions; it cannot go back to {length}")
    cache.length = length
