"""How far back a gradient reaches: a simple recurrent network, an LSTM, and the power law.

Notice: the linear network follows the power of its spectral radius, after a detour, because its
largest singular value is larger. The tanh network falls below it as soon as there are inputs. The
LSTM's curve is set by its forget gates first, and then by what goes round through the other gates.
The weights are random, not trained.
"""

from typing import Annotated

import numpy as np

from llmdeep.gated_recurrence import lstm, lstm_jacobians
from llmdeep.recurrence import gradient_norms, random_recurrent_weights, rnn, rnn_jacobians
from llmdeep.widgets import Axis, Chart, Choice, Line, Metric, Metrics, Seed, Slider, View

D_HIDDEN = 16
POINTS = 25  # distances drawn; all are computed


def render(
    activation: Annotated[str, Choice("tanh", "linear", label="RNN’s activation")] = "tanh",
    spectral_radius: Annotated[
        float, Slider(0.6, 1.4, step=0.05, label="spectral radius of the recurrent weights")
    ] = 0.9,
    length: Annotated[int, Slider(10, 80, step=10, unit="steps")] = 50,
    input_size: Annotated[float, Slider(0, 2, step=0.25, label="size of the inputs")] = 0.5,
    forget_bias: Annotated[float, Slider(-1, 5, step=0.5, label="LSTM’s forget bias")] = 1.0,
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    rng = np.random.default_rng(seed)
    recurrent = np.stack(
        [random_recurrent_weights(D_HIDDEN, spectral_radius, rng) for _ in "hifgo"]
    )
    from_input = rng.standard_normal((5, D_HIDDEN, D_HIDDEN)) / np.sqrt(D_HIDDEN)
    inputs = input_size * rng.standard_normal((80, D_HIDDEN))[:length]
    bias = np.zeros((5, D_HIDDEN))
    bias[2] = forget_bias

    states = rnn(inputs, from_input[0], recurrent[0], bias[0], activation)
    rnn_steps = rnn_jacobians(states, recurrent[0], activation)
    trace = lstm(inputs, from_input[1:], recurrent[1:], bias[1:])
    forget_gates = trace.gates[::-1, 1]  # (length, D_HIDDEN), last step first

    distances = np.arange(length + 1)
    curves = {
        f"RNN, {activation}": gradient_norms(rnn_steps),
        f"power law: {spectral_radius:g} to the distance": spectral_radius**distances,
        "LSTM": gradient_norms(lstm_jacobians(trace, recurrent[1:])),
        "LSTM, forget gates alone": np.append(1, np.cumprod(forget_gates, axis=0).max(axis=1)),
    }
    drawn = np.unique(np.linspace(0, length, POINTS).round().astype(int))
    lines = [
        Line(drawn, np.where(y > 0, y, np.nan)[drawn], label, dashed=i % 2 == 1)
        for i, (label, y) in enumerate(curves.items())
    ]
    positive = np.concatenate([y[y > 0] for y in curves.values()])
    slopes = 1 - states**2 if activation == "tanh" else np.ones(1)
    return [
        Chart(
            lines,
            x=Axis("distance back in time", unit="steps"),
            y=Axis(
                "factor on the gradient",
                "log",
                (min(1e-12, positive.min()), max(1e4, positive.max())),
            ),
            title="How much of a gradient is left after going back in time",
        ),
        Metrics(
            **{
                f"left by the RNN after {length} steps": Metric(
                    float(curves[f"RNN, {activation}"][-1]), note="times the gradient, at most"
                ),
                f"left by the LSTM after {length} steps": Metric(
                    float(curves["LSTM"][-1]), note="times the gradient, at most"
                ),
                "largest singular value": Metric(
                    float(np.linalg.norm(recurrent[0], 2)), note="of the RNN’s recurrent matrix"
                ),
                "mean slope": Metric(float(slopes.mean()), note="of the RNN’s activation"),
                "mean forget gate": Metric(float(forget_gates.mean()), note="of the LSTM"),
            }
        ),
    ]
