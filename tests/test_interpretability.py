"""Reading and cutting a model: equal to what `transformers` gives when it is read and cut alike."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from llmdeep.ablation import surprisals, without_heads
from llmdeep.book_model import load
from llmdeep.head_scores import (
    first_token_score,
    induction_score,
    previous_token_score,
    repeated_tokens,
)
from llmdeep.logit_lens import logit_lens

FOLDER = Path(__file__).parents[1] / "src" / "llmdeep" / "models" / "storybook"


@pytest.fixture(scope="module")
def peer():
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
    return model.eval()


@pytest.fixture(scope="module")
def text():
    rng = np.random.default_rng(3)
    return rng.integers(load().config.vocabulary_size, size=21)


def test_scores_are_means_over_the_places_that_they_name():
    rng = np.random.default_rng(0)
    weights = rng.random((2, 3, 20, 20))
    back = np.mean([weights[..., i, i - 1] for i in range(1, 20)], axis=0)
    first = np.mean([weights[..., i, 0] for i in range(1, 20)], axis=0)
    copied = np.mean([weights[..., i, i - 7 + 1] for i in range(7, 20)], axis=0)
    np.testing.assert_allclose(previous_token_score(weights), back)
    np.testing.assert_allclose(first_token_score(weights), first)
    np.testing.assert_allclose(induction_score(weights, 7), copied)


def test_a_head_that_copies_has_the_induction_score_1():
    tokens = repeated_tokens(30, 8, 1000, np.random.default_rng(1))
    weights = np.zeros((1, 30, 30))
    for i in range(8, 30):
        earlier = max(j for j in range(i) if tokens[j] == tokens[i])
        weights[0, i, earlier + 1] = 1
    assert induction_score(weights, 8)[0] == 1
    assert np.array_equal(tokens[8:], tokens[:-8])


@pytest.mark.parametrize("score", [previous_token_score, first_token_score])
def test_one_position_has_nothing_to_look_back_on(score):
    with pytest.raises(ValueError, match="1 positions; this score needs at least 2"):
        score(np.ones((1, 1)))


def test_a_text_of_one_period_repeats_nothing():
    with pytest.raises(ValueError, match="8 positions; this score needs at least 9"):
        induction_score(np.ones((8, 8)), 8)


def test_the_lens_reads_each_stream_as_the_last_is_read(peer, text):
    config, weights, _ = load()
    tokens = torch.from_numpy(text)[None]
    with torch.no_grad():
        output = peer(tokens, output_hidden_states=True)
        # the last of transformers' hidden states has been through the norm already
        read = [peer.lm_head(peer.model.norm(state)) for state in output.hidden_states[:-1]]
    ours = logit_lens(weights, config, text)
    np.testing.assert_allclose(ours[:-1], torch.cat(read).numpy(), atol=1e-3)
    np.testing.assert_allclose(ours[-1], output.logits[0].numpy(), atol=1e-3)


def test_heads_taken_out_write_their_mean(peer, text):
    config, weights, _ = load()
    heads = [(1, 0), (1, 4), (5, 2)]

    def replaced(layer):
        def hook(module, arguments):
            (mixed,) = arguments
            mixed = mixed.clone()
            for _, head in (pair for pair in heads if pair[0] == layer):
                part = mixed[..., head * config.d_head : (head + 1) * config.d_head]
                part[:] = part.mean(dim=1, keepdim=True)
            return (mixed,)

        return hook

    hooks = [
        layer.self_attn.o_proj.register_forward_pre_hook(replaced(i))
        for i, layer in enumerate(peer.model.layers)
    ]
    try:
        with torch.no_grad():
            logits = peer(torch.from_numpy(text)[None]).logits[0, :-1]
    finally:
        for hook in hooks:
            hook.remove()
    theirs = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(text[1:]), reduction="none"
    ).numpy()
    ours = surprisals(weights, config, text, without_heads(heads, config))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    assert not np.allclose(ours, surprisals(weights, config, text), atol=1e-2)


def test_a_head_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no head 6 in layer 0"):
        without_heads([(0, 6)], load().config)
