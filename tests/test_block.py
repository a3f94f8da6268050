"""The transformer block and the model against torch, closed forms and finite differences."""

import math
from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from llmdeep import feed_forward as ff
from llmdeep import transformer
from llmdeep.block import (
    NormKind,
    Placement,
    attention_pullback,
    feed_forward_pullback,
    norm_pullback,
    random_layers,
    residual,
    stack_pullback,
)
from llmdeep.book_model import load
from llmdeep.decoder import attention_tensors, feed_forward_tensors, forward, random_weights
from llmdeep.norms import layer_norm, layer_norm_gradient, rms_norm, rms_norm_gradient
from llmdeep.parameters import (
    Configuration,
    count_parameters,
    forward_flops,
    part_of,
    weight_shapes,
)
from llmdeep.widgets import Chart, ControlError, forward_pass, norm_placement

SHAPES = [(7,), (1, 4), (5, 33), (2, 3, 768)]
DTYPES = [np.float32, np.float64]
ACTIVATIONS = {
    ff.relu: torch.relu,
    ff.gelu: torch.nn.functional.gelu,
    ff.gelu_tanh: partial(torch.nn.functional.gelu, approximate="tanh"),
    ff.silu: torch.nn.functional.silu,
}
GPT2_SMALL = Configuration(12, 768, 12, 3072, vocabulary=50257, context=1024)
LLAMA_2_7B = Configuration(
    32, 4096, 32, 11008, 32000, 4096,
    norm="rms", gated=True, biases=False, tied=False, positions="none",
)  # fmt: skip
TINY = Configuration(n_layers=2, d_model=12, n_heads=3, d_ff=20, vocabulary=17, context=9)


def tolerance(dtype) -> dict[str, float]:
    return {"rtol": 1e-10, "atol": 1e-10} if dtype == np.float64 else {"rtol": 2e-5, "atol": 1e-5}


def tensor(x, grad: bool = True):
    return torch.tensor(x, requires_grad=grad)


class TestNorms:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("eps", [1e-12, 1e-5, 10.0])
    def test_layer_norm_and_its_gradients_are_torchs(self, shape, dtype, eps):
        rng = np.random.default_rng(1)
        x = (3 + 5 * rng.standard_normal(shape)).astype(dtype)
        gain, shift = rng.standard_normal((2, shape[-1])).astype(dtype)
        upstream = rng.standard_normal(shape).astype(dtype)
        tx, tg, ts = tensor(x), tensor(gain), tensor(shift)
        ty = torch.nn.functional.layer_norm(tx, shape[-1:], tg, ts, eps)
        ty.backward(torch.tensor(upstream))
        np.testing.assert_allclose(layer_norm(x, gain, shift, eps), ty.detach(), **tolerance(dtype))
        for ours, theirs in zip(
            layer_norm_gradient(upstream, x, gain, eps), (tx, tg, ts), strict=True
        ):
            np.testing.assert_allclose(ours, theirs.grad, **tolerance(dtype))

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("eps", [1e-12, 1e-6, 10.0])
    def test_rms_norm_and_its_gradients_are_torchs(self, shape, dtype, eps):
        rng = np.random.default_rng(2)
        x, upstream = rng.standard_normal((2, *shape)).astype(dtype)
        gain = rng.standard_normal(shape[-1:]).astype(dtype)
        tx, tg = tensor(x), tensor(gain)
        ty = torch.nn.functional.rms_norm(tx, shape[-1:], tg, eps)
        ty.backward(torch.tensor(upstream))
        np.testing.assert_allclose(rms_norm(x, gain, eps), ty.detach(), **tolerance(dtype))
        for ours, theirs in zip(rms_norm_gradient(upstream, x, gain, eps), (tx, tg), strict=True):
            np.testing.assert_allclose(ours, theirs.grad, **tolerance(dtype))

    @pytest.mark.parametrize("norm", [layer_norm, rms_norm])
    def test_float16_stays_float16_and_squares_do_not_overflow(self, norm):
        x = np.linspace(-6e4, 6e4, 64).astype(np.float16)
        y = norm(x)
        assert y.dtype == np.float16
        np.testing.assert_allclose(y.astype(np.float64), norm(x.astype(np.float64)), atol=1e-3)

    def test_the_variance_survives_a_mean_far_larger_than_the_deviation(self):
        x = (1e4 + np.random.default_rng(3).standard_normal(512)).astype(np.float32)
        exact = layer_norm(x.astype(np.float64))
        np.testing.assert_allclose(layer_norm(x), exact, atol=2e-3)

    @pytest.mark.parametrize("norm", [layer_norm, rms_norm])
    @pytest.mark.parametrize("eps", [0.0, -1e-5, math.nan])
    def test_eps_that_is_not_positive_is_refused(self, norm, eps):
        with pytest.raises(ValueError, match="eps must be positive"):
            norm(np.ones(4), eps=eps)

    @pytest.mark.parametrize("norm", [layer_norm, rms_norm])
    def test_zeros_give_zeros_and_not_nan(self, norm):
        assert np.array_equal(norm(np.zeros((2, 5))), np.zeros((2, 5)))

    def test_a_single_channel_has_no_deviation_and_only_a_sign(self):
        x = np.array([[-3.0], [8.0]])
        assert np.array_equal(layer_norm(x), np.zeros((2, 1)))
        assert np.array_equal(layer_norm_gradient(np.ones((2, 1)), x)[0], np.zeros((2, 1)))
        np.testing.assert_allclose(rms_norm(x), [[-1], [1]])

    def test_what_each_norm_forgets(self):
        x = np.random.default_rng(4).standard_normal((6, 40))
        tight = {"eps": 1e-12}
        np.testing.assert_allclose(layer_norm(5 * x + 3, **tight), layer_norm(x, **tight))
        np.testing.assert_allclose(rms_norm(5 * x, **tight), rms_norm(x, **tight))
        assert not np.allclose(rms_norm(x + 3), rms_norm(x))
        centred = x - x.mean(axis=-1, keepdims=True)
        np.testing.assert_allclose(rms_norm(centred, **tight), layer_norm(x, **tight))


