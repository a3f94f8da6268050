"""Learned numbers of any described model: by part, in all, and those that work on one token.

Every count is the sum of the shapes of the arrays that the published code creates; a test compares
it with models built by that code.
"""

from collections import Counter, defaultdict

from llmdeep.catalog import (
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Layer,
    LinearAttention,
    Mixer,
    ModelDescription,
    StateSpace,
)
from llmdeep.terms import Term, Terms, product

NAMES = {
    Attention: "attention",
    LatentAttention: "attention",
    StateSpace: "state space",
    LinearAttention: "linear attention",
}


def model_parameters(description: ModelDescription, active: bool = False) -> Terms:
    """Parameters by part. With `active`, only the experts that one token passes through count.

    Active counts as published differ in whether they include the embedding, of which a token reads
    one row: it is a term of its own here, to keep or to leave out.

    Examples:
        >>> from llmdeep.catalog import model
        >>> model_parameters(model("Llama 3.1 8B").description).total
        8030261248
        >>> mixtral = model("Mixtral 8x7B").description
        >>> model_parameters(mixtral).total, model_parameters(mixtral, active=True).total
        (46702792704, 12879925248)
    """
    d, width = description.d_model, _norm_size(description)
    terms = [Term("embedding", description.vocabulary * d, product(description.vocabulary, d))]
    if description.learned_positions:
        working = product(description.learned_positions, d)
        terms.append(Term("positions", description.learned_positions * d, working))
    counted: dict[tuple[str, int], int] = defaultdict(int)  # (part, size in one layer) → layers
    for layer, count in (*Counter(description.encoder).items(), *description.groups):
        for part, size in layer_parameters(layer, d, width, active).items():
            counted[part, size] += count
    terms += [
        Term(part, size * layers, f"{layers:,} layers × {size:,}")
        for (part, size), layers in counted.items()
    ]
    if description.norms_outside:
        outside = description.norms_outside * width
        terms.append(Term("norms", outside, f"outside the layers: {outside:,}"))
    terms += [Term(name, size) for name, size in description.tables]
    if not description.tied:
        terms.append(Term("unembedding", description.vocabulary * d, terms[0].working))
    return Terms("parameters", tuple(terms))


def layer_parameters(layer: Layer, d_model: int, norm: int, active: bool = False) -> dict[str, int]:
    """One layer's parameters by part; `norm` is the size of one norm. Empty parts are left out."""
    parts = {NAMES[type(layer.mixer)]: mixer_parameters(layer.mixer, d_model)}
    if layer.cross:
        parts["cross-attention"] = mixer_parameters(layer.cross, d_model)
    if isinstance(layer.feed_forward, Experts):
        parts |= expert_parameters(layer.feed_forward, d_model, active)
    elif layer.feed_forward:
        parts["feed-forward"] = feed_forward_parameters(layer.feed_forward, d_model)
    parts["norms"] = layer.norms * norm
    return {part: size for part, size in parts.items() if size}


def mixer_parameters(mixer: Mixer, d_model: int) -> int:
    """Parameters of what mixes positions, norms inside it included."""
    return mixer_matrices(mixer, d_model) + _beside_matrices(mixer, d_model)


def feed_forward_parameters(feed: FeedForward, d_model: int) -> int:
    """Two matrices, three if gated, with a bias each where there are any."""
    matrices = (3 if feed.gated else 2) * d_model * feed.d_ff
    return matrices + feed.biases * ((2 if feed.gated else 1) * feed.d_ff + d_model)


def expert_parameters(experts: Experts, d_model: int, active: bool = False) -> dict[str, int]:
    """Routed experts (all, or those of one token), shared ones, and the router."""
    one = feed_forward_parameters(FeedForward(experts.d_ff, biases=experts.biases), d_model)
    router = experts.n_experts * (d_model + experts.biases + experts.selection_bias)
    return {
        "experts": (experts.top_k if active else experts.n_experts) * one,
        "shared experts": 3 * d_model * experts.d_shared,
        "router": router + experts.shared_gate * d_model,
    }


def mixer_matrices(mixer: Mixer, d_model: int) -> int:
    """Weights of the matrices that each token is multiplied with; FLOPs are twice as many."""
    m = mixer
    match m:
        case Attention():
            queries, keys = m.n_heads * m.d_head, m.n_kv_heads * m.d_head
            return d_model * ((2 + m.gate) * queries + 2 * keys)
        case LatentAttention():
            queries, values = m.n_heads * (m.d_nope + m.d_rope), m.n_heads * m.d_value
            make_queries = (m.query_rank or d_model) * queries + d_model * (m.query_rank or 0)
            expand = m.kv_rank * (m.n_heads * m.d_nope + values)
            return make_queries + d_model * (m.kv_rank + m.d_rope) + expand + values * d_model
        case StateSpace():
            select = m.d_inner * (m.step_rank + 2 * m.d_state) + m.step_rank * m.d_inner
            return 3 * d_model * m.d_inner + select
        case LinearAttention():
            keys, values = m.n_key_heads * m.d_key, m.n_value_heads * m.d_value
            return d_model * (2 * keys + 3 * values + 2 * m.n_value_heads)


def _beside_matrices(mixer: Mixer, d_model: int) -> int:
    """A mixer's other parameters: biases, gains, convolutions and what a recurrence has."""
    m = mixer
    match m:
        case Attention():
            biases = m.qkv_bias * (m.n_heads + 2 * m.n_kv_heads) * m.d_head
            one_a_head = m.n_heads * (m.sinks + m.relative_buckets)
            return biases + m.output_bias * d_model + m.head_norms * m.d_head + one_a_head
        case LatentAttention():
            query_rank = m.query_rank or 0
            biases = query_rank + m.kv_rank + m.d_rope + d_model
            return query_rank + m.kv_rank + m.biases * biases
        case StateSpace():
            biases = m.projection_bias * (2 * m.d_inner + d_model)
            inside = m.inner_norms * (m.step_rank + 2 * m.d_state)
            a_channel = m.d_conv + m.convolution_bias + m.d_state + 2  # filter, A, D, step's bias
            return biases + inside + m.d_inner * a_channel
        case LinearAttention():
            channels = 2 * m.n_key_heads * m.d_key + m.n_value_heads * m.d_value
            return channels * m.d_conv + 2 * m.n_value_heads + m.d_value


def _norm_size(description: ModelDescription) -> int:
    return description.d_model * (2 if description.norm == "layer" else 1)
