"""What is counted about models, against programs that really allocate, multiply and keep it."""

import math
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PretrainedConfig,
    StaticCache,
)

from llmdeep.activation_memory import activation_bytes
from llmdeep.cache_bytes import cache_bytes
from llmdeep.catalog import (
    Attention,
    FeedForward,
    LatentAttention,
    Layer,
    ModelDescription,
    model,
    read_config,
)
from llmdeep.link_bytes import (
    all_gather,
    all_reduce,
    data_parallel,
    expert_parallel,
    pipeline_bubble,
    pipeline_parallel,
    ring_attention,
    tensor_parallel,
)
from llmdeep.parameter_counts import model_parameters
from llmdeep.roofline import bound, experts_read, operations, roofline_seconds
from llmdeep.scaling_laws import (
    APPROACH_1,
    APPROACH_2,
    FITS,
    KAPLAN,
    PF_DAY,
    REFIT,
    ROUNDED,
    UNROUNDED,
    compute_for,
    extra_compute,
    kaplan_loss,
    loss,
    optimum,
)
from llmdeep.token_flops import forward_flops, keys_seen, sequence_flops, training_flops
from llmdeep.training_state import training_state_bytes
from llmdeep.weight_bytes import FORMATS, weight_bytes

BASE = {
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 100,
    "max_position_embeddings": 128,
}
SMALL: dict[str, dict[str, Any]] = {
    "llama": BASE,
    "gpt2": {"n_layer": 3, "n_embd": 32, "n_head": 4, "vocab_size": 64, "n_positions": 64},
    "falcon": {k: v for k, v in BASE.items() if k != "intermediate_size"} | {"multi_query": True},
    "mistral": BASE | {"sliding_window": 8},
    "gemma3_text": BASE | {"sliding_window": 8, "head_dim": 16, "num_hidden_layers": 7},
    "gpt_oss": BASE
    | {"sliding_window": 8, "num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 16},
    "deepseek_v3": BASE
    | {
        "num_key_value_heads": 4,
        "q_lora_rank": 24,
        "kv_lora_rank": 16,
        "qk_nope_head_dim": 12,
        "qk_rope_head_dim": 8,
        "v_head_dim": 20,
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "n_shared_experts": 1,
        "moe_intermediate_size": 24,
        "first_k_dense_replace": 1,
        "n_group": 2,
        "topk_group": 1,
    },
    "mamba": {"num_hidden_layers": 3, "hidden_size": 40, "vocab_size": 50, "state_size": 8},
    "jamba": BASE
    | {"num_hidden_layers": 9, "num_experts": 4, "num_experts_per_tok": 2, "mamba_dt_rank": 8},
    "qwen3_next": BASE
    | {
        "num_hidden_layers": 8,
        "head_dim": 32,
        "num_experts": 6,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 24,
        "shared_expert_intermediate_size": 40,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 24,
        "linear_conv_kernel_dim": 4,
    },
    "t5": {
        "num_layers": 2,
        "num_decoder_layers": 3,
        "d_model": 32,
        "num_heads": 4,
        "d_kv": 12,
        "d_ff": 48,
        "vocab_size": 64,
    },
}
WINDOWED = ("mistral", "gemma3_text", "gpt_oss")
N_TOKENS, N_SOURCE, FLOAT32 = 20, 13, 4


def described(kind: str) -> ModelDescription:
    return read_config({"model_type": kind} | SMALL[kind])


def allocated(holder: Any, seen: set[int] | None = None) -> int:
    """Bytes of all tensors within an object, but for counters of a few numbers."""
    seen = set() if seen is None else seen
    if torch.is_tensor(holder):
        new = id(holder) not in seen and holder.numel() > 4
        seen.add(id(holder))
        return holder.numel() * holder.element_size() if new else 0
    if isinstance(holder, dict):
        return sum(allocated(item, seen) for item in holder.values())
    if isinstance(holder, list | tuple):
        return sum(allocated(item, seen) for item in holder)
    if isinstance(holder, PretrainedConfig) or not hasattr(holder, "__dict__"):
        return 0
    return allocated(vars(holder), seen)


def real_cache(kind: str) -> int:
    """Bytes that transformers holds of a text of N_TOKENS, in float32."""
    torch.manual_seed(0)
    builder = AutoModelForSeq2SeqLM if kind == "t5" else AutoModelForCausalLM
    net = builder.from_config(CONFIG_MAPPING[kind](**SMALL[kind])).eval()
    inputs = {"input_ids": torch.ones(1, N_TOKENS, dtype=torch.int64)}
    if kind == "t5":
        inputs = {"decoder_input_ids": inputs["input_ids"]}
        inputs["input_ids"] = torch.ones(1, N_SOURCE, dtype=torch.int64)
    with torch.no_grad():
        answer = net(**inputs, use_cache=True)
    return allocated(answer.cache_params if kind == "mamba" else answer.past_key_values)


class TestCache:
    @pytest.mark.parametrize("kind", [kind for kind in SMALL if kind not in WINDOWED])
    def test_it_is_what_transformers_allocates(self, kind):
        counted = cache_bytes(described(kind), N_TOKENS, FLOAT32, n_source=N_SOURCE)
        assert counted.total == real_cache(kind)

    @pytest.mark.parametrize("kind", WINDOWED)
    def test_windows_are_what_transformers_allocates_in_advance(self, kind):
        config = CONFIG_MAPPING[kind](**SMALL[kind])
        static = StaticCache(config=config, max_cache_len=N_TOKENS)
        heads, width = config.num_key_value_heads, getattr(config, "head_dim", None) or 16
        static.early_initialization(1, heads, width, torch.float32, torch.device("cpu"))
        tensors = [t for layer in static.layers for t in (layer.keys, layer.values)]
        assert cache_bytes(described(kind), N_TOKENS, FLOAT32).total == allocated(tensors)

    @pytest.mark.parametrize("kind", WINDOWED)
    def test_between_two_steps_a_window_lacks_the_position_to_come(self, kind):
        mixers = [layer.mixer for layer in described(kind).layers]
        one_each = sum(2 * m.n_kv_heads * m.d_head * FLOAT32 for m in mixers if m.window)
        counted = cache_bytes(described(kind), N_TOKENS, FLOAT32).total
        assert counted - real_cache(kind) == one_each > 0

    @pytest.mark.parametrize(
        ("name", "each_token"),
        [
            ("Llama 3.1 8B", 131_072),
            ("Llama 3.1 70B", 327_680),
            ("Llama 3.1 405B", 516_096),
            ("Qwen2.5 72B", 327_680),
            ("DeepSeek-V3 / R1", 70_272),
        ],
    )
    def test_published_bytes_a_token(self, name, each_token):
        """arXiv:2505.09343, Table 1, prints the last three in kilobytes."""
        assert cache_bytes(model(name).description, 1000).total == 1000 * each_token

    def test_expanded_latents_are_keys_and_values_of_all_heads(self):
        expanded = cache_bytes(described("deepseek_v3"), 10, 2, absorbed=False)
        assert expanded.total == 4 * 10 * 2 * 4 * (12 + 8 + 20)

    def test_a_length_below_zero_is_refused(self):
        with pytest.raises(ValueError, match="0 or more"):
            cache_bytes(described("llama"), -1)


class TestFlops:
    @pytest.mark.parametrize("kind", ["llama", "gpt2", "falcon", "deepseek_v3"])
    def test_products_are_those_that_torch_counts(self, kind):
        """torch counts all pairs of positions, masked ones too; the causal count is of half."""
        values = SMALL[kind] | ({"first_k_dense_replace": 9} if kind == "deepseek_v3" else {})
        description = read_config({"model_type": kind} | values)
        config = CONFIG_MAPPING[kind](**values)
        net = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            net(input_ids=torch.ones(1, N_TOKENS, dtype=torch.int64), use_cache=False)
        counted = {str(op): n for op, n in counter.get_flop_counts()["Global"].items()}
        ours = sequence_flops(description, N_TOKENS)
        attention = ours["attention over positions"]
        matrices = sum(n for op, n in counted.items() if "mm" in op and "bmm" not in op)
        assert ours.total - attention == matrices
        products = sum(n for op, n in counted.items() if "bmm" in op)
        assert attention * 2 * N_TOKENS / (N_TOKENS + 1) == products

    def test_a_sequence_is_its_tokens_one_by_one(self):
        for kind in ("llama", "gemma3_text", "mamba", "jamba", "qwen3_next", "deepseek_v3"):
            one_by_one = [forward_flops(described(kind), n).total for n in range(1, 31)]
            assert sequence_flops(described(kind), 30).total == sum(one_by_one)
            after = sequence_flops(described(kind), 10, n_cached=20).total
            assert after == sum(one_by_one[20:])

    def test_keys_seen_are_counted_one_by_one(self):
        for window in (1, 5, 12, math.inf):
            expected = sum(min(i, window) for i in range(8, 21))
            assert keys_seen(13, n_cached=7, window=window) == expected

    def test_two_flops_a_weight_and_six_to_train(self):
        gpt3 = model("GPT-3 175B").description
        weights = model_parameters(gpt3)
        matrices = 12 * 96 * 12288**2
        forward = forward_flops(gpt3, 1024.5)
        head = weights["embedding"]
        assert forward.total - forward["attention over positions"] == 2 * (matrices + head)
        share = forward["attention over positions"] / (2 * matrices)
        assert share == pytest.approx(0.014, abs=1e-3)  # of 2N, on average over 2,048 tokens
        training = training_flops(gpt3, 2048)
        assert training.total == 3 * sequence_flops(gpt3, 2048).total
        full = training_flops(gpt3, 2048, "full")
        assert full.total / training.total == pytest.approx(4 / 3)

    def test_attention_of_an_8b_model_at_128k_exceeds_its_matrices(self):
        """The term 4 L T d_attn against 2N at T = 131,072: 214% of the average over positions."""
        llama = model("Llama 3.1 8B").description
        flops = sequence_flops(llama, 131_072)
        attention = flops["attention over positions"]
        assert attention / (flops.total - attention) == pytest.approx(2.29, abs=0.01)

    def test_an_encoder_decoder_is_refused(self):
        with pytest.raises(ValueError, match="two lengths"):
            forward_flops(described("t5"), 5)
        with pytest.raises(ValueError, match="recompute must be"):
            training_flops(described("llama"), 5, "half")


class TestWeights:
    @pytest.mark.parametrize(
        ("name", "bits"),
        [
            ("mxfp4", 4.25), ("mxfp6", 6.25), ("mxfp8", 8.25), ("nvfp4", 4.5), ("nf4", 4.5),
            ("nf4, double", 4.127), ("Q8_0", 8.5), ("Q6_K", 6.5625), ("Q5_K", 5.5),
            ("Q4_K", 4.5), ("Q3_K", 3.4375), ("Q2_K", 2.625), ("int4, groups of 128", 4.125),
        ],
    )  # fmt: skip
    def test_bits_a_weight_with_scales(self, name, bits):
        assert FORMATS[name].bits_per_weight == pytest.approx(bits, abs=5e-4)

    def test_qlora_memory_of_70b(self):
        """The linear layers alone are 35.3 GB; 16-bit embedding and head make it 39.5 GB."""
        llama3 = weight_bytes(model("Llama 3 70B").description, "nf4, double")
        assert round((llama3["attention"] + llama3["feed-forward"]) / 1e9, 1) == 35.3
        assert round((llama3["embedding"] + llama3["unembedding"]) / 1e9, 1) == 4.2
        assert round(llama3.total / 1e9, 1) == 39.5

    @pytest.mark.parametrize(
        ("name", "gigabytes"), [("mxfp4", 216), ("nvfp4", 228), ("int4, groups of 128", 209)]
    )
    def test_405b_in_four_bits_is_not_203_gb(self, name, gigabytes):
        llama = model("Llama 3.1 405B").description
        assert round(weight_bytes(llama, name, kept=()).total / 1e9) == gigabytes

    def test_sixteen_bits_are_two_bytes_everywhere(self):
        llama = model("Llama 2 7B").description
        assert weight_bytes(llama, "bf16").total == 2 * model_parameters(llama).total
        with pytest.raises(ValueError, match="not one of fp32"):
            weight_bytes(llama, "fp5")


class TestTrainingState:
    def test_the_papers_example(self):
        """Rajbhandari et al., Figure 1: 7.5 billion parameters on 64 ranks."""
        printed = [120.0, 31.4, 16.6, 1.9]
        counted = [training_state_bytes(7.5e9, stage, 64).total / 1e9 for stage in range(4)]
        assert [round(gigabytes, 1) for gigabytes in counted] == printed

    def test_sixteen_bytes_a_parameter_and_what_a_70b_model_needs(self):
        total = training_state_bytes(model_parameters(model("Llama 3 70B").description).total).total
        assert round(total / 1e12, 2) == 1.13
        assert math.ceil(total / 80e9) == 15

    @pytest.mark.parametrize("given", [{"stage": 4}, {"n_ranks": 0}, {"weight": -1}])
    def test_what_can_not_be_is_refused(self, given):
        with pytest.raises(ValueError, match=r"ZeRO has stages|there must be"):
            training_state_bytes(1e9, **given)


def plain(d: int, heads: int, layers: int = 1, kv_heads: int | None = None, gated: bool = False):
    """A description with GPT-3's layer, or with grouped queries and SwiGLU."""
    attention = Attention(heads, kv_heads or heads, d // heads)
    layer = Layer(attention, FeedForward(4 * d, gated=gated))
    return ModelDescription("test", d, 1000, 2048, (layer,) * layers, True, "layer")


def weight(d_in, d_out):
    return torch.randn(d_in, d_out, dtype=torch.bfloat16, requires_grad=True)


@contextmanager
def kept_bytes(weights, at_least):
    """Bytes of what autograd keeps, weights and arrays of fewer numbers left out: a list of one."""
    stored: dict[tuple[int, torch.dtype], int] = {}
    own = {tensor.untyped_storage().data_ptr() for tensor in weights}
    alive, total = [], []

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and tensor.numel() >= at_least:
            stored[storage.data_ptr(), tensor.dtype] = storage.nbytes()
        alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield total
    total.append(sum(stored.values()))


def kept_by_torch(d, heads, kv_heads, sequence, batch, gated, dropout) -> int:
    """Bytes of activations that autograd keeps while one layer runs in bfloat16."""
    torch.manual_seed(0)
    width = d // heads
    sizes = {"q": (d, d), "k": (d, kv_heads * width), "v": (d, kv_heads * width), "o": (d, d)}
    sizes |= {"up": (d, 4 * d), "gate": (d, 4 * d), "down": (4 * d, d)}
    w = {name: weight(*size) for name, size in sizes.items()}
    x = torch.randn(batch, sequence, d, dtype=torch.bfloat16, requires_grad=True)

    def drop(t):
        return torch.ops.aten.native_dropout(t, 0.1, True)[0] if dropout else t

    with kept_bytes(w.values(), at_least=batch * sequence * 4) as total:
        y = torch.nn.functional.layer_norm(x, (d,))
        groups = heads // kv_heads
        q = (y @ w["q"]).view(batch, sequence, kv_heads, groups, width)
        q = q.permute(0, 2, 3, 1, 4).reshape(batch, kv_heads, groups * sequence, width)
        k = (y @ w["k"]).view(batch, sequence, kv_heads, width).transpose(1, 2)
        v = (y @ w["v"]).view(batch, sequence, kv_heads, width).transpose(1, 2)
        mixed = drop((q @ k.transpose(-1, -2) * width**-0.5).softmax(-1)) @ v
        mixed = mixed.view(batch, kv_heads, groups, sequence, width).permute(0, 3, 1, 2, 4)
        x = x + drop(mixed.reshape(batch, sequence, d) @ w["o"])
        y = torch.nn.functional.layer_norm(x, (d,))
        if gated:
            hidden = torch.nn.functional.silu(y @ w["gate"]) * (y @ w["up"])
        else:
            hidden = torch.nn.functional.gelu(y @ w["up"])
        x = x + drop(hidden @ w["down"])
    return total[0]


def kept_by_torch_in_latent_attention(d, mixer, sequence) -> int:
    """The same of MLA with its norms, then a network of 4d hidden channels. No rotation: it keeps
    nothing of the size of an activation."""
    torch.manual_seed(0)
    n, nope, rope, value = mixer.n_heads, mixer.d_nope, mixer.d_rope, mixer.d_value
    sizes = {"latent": (d, mixer.kv_rank), "turned": (d, rope), "o": (n * value, d)}
    sizes |= {"k": (mixer.kv_rank, n * nope), "v": (mixer.kv_rank, n * value)}
    sizes |= {"q": (mixer.query_rank or d, n * (nope + rope)), "down_q": (d, mixer.query_rank or 1)}
    sizes |= {"up": (d, 4 * d), "down": (4 * d, d)}
    w = {name: weight(*size) for name, size in sizes.items()}
    x = torch.randn(1, sequence, d, dtype=torch.bfloat16, requires_grad=True)

    def norm(tensor):
        return torch.nn.functional.layer_norm(tensor, tensor.shape[-1:])

    def heads(tensor):
        return tensor.view(sequence, n, -1).transpose(0, 1)

    with kept_bytes(w.values(), at_least=sequence * 4) as total:
        y = norm(x)
        q = heads((norm(y @ w["down_q"]) if mixer.query_rank else y) @ w["q"])
        latent = norm(y @ w["latent"])
        shared = (y @ w["turned"]).expand(n, sequence, rope)
        k, v = torch.cat([heads(latent @ w["k"]), shared], dim=-1), heads(latent @ w["v"])
        mixed = (q @ k.transpose(-1, -2) * (nope + rope) ** -0.5).softmax(-1) @ v
        x = x + mixed.transpose(0, 1).reshape(1, sequence, n * value) @ w["o"]
        x = x + torch.nn.functional.gelu(norm(x) @ w["up"]) @ w["down"]
    return total[0]


class TestActivations:
    S, B, A, H = 2048, 1, 96, 12288  # GPT-3

    def test_the_papers_formula_for_one_layer(self):
        """Equation 1: sbh (34 + 5as/h), and Table 2 with t = 8."""
        s, b, a, h, t = self.S, self.B, self.A, self.H, 8
        assert 5 * a * s / h == 80
        gpt3 = plain(h, a)

        def counted(**given):
            return activation_bytes(gpt3, s, b, dropout=True, **given).total

        assert counted() == s * b * h * (34 + 5 * a * s / h)
        assert counted(tensor=t) == s * b * h * (10 + 24 / t + 5 * a * s / (h * t))
        split = s * b * h / t * (34 + 5 * a * s / h)
        assert counted(tensor=t, sequence_parallel=True) == pytest.approx(split)
        selective = counted(tensor=t, sequence_parallel=True, recompute="selective")
        assert selective == pytest.approx(34 * s * b * h / t)
        assert counted(recompute="full") == 2 * s * b * h
        parts = activation_bytes(gpt3, s, b, dropout=True)
        assert parts["norm inputs"] == 4 * s * b * h
        quadratic = parts["attention weights"] + parts["attention dropout"]
        assert quadratic == 5 * a * s * s * b

    def test_gpt3_in_gigabytes(self):
        gpt3 = model("GPT-3 175B").description
        sizes = {
            mode: activation_bytes(gpt3, self.S, recompute=mode, dropout=True).total / 1e9
            for mode in ("none", "selective", "full")
        }
        assert {mode: float(f"{size:.3g}") for mode, size in sizes.items()} == {
            "none": 275,
            "selective": 82.1,
            "full": 4.83,
        }

    @pytest.mark.parametrize(
        ("kv_heads", "gated", "dropout"),
        [(8, False, True), (8, False, False), (2, True, False), (8, True, True), (1, False, False)],
    )
    def test_it_is_what_autograd_keeps(self, kv_heads, gated, dropout):
        counted = activation_bytes(
            plain(64, 8, kv_heads=kv_heads, gated=gated), 32, 2, dropout=dropout
        )
        assert counted.total == kept_by_torch(64, 8, kv_heads, 32, 2, gated, dropout)

    @pytest.mark.parametrize("query_rank", [None, 48])
    def test_it_is_what_autograd_keeps_of_latent_attention(self, query_rank):
        mixer = LatentAttention(4, query_rank, kv_rank=24, d_nope=16, d_rope=8, d_value=12)
        layer = Layer(mixer, FeedForward(4 * 64, gated=False))
        latent = ModelDescription("test", 64, 1000, 2048, (layer,), True, "layer")
        counted = activation_bytes(latent, 32).total
        assert counted == kept_by_torch_in_latent_attention(64, mixer, 32)

    def test_layers_that_are_computed_again_keep_their_inputs_whatever_they_are(self):
        mamba = model("Mamba 2.8B").description
        counted = activation_bytes(mamba, 128, recompute="full").total
        assert counted == len(mamba.layers) * 128 * 2 * mamba.d_model

    def test_flash_attention_grows_with_the_length_only(self):
        layer = plain(64, 8)
        once, twice = (activation_bytes(layer, n, flash=True).total for n in (512, 1024))
        assert twice == 2 * once

    def test_what_is_not_counted_is_refused(self):
        with pytest.raises(ValueError, match="a layer of state space keeps depends"):
            activation_bytes(model("Mamba 2.8B").description, 128)
        with pytest.raises(ValueError, match="recompute must be one of"):
            activation_bytes(plain(64, 8), 128, recompute="some")


def ring_all_reduce(n: int, size: int) -> tuple[list[np.ndarray], list[int]]:
    """A ring of n ranks that really sends pieces of arrays; bytes that each has sent."""
    held = [np.full(size, rank, np.int16).reshape(n, -1) for rank in range(n)]
    sent = [0] * n
    for step in range(2 * (n - 1)):
        adding = step < n - 1
        messages = [(rank, (rank - step) % n) for rank in range(n)]
        pieces = [held[rank][piece].copy() for rank, piece in messages]
        for (rank, piece), message in zip(messages, pieces, strict=True):
            sent[rank] += message.nbytes
            target = held[(rank + 1) % n]
            target[piece] = target[piece] + message if adding else message
    return held, sent


class TestLinks:
    @pytest.mark.parametrize("n", [2, 3, 8])
    def test_a_ring_sends_what_the_formula_says(self, n):
        size = 48
        held, sent = ring_all_reduce(n, size)
        assert all(np.array_equal(each, held[0]) for each in held)
        assert np.all(held[0] == sum(range(n)))
        assert sent == [all_reduce(2 * size, n)] * n
        assert all_reduce(2 * size, n) == 2 * all_gather(2 * size, n)

    def test_stage_three_sends_half_as_much_again(self):
        plain_bytes = data_parallel(7e9, 64).total
        assert data_parallel(7e9, 64, stage=3).total == pytest.approx(1.5 * plain_bytes)
        assert plain_bytes == pytest.approx(2 * 7e9 * 2 * 63 / 64)

    def test_tensor_parallel_reduces_four_times_a_layer(self):
        gpt3 = model("GPT-3 175B").description
        expected = 4 * 96 * 2 * (7 / 8) * 2048 * 12288 * 2
        assert tensor_parallel(gpt3, 2048, 8).total == pytest.approx(expected)

    def test_one_rank_sends_nothing(self):
        mixtral = model("Mixtral 8x7B").description
        for count in (tensor_parallel, pipeline_parallel, expert_parallel, ring_attention):
            assert count(mixtral, 4096, 1).total == 0
        assert data_parallel(1e9, 1).total == 0

    def test_each_token_goes_to_its_experts_and_back(self):
        mixtral = model("Mixtral 8x7B").description
        one_way = 32 * 2 * 4096 * 2 * 4096 * 7 / 8
        assert expert_parallel(mixtral, 4096, 8)["dispatch"] == pytest.approx(one_way)

    def test_keys_and_values_go_round_the_ring(self):
        llama = model("Llama 3.1 8B").description
        assert ring_attention(llama, 1024, 4)["forward"] == 1024 * 131_072 * 3 / 4

    def test_the_bubble_of_8_stages_and_32_micro_batches(self):
        ideal = pipeline_bubble(8, 32)
        assert round(100 * ideal, 1) == 21.9
        assert round(100 * ideal / (1 + ideal), 1) == 17.9


class TestRoofline:
    @pytest.mark.parametrize("name", ["Llama 3.1 8B", "Gemma 3 27B", "Mamba 2.8B", "GPT-2 small"])
    def test_a_step_does_the_flops_of_a_token(self, name):
        description = model(name).description
        step = sum(o.flops for o in operations(description, 7, 1, 999))
        assert step == pytest.approx(7 * forward_flops(description, 1000).total)

    def test_a_step_reads_every_weight_and_every_cached_number_once(self):
        llama = model("Llama 3.1 8B").description
        step = operations(llama, 4, 1, 1023)
        gains = model_parameters(llama)["norms"]
        weights = model_parameters(llama).total - model_parameters(llama)["embedding"] - gains
        assert sum(o.weight_bytes for o in step) == 2 * weights
        assert sum(o.cache_bytes for o in step) == cache_bytes(llama, 1024).total * 4

    def test_intensity_of_weights_is_the_batch_and_of_attention_the_group(self):
        llama = model("Llama 3.1 70B").description
        for batch in (1, 16):
            found = {o.name: o for o in operations(llama, batch, 1, 100_000)}
            feed = found["feed-forward"]
            assert feed.flops / feed.weight_bytes == batch
            attention = found["attention over positions"]
            assert attention.flops / attention.cache_bytes == pytest.approx(8, rel=1e-4)

    def test_a_prompt_waits_for_arithmetic_and_a_step_for_memory(self):
        llama, peak, bandwidth = model("Llama 3.1 8B").description, 989.5e12, 3350e9
        prompt = {o.name: o for o in operations(llama, 1, 4096)}
        step = {o.name: o for o in operations(llama, 1, 1, 4095)}
        assert bound(prompt["feed-forward"], peak, bandwidth).binds == "arithmetic"
        assert bound(step["feed-forward"], peak, bandwidth).binds == "memory"
        seconds = roofline_seconds(list(step.values()), peak, bandwidth).total
        assert seconds == pytest.approx(sum(o.bytes for o in step.values()) / bandwidth)

    def test_experts_read_are_those_of_a_simulation(self):
        experts = model("Qwen3 30B-A3B").description.layers[0].feed_forward
        rng = np.random.default_rng(0)
        draws = [
            len({e for _ in range(16) for e in rng.choice(128, 8, replace=False)})
            for _ in range(300)
        ]
        assert experts_read(experts, 16) == pytest.approx(np.mean(draws), rel=0.01)

    def test_latent_attention_reads_latents_when_it_decodes(self):
        v3 = model("DeepSeek-V3 / R1").description
        step = {o.name: o for o in operations(v3, 1, 1, 9_999)}["attention over positions"]
        assert step.cache_bytes == cache_bytes(v3, 10_000).total
        assert step.flops / step.cache_bytes > 200  # 128 heads share one latent vector

    def test_impossible_counts_are_refused(self):
        with pytest.raises(ValueError, match="at least 1"):
            operations(described("llama"), 0, 1)


TABLE_3 = """\
0.4 1.92e+19 8.0
1 1.21e+20 20.2
10 1.23e+22 205.1
175 3.85e+24 3.7T
280 9.90e+24 5.9T
520 3.43e+25 11.0T
1000 1.27e+26 21.2T
10000 1.30e+28 216.2T"""
TABLE_A3 = """\
0.4 1.84e+19 7.7
1 1.20e+20 20.0
10 1.32e+22 219.5
175 4.54e+24 4.3T
280 1.18e+25 7.1T
520 4.19e+25 13.4T
1000 1.59e+26 26.5T
10000 1.75e+28 292.0T"""


class TestScalingLaws:
    @pytest.mark.parametrize(
        ("law", "table"), [(APPROACH_1, TABLE_3), (APPROACH_2, TABLE_A3)], ids=["3", "A3"]
    )
    def test_the_papers_table_to_its_printed_digits(self, law, table):
        for line in table.splitlines():
            billions, flops, tokens = line.split()
            compute = compute_for(law, float(billions) * 1e9)
            assert f"{compute:.2e}" == flops
            best = optimum(law, compute)
            assert best.parameters == pytest.approx(float(billions) * 1e9)
            unit = 1e12 if tokens.endswith("T") else 1e9
            assert f"{best.tokens / unit:.1f}" == tokens.rstrip("T")

    def test_the_row_of_gophers_budget_is_off_in_the_paper_itself(self):
        """67B, 5.76e23 FLOPs and 1.5T tokens don't fit 6ND, nor the rows around."""
        assert 6 * 67e9 * 1.45e12 > 5.76e23
        assert optimum(APPROACH_1, 5.76e23).parameters == pytest.approx(67.9e9, rel=1e-3)

    @pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
    def test_the_optimum_is_the_lowest_loss_of_its_budget(self, fit):
        for compute in (1e18, 5.76e23, 1e27):
            best = optimum(fit, compute)
            sizes = best.parameters * np.geomspace(0.5, 2, 4001)
            losses = loss(fit, sizes, compute / 6 / sizes)
            assert sizes[np.argmin(losses)] == pytest.approx(best.parameters, rel=1e-3)
            assert 6 * best.parameters * best.tokens == pytest.approx(compute)

    def test_tokens_a_parameter_at_gophers_budget(self):
        found = [round(optimum(law, 5.76e23).ratio) for law in (ROUNDED, UNROUNDED, REFIT)]
        assert found == [93, 59, 18]

    @pytest.mark.parametrize(
        ("law", "printed"),
        [(KAPLAN, 0.73), (APPROACH_1, 0.50), (APPROACH_2, 0.49), (UNROUNDED, 0.46), (REFIT, 0.51)],
    )
    def test_exponents_as_printed(self, law, printed):
        assert round(law.exponent, 2) == printed

    def test_the_reducible_loss_falls_with_compute_as_it_must(self):
        for fit, expected in ((ROUNDED, 0.154), (REFIT, 0.178)):
            ends = [loss(fit, *optimum(fit, compute)) - fit.E for compute in (1e22, 1e24)]
            assert math.log10(ends[0] / ends[1]) / 2 == pytest.approx(expected, abs=5e-4)

    def test_extra_compute_buys_the_same_loss(self):
        best = optimum(REFIT, 1e24)
        for factor in (0.3, 0.5, 3.0):
            more = extra_compute(REFIT, 1e24, factor) * 1e24
            size = factor * best.parameters
            assert loss(REFIT, size, more / 6 / size) == pytest.approx(loss(REFIT, *best))
            assert more > 1e24
        assert extra_compute(REFIT, 1e24, 1e-3) == math.inf

    def test_kaplans_losses_are_one_at_their_scales(self):
        assert kaplan_loss(parameters=8.8e13) == 1
        assert kaplan_loss(tokens=5.4e13) == 1
        assert kaplan_loss(compute=3.1e8 * PF_DAY) == 1
        assert optimum(KAPLAN, PF_DAY).parameters == 1.3e9
        with pytest.raises(ValueError, match="not more than one"):
            kaplan_loss(parameters=1e9, tokens=1e9)