class TestFeedForward:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("ours", ACTIVATIONS, ids=lambda f: f.__name__)
    def test_activation_and_slope_are_torchs(self, ours, dtype):
        x = np.concatenate([np.linspace(-60, 60, 4001), [-1e4, 1e4, -0.0]]).astype(dtype)
        tx = tensor(x)
        ty = ACTIVATIONS[ours](tx)
        ty.sum().backward()
        y, slope = ours(x), ff.SLOPES[ours](x)
        assert y.dtype == slope.dtype == dtype
        np.testing.assert_allclose(y, ty.detach(), **tolerance(dtype))
        np.testing.assert_allclose(slope, tx.grad, **tolerance(dtype))

    def test_exact_gelu_keeps_its_tail_and_the_tanh_form_stays_near(self):
        assert ff.gelu(np.array([-10.0]))[0] == pytest.approx(-10 * 7.619853024160527e-24)
        x = np.linspace(-8, 8, 10001)
        assert 4e-4 < np.abs(ff.gelu(x) - ff.gelu_tanh(x)).max() < 5e-4

    @pytest.mark.parametrize("ours", ACTIVATIONS, ids=lambda f: f.__name__)
    @pytest.mark.parametrize("shape", [(1, 3), (4, 3), (2, 5, 3)])
    def test_network_and_gradients_are_torchs(self, ours, shape):
        rng = np.random.default_rng(5)
        x, upstream = rng.standard_normal((2, *shape))
        up, down = rng.standard_normal((3, 11)), rng.standard_normal((11, 3))
        b_up, b_down = rng.standard_normal(11), rng.standard_normal(3)
        tx, tu, td = tensor(x), tensor(up), tensor(down)
        ty = ACTIVATIONS[ours](tx @ tu + tensor(b_up)) @ td + tensor(b_down)
        ty.backward(torch.tensor(upstream))
        np.testing.assert_allclose(ff.feed_forward(x, up, down, b_up, b_down, ours), ty.detach())
        gradients = ff.feed_forward_gradient(upstream, x, up, down, b_up, ours)
        for gradient, theirs in zip(gradients, (tx, tu, td), strict=True):
            np.testing.assert_allclose(gradient, theirs.grad)

    def test_gated_network_is_torchs(self):
        rng = np.random.default_rng(6)
        x, gate, up = rng.standard_normal((4, 3)), *rng.standard_normal((2, 3, 8))
        down = rng.standard_normal((8, 3))
        tx, tg, tu, td = (torch.tensor(a) for a in (x, gate, up, down))
        theirs = (torch.nn.functional.silu(tx @ tg) * (tx @ tu)) @ td
        np.testing.assert_allclose(ff.gated_feed_forward(x, gate, up, down), theirs)


