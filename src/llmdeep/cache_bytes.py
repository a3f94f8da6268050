"""Bytes that a model keeps of a text while it generates: keys and values, latents, states.

Source:
    Per token 2 · layers · n_kv_heads · d_head numbers: Shazeer 2019, arXiv:1911.02150, for one key
    head; Ainslie et al. 2023, arXiv:2305.13245, for groups. Latent attention: DeepSeek-V2, 2024,
    arXiv:2405.04434, section 2.1. Windows: Mistral 7B, 2023, arXiv:2310.06825.
"""

from llmdeep.catalog import (
    Attention,
    LatentAttention,
    LinearAttention,
    Mixer,
    ModelDescription,
    StateSpace,
)
from llmdeep.terms import Term, Terms, product
from llmdeep.token_flops import convolution_weights, state_size


def cache_bytes(
    description: ModelDescription,
    n_tokens: int,
    bytes_per_number: float = 2,
    absorbed: bool = True,
    n_source: int = 0,
) -> Terms:
    """Bytes for one sequence of `n_tokens`, a term for each kind of layer.

    An encoder alone keeps nothing. States are counted at the same precision as keys and values,
    though some programs hold them in float32.

    Args:
        absorbed: Whether latent attention keeps its latent vectors, as it is meant to, or the keys
            and values expanded from them, as simple programs do.
        n_source: Positions of the encoder's output, where the model has an encoder.

    Raises:
        ValueError: If a length is negative or bytes_per_number is not positive.

    Examples:
        >>> from llmdeep.catalog import model
        >>> cache_bytes(model("Llama 3.1 8B").description, n_tokens=131_072).total / 2**30
        16.0
    """
    if n_tokens < 0 or n_source < 0 or not bytes_per_number > 0:
        raise ValueError("lengths must be 0 or more, and bytes_per_number above 0")
    kinds: dict[Mixer, int] = {}
    for layer, count in description.groups:
        if not isinstance(layer.mixer, Attention) or layer.mixer.causal:
            kinds[layer.mixer] = kinds.get(layer.mixer, 0) + count
    terms = []
    for mixer, layers in kinds.items():
        numbers, positions = cached_numbers(mixer, absorbed), held(mixer, n_tokens)
        terms.append(_term(mixer.name, layers, numbers, positions, bytes_per_number))
    crossing = [layer.cross for layer in description.layers if layer.cross]
    if crossing:
        numbers = cached_numbers(crossing[0])
        terms.append(_term("cross-attention", len(crossing), numbers, n_source, bytes_per_number))
    return Terms("bytes", tuple(terms))


def cached_numbers(mixer: Mixer, absorbed: bool = True) -> int:
    """Numbers that one layer keeps a token, or, of a recurrent layer, in all."""
    match mixer:
        case Attention():
            return 2 * mixer.n_kv_heads * mixer.d_head
        case LatentAttention() if absorbed:
            return mixer.kv_rank + mixer.d_rope
        case LatentAttention():
            return mixer.n_heads * (mixer.d_nope + mixer.d_rope + mixer.d_value)
        case StateSpace() | LinearAttention():
            return state_size(mixer) + convolution_weights(mixer)


def held(mixer: Mixer, n_tokens: int) -> int:
    """How many of `n_tokens` positions a layer keeps: all, its window's, or one state for all."""
    if isinstance(mixer, StateSpace | LinearAttention):
        return 1
    if isinstance(mixer, Attention) and mixer.window:
        return min(n_tokens, mixer.window)
    return n_tokens


def _term(name: str, layers: int, numbers: int, positions: int, each: float) -> Term:
    many = f"{positions:,} positions" if positions != 1 else "1"
    working = product(f"{layers:,} layers", f"{numbers:,} numbers", many, f"{each:g} bytes")
    total = layers * numbers * positions
    return Term(name, total * (int(each) if each == int(each) else each), working)