def torch_norm(x, kind):
    norm = torch.nn.functional.layer_norm if kind == "layer" else torch.nn.functional.rms_norm
    return norm(x, x.shape[-1:], eps=1e-5 if kind == "layer" else 1e-6)


def torch_sublayers(w, n_heads):
    def attend(x):
        q, k, v = (
            (x @ w[n]).unflatten(-1, (n_heads, -1)).transpose(-2, -3)
            for n in ("w_query", "w_key", "w_value")
        )
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return mixed.transpose(-2, -3).flatten(-2) @ w["w_output"]

    def feed(x):
        return torch.nn.functional.gelu(x @ w["up"], approximate="tanh") @ w["down"]

    return attend, feed


class TestStack:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("kind", get_args(NormKind))
    @pytest.mark.parametrize("placement", get_args(Placement))
    def test_streams_and_all_gradients_are_torchs(self, placement, kind, dtype):
        rng = np.random.default_rng(7)
        layers = [
            {name: w.astype(dtype) for name, w in layer.items()}
            for layer in random_layers(5, 12, 1.0, rng)
        ]
        x, upstream = rng.standard_normal((2, 7, 12)).astype(dtype)
        streams, pull = stack_pullback(x, layers, placement, kind, n_heads=3)
        stream_gradients, weight_gradients = pull(upstream)

        norm = partial(torch_norm, kind=kind)
        t_layers = [{name: tensor(w) for name, w in layer.items()} for layer in layers]
        t_streams = [tensor(x)]
        for weights in t_layers:
            t = t_streams[-1]
            for sublayer in torch_sublayers(weights, 3):
                if placement == "none":
                    t = t + sublayer(t)
                elif placement == "post":
                    t = norm(t + sublayer(t))
                elif placement == "pre":
                    t = t + sublayer(norm(t))
                else:
                    t = t + norm(sublayer(norm(t)))
            t.retain_grad()
            t_streams.append(t)
        t_streams[-1].backward(torch.tensor(upstream))

        relative = 1e-9 if dtype == np.float64 else 2e-4
        pairs = [(o, t.detach()) for o, t in zip(streams, t_streams, strict=True)]
        pairs += [(o, t.grad) for o, t in zip(stream_gradients, t_streams, strict=True)]
        for ours, theirs in zip(weight_gradients, t_layers, strict=True):
            assert ours.keys() == theirs.keys()
            pairs += [(ours[name], theirs[name].grad) for name in ours]
        for ours, theirs in pairs:
            error = np.linalg.norm(ours - theirs.numpy()) / np.linalg.norm(theirs)
            assert error < relative

    @pytest.mark.parametrize("kind", get_args(NormKind))
    @pytest.mark.parametrize("placement", get_args(Placement))
    def test_the_forward_rule_is_the_one_the_stack_differentiates(self, placement, kind):
        rng = np.random.default_rng(8)
        (weights,) = random_layers(1, 8, 1.0, rng)
        x = rng.standard_normal((5, 8))
        streams, _ = stack_pullback(x, [weights], placement, kind, n_heads=2)
        norm = {"layer": layer_norm, "rms": rms_norm}[kind]
        middle = residual(x, lambda r: attention_pullback(r, weights, 2)[0], placement, norm, norm)
        out = residual(
            middle, lambda r: feed_forward_pullback(r, weights)[0], placement, norm, norm
        )
        np.testing.assert_allclose(streams[1], out)

    def test_an_unknown_placement_is_named(self):
        with pytest.raises((ValueError, TypeError), match="'middle'"):
            residual(np.ones((1, 2)), lambda x: x, "middle", rms_norm, rms_norm)

    @pytest.mark.parametrize("kind", get_args(NormKind))
    def test_a_norms_pullback_is_a_finite_difference(self, kind):
        rng = np.random.default_rng(9)
        x, upstream, direction = rng.standard_normal((3, 4, 10))
        _, pull = norm_pullback(x, kind)
        step = 1e-6
        ahead, behind = (norm_pullback(x + s * direction, kind)[0] for s in (step, -step))
        slope = np.sum(upstream * (ahead - behind)) / (2 * step)
        assert np.sum(pull(upstream) * direction) == pytest.approx(slope, rel=1e-6)

    def test_sandwich_grows_as_the_root_of_the_sublayers_whatever_the_scale(self):
        for scale in (0.3, 1.0, 3.0):
            rng = np.random.default_rng(10)
            layers, x = random_layers(32, 32, scale, rng), rng.standard_normal((8, 32))
            streams, _ = stack_pullback(x, layers, "sandwich", "rms", n_heads=4)
            assert np.sqrt(np.mean(streams[-1] ** 2)) == pytest.approx(math.sqrt(65), rel=0.2)


def copy_encoder_layer(module: torch.nn.TransformerEncoderLayer, placement: str):
    """The weights of torch's own layer under our names."""
    side = "before" if placement == "pre" else "after"
    in_proj, in_bias = module.self_attn.in_proj_weight, module.self_attn.in_proj_bias
    parts = {
        f"attention.{name}": (in_proj.chunk(3)[i], in_bias.chunk(3)[i])
        for i, name in enumerate(("query", "key", "value"))
    }
    out, up, down = module.self_attn.out_proj, module.linear1, module.linear2
    parts["attention.output"] = (out.weight, out.bias)
    parts["feed_forward.up"] = (up.weight, up.bias)
    parts["feed_forward.down"] = (down.weight, down.bias)
    weights = {}
    for name, (matrix, bias) in parts.items():
        weights[f"layers.0.{name}"] = matrix.detach().numpy().T
        weights[f"layers.0.{name}_bias"] = bias.detach().numpy()
    for name, norm in (("attention", module.norm1), ("feed_forward", module.norm2)):
        weights[f"layers.0.{name}.norm_{side}.gain"] = norm.weight.detach().numpy()
        weights[f"layers.0.{name}.norm_{side}.shift"] = norm.bias.detach().numpy()
    return weights


class TestDecoder:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("placement", ["pre", "post"])
    def test_a_layer_is_torchs_transformer_layer(self, placement, dtype):
        torch.manual_seed(0)
        module = torch.nn.TransformerEncoderLayer(
            12, 3, 20, dropout=0.0, batch_first=True, norm_first=placement == "pre", dtype=dtype,
            activation=partial(torch.nn.functional.gelu, approximate="tanh"),
        )  # fmt: skip
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        configuration = Configuration(
            1, 12, 3, 20, vocabulary=5, context=9, placement=placement, positions="none"
        )
        embedding = torch.randn(5, 12, dtype=dtype)
        weights = copy_encoder_layer(module, placement) | {"token_embedding": embedding.numpy()}
        if placement == "pre":
            weights |= {"final.norm.gain": np.ones(12), "final.norm.shift": np.zeros(12)}
        assert {k: v.shape for k, v in weights.items()} == weight_shapes(configuration)

        tokens = np.array([4, 0, 0, 3, 2, 1, 4])
        mask = torch.nn.Transformer.generate_square_subsequent_mask(7, dtype=dtype)
        theirs = module(embedding[tokens][None], src_mask=mask, is_causal=True)[0].detach()
        ours = forward(tokens, weights, configuration)["layers.0.stream"]
        assert ours.dtype == theirs.numpy().dtype
        close = {"rtol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
        np.testing.assert_allclose(ours, theirs, **close)

    @pytest.mark.parametrize("placement", get_args(Placement))
    @pytest.mark.parametrize("norm", get_args(NormKind))
    @pytest.mark.parametrize("gated", [False, True])
    @pytest.mark.parametrize("positions", ["learned", "sinusoidal", "none"])
    def test_every_configuration_runs_and_is_causal(self, placement, norm, gated, positions):
        configuration = Configuration(
            2, 12, 3, 20, 17, 9, norm, placement, gated, tied=gated, positions=positions
        )
        weights = random_weights(configuration, np.random.default_rng(11))
        assert {k: v.shape for k, v in weights.items()} == weight_shapes(configuration)
        tokens = np.array([3, 1, 4, 1, 5, 9])
        out = forward(tokens, weights, configuration)
        np.testing.assert_allclose(out["probabilities"].sum(axis=-1), 1)
        changed = forward(np.array([3, 1, 4, 1, 5, 2]), weights, configuration)
        assert np.array_equal(out["logits"][:5], changed["logits"][:5])
        assert not np.allclose(out["logits"][5], changed["logits"][5])

    def test_pre_norm_streams_are_the_embedding_plus_what_every_sublayer_wrote(self):
        weights = random_weights(TINY, np.random.default_rng(12))
        out = forward(np.arange(9), weights, TINY)
        written = [tensor for name, tensor in out.items() if name.endswith("written")]
        total = out["embedding"] + out["positions"] + sum(written)
        np.testing.assert_allclose(out["layers.1.stream"], total)
        np.testing.assert_allclose(out["logits"], layer_norm(total) @ weights["token_embedding"].T)

    def test_parts_agree_with_their_plain_functions(self):
        rng = np.random.default_rng(13)
        weights = {f"f.{n}": rng.standard_normal(s) for n, s in
                   {"gate": (6, 9), "up": (6, 9), "down": (9, 6)}.items()}  # fmt: skip
        weights |= {f"a.{n}": rng.standard_normal((6, 6)) for n in
                    ("query", "key", "value", "output")}  # fmt: skip
        x = rng.standard_normal((4, 6))
        gate, up, down = (weights[f"f.{n}"] for n in ("gate", "up", "down"))
        np.testing.assert_allclose(
            feed_forward_tensors(x, weights, "f.", gated=True)["written"],
            ff.gated_feed_forward(x, gate, up, down),
        )
        np.testing.assert_allclose(
            feed_forward_tensors(x, weights, "f.", gated=False)["written"],
            ff.feed_forward(x, up, down, activation=ff.gelu_tanh),
        )
        six = {f"w_{n}": weights[f"a.{n}"] for n in ("query", "key", "value", "output")}
        np.testing.assert_allclose(
            attention_tensors(x, weights, "a.", n_heads=2)["written"],
            attention_pullback(x, six, n_heads=2)[0],
        )

    @pytest.mark.parametrize(
        ("tokens", "message"),
        [([], "0 tokens"), ([0] * 10, "10 tokens; this model takes 1 to 9"),
         ([17], r"0\.\.16"), ([-1], r"0\.\.16")],
    )  # fmt: skip
    def test_tokens_that_do_not_fit_are_refused(self, tokens, message):
        weights = random_weights(TINY, np.random.default_rng(0))
        with pytest.raises(ValueError, match=message):
            forward(np.array(tokens, dtype=int), weights, TINY)


class TestCounts:
    @pytest.mark.parametrize(
        ("configuration", "published"),
        [(GPT2_SMALL, 124_439_808), (LLAMA_2_7B, 6_738_415_616)],
    )
    def test_published_models(self, configuration, published):
        assert sum(count_parameters(configuration).values()) == published

    def test_closed_forms(self):
        d, v, t, n = 768, 50257, 1024, 12
        counts = count_parameters(GPT2_SMALL)
        assert sum(counts.values()) == n * (12 * d * d + 13 * d) + 2 * d + v * d + t * d
        assert counts["norms"] == n * 4 * d + 2 * d
        assert counts["attention"] == n * (4 * d * d + 4 * d)
        assert counts["feed-forward"] == n * (8 * d * d + 5 * d)
        assert counts["unembedding"] == 0

    @pytest.mark.parametrize("placement", get_args(Placement))
    @pytest.mark.parametrize("tied", [False, True])
    def test_counts_are_the_numbers_in_the_drawn_arrays(self, placement, tied):
        configuration = Configuration(2, 12, 3, 20, 17, 9, placement=placement, tied=tied)
        weights = random_weights(configuration, np.random.default_rng(0))
        counts = count_parameters(configuration)
        assert sum(counts.values()) == sum(w.size for w in weights.values())
        assert set(map(part_of, weights)) <= counts.keys()

    @pytest.mark.parametrize("gated", [False, True])
    def test_flops_are_those_torch_counts(self, gated):
        configuration = Configuration(1, 12, 3, 20, 17, 9, gated=gated, biases=False)
        n, d = 9, 12
        x, heads = torch.randn(n, d), torch.randn(3, n, 4)
        square, wide = torch.randn(d, d), torch.randn(d, 20)
        with FlopCounterMode(display=False) as counter:
            for _ in range(4):
                x @ square
            (heads @ heads.transpose(-1, -2)) @ heads
            for _ in range(2 if gated else 1):
                hidden = x @ wide
            hidden @ wide.T
            x @ torch.randn(d, 17)
        ours = sum(forward_flops(configuration, n_keys=n).values())
        assert n * ours == counter.get_total_flops()


class TestWidgets:
    @pytest.fixture
    def curves(self):
        def render(**parameters):
            charts = [v for v in norm_placement.render(**parameters) if isinstance(v, Chart)]
            stream, gradient, matrices = (
                {line.label: np.asarray(line.y) for line in chart.marks} for chart in charts
            )
            return stream, gradient, matrices

        return render

    @pytest.mark.parametrize("layers", [1, 4, 64])
    @pytest.mark.parametrize("width", [8, 32])
    @pytest.mark.parametrize("norm", ["LayerNorm", "RMSNorm"])
    def test_norm_placement_has_a_value_at_every_layer(self, curves, layers, width, norm):
        stream, gradient, matrices = curves(layers=layers, width=width, norm=norm, show_none=True)
        for placement in get_args(Placement):
            assert len(stream[placement]) == len(gradient[placement]) == layers + 1
            assert len(matrices[placement]) == layers
            assert np.isfinite(stream[placement]).all()
        np.testing.assert_allclose(stream["post"][1:], 1, rtol=1e-3)

    def test_norm_placement_shows_torchs_gradient_of_the_loss(self, curves):
        layers, width, seed = 3, 16, 5
        rng = np.random.default_rng(seed)
        x = tensor(rng.standard_normal((norm_placement.N_TOKENS, width)))
        shape = (width, norm_placement.VOCABULARY)
        unembedding = torch.tensor(rng.normal(0, width**-0.5, shape))
        targets = torch.tensor(
            rng.integers(norm_placement.VOCABULARY, size=norm_placement.N_TOKENS)
        )
        stream = x
        drawn = random_layers(layers, width, 1.0, rng)
        weights = [{name: tensor(w) for name, w in layer.items()} for layer in drawn]
        for layer in weights:
            for sublayer in torch_sublayers(layer, norm_placement.N_HEADS):
                stream = stream + sublayer(torch_norm(stream, "layer"))
        logits = torch_norm(stream, "layer") @ unembedding
        torch.nn.functional.cross_entropy(logits, targets).backward()

        _, gradient, matrices = curves(layers=layers, width=width, seed=seed)
        assert gradient["pre"][0] == pytest.approx(x.grad.norm().item(), rel=1e-6)
        theirs = [layer["down"].grad.norm().item() for layer in weights]
        np.testing.assert_allclose(matrices["pre"], theirs, rtol=1e-6)

    def test_norm_placement_can_leave_out_the_stack_without_norms(self, curves):
        everything, without = curves(layers=4, show_none=True), curves(layers=4, show_none=False)
        for all_lines, fewer in zip(everything, without, strict=True):
            assert list(fewer) == ["post", "pre", "sandwich"]
            assert all(np.array_equal(fewer[name], all_lines[name]) for name in fewer)

    def test_norm_placement_says_when_numbers_overflow(self):
        *_, quiet = norm_placement.render(layers=8, show_none=True)
        *_, loud = norm_placement.render(layers=64, init_scale=2.0, show_none=True)
        assert (quiet.tone, loud.tone) == ("info", "warning")
        assert "overflowed" in loud.text

    @pytest.mark.parametrize("step", range(len(forward_pass.WALK)))
    @pytest.mark.parametrize("model", [forward_pass.GELU, forward_pass.SWIGLU])
    def test_forward_pass_shows_every_tensor(self, step, model):
        _, matrix, formula, metrics, walk, _, _ = forward_pass.render(step=step, model=model)
        values = np.asarray(matrix.values)
        assert values.shape[0] == 6
        assert formula.tex
        assert metrics.items["shape"].value.endswith(f"{values.shape[0]} × {values.shape[1]}")
        label, shape, made_by = walk.rows[step]
        assert matrix.title.startswith(label)
        assert metrics.items["shape"].value == shape
        assert metrics.items["parameters that make it"].value == made_by

    @pytest.mark.parametrize("model", [forward_pass.GELU, forward_pass.SWIGLU])
    def test_forward_pass_counts_every_parameter_once(self, model):
        *_, walk, table, _ = forward_pass.render(model=model)
        inside = sum(row[2] for row in walk.rows[3:17])
        outside = sum(row[2] for row in walk.rows) - inside
        assert outside + forward_pass.N_LAYERS * inside == sum(count for _, count in table.rows)

    @pytest.mark.parametrize("step", range(len(forward_pass.WALK)))
    def test_forward_pass_walks_through_the_book_s_model(self, step):
        config, weights, tokenizer = load()
        text = "A fox met a crow."
        views = forward_pass.render(text, step=step, layer=6, head=5, model=forward_pass.BOOK)
        tokens = np.array([tokenizer.special["<|endoftext|>"], *tokenizer.encode(text)])
        seen = {}
        transformer.forward(weights, config, tokens, visit=seen.__setitem__)
        stage = forward_pass.WALK[step]
        if stage.label == "Positions":
            assert "turned" in views[1].text
            return
        logits = seen["logits"]
        seen["probabilities"] = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        tensor = seen[stage.tensor.format(5)]
        head = min(4, len(tensor) - 1)  # keys and values have fewer
        shown = np.asarray(views[1].values)
        wanted = tensor[head] if tensor.ndim == 3 else tensor
        if wanted.shape[1] == config.vocabulary_size:
            wanted = wanted[:, np.argsort(-logits[-1], kind="stable")[:12]]
        np.testing.assert_allclose(shown, wanted[:, :48], rtol=1e-6)
        *_, table, _ = views
        assert sum(count for _, count in table.rows) == sum(w.size for w in weights.values())

    def test_forward_pass_shows_the_layer_and_head_asked_for(self):
        step = [stage.label for stage in forward_pass.WALK].index("Attention weights")
        seen = [
            np.asarray(forward_pass.render(step=step, layer=layer, head=head)[1].values)
            for layer in (1, 3)
            for head in (1, 2)
        ]
        for weights in seen:
            np.testing.assert_allclose(weights.sum(axis=1), 1)
            assert np.array_equal(weights, np.tril(weights))
        assert len({weights.tobytes() for weights in seen}) == 4

    @pytest.mark.parametrize("sentence", ["one", "a a a a", "שלום 👋 émigré", "w " * 12])
    def test_forward_pass_takes_any_words(self, sentence):
        for step in (0, 8, 19):
            assert len(forward_pass.render(sentence=sentence, step=step)) == 7

    @pytest.mark.parametrize("step", range(18))
    def test_another_last_word_changes_its_own_row_alone(self, step):
        mat, hat = (
            np.asarray(forward_pass.render(sentence=f"the cat on the {word}", step=step)[1].values)
            for word in ("mat", "hat")
        )
        np.testing.assert_allclose(hat[:-1], mat[:-1])
        if forward_pass.WALK[step].label != "Positions":
            assert not np.allclose(hat[-1], mat[-1])

    def test_forward_pass_refuses_more_words_than_it_can_draw(self):
        with pytest.raises(ControlError, match="13 words are too many"):
            forward_pass.render(sentence="w " * 13)
