"""Published milestones: models with their sizes, and the scales at which abilities were reported.

Every row names where its figures were printed. Sizes that were never published are None.
"""

from dataclasses import dataclass

EMERGENT = "Wei et al. 2022, arXiv:2206.07682, Table 1"


@dataclass(frozen=True)
class Milestone:
    """A model: `date` is year and month of publication, `parameters` the total, not the active."""

    date: str
    name: str
    parameters: float | None
    known_for: str
    source: str

    @property
    def year(self) -> float:
        """The date as a number: the middle of its month."""
        year, month = self.date.split("-")
        return int(year) + (int(month) - 0.5) / 12


@dataclass(frozen=True)
class Ability:
    """The scale at which an ability was reported to emerge in a family of models."""

    name: str
    flops: float
    parameters: float
    family: str
    reference: str


MODELS = (
    Milestone(
        "2017-06",
        "Transformer (big)",
        213e6,
        "attention without recurrence",
        "Vaswani et al., arXiv:1706.03762, Table 3",
    ),
    Milestone(
        "2018-06",
        "GPT-1",
        117e6,
        "pre-train on next tokens, then fine-tune",
        "Radford et al.; openai/finetune-transformer-lm",
    ),
    Milestone(
        "2018-10",
        "BERT large",
        340e6,
        "masked tokens, read in both directions",
        "Devlin et al., arXiv:1810.04805; google-research/bert",
    ),
    Milestone(
        "2019-02",
        "GPT-2 XL",
        1.558e9,
        "tasks without fine-tuning",
        "Radford et al.; openai/gpt-2, DEVELOPERS.md",
    ),
    Milestone(
        "2019-10",
        "T5 11B",
        11e9,
        "every task as text to text",
        "Raffel et al., arXiv:1910.10683",
    ),
    Milestone(
        "2020-05",
        "GPT-3",
        175e9,
        "tasks from a few examples in the prompt",
        "Brown et al., arXiv:2005.14165, Table 2.1",
    ),
    Milestone(
        "2021-12",
        "Gopher",
        280e9,
        "152 tasks, over models from 44M parameters up",
        "Rae et al., arXiv:2112.11446",
    ),
    Milestone(
        "2022-03",
        "Chinchilla",
        70e9,
        "smaller, more data: beats Gopher at equal compute",
        "Hoffmann et al., arXiv:2203.15556",
    ),
    Milestone(
        "2022-04",
        "PaLM",
        540.35e9,
        "the largest dense model of this list",
        "Chowdhery et al., arXiv:2204.02311, Table 1",
    ),
    Milestone(
        "2023-02",
        "LLaMA 65B",
        65.2e9,
        "public data, weights for researchers",
        "Touvron et al., arXiv:2302.13971",
    ),
    Milestone(
        "2023-03",
        "GPT-4",
        None,
        "loss predicted from runs of 1/10,000 the compute",
        "arXiv:2303.08774: size not disclosed",
    ),
    Milestone(
        "2024-01",
        "Mixtral 8x7B",
        46.7e9,
        "mixture of experts: 12.9B active a token",
        "Jiang et al., arXiv:2401.04088",
    ),
    Milestone(
        "2024-07",
        "Llama 3.1 405B",
        405e9,
        "the largest dense model with open weights here",
        "meta-llama/llama-models, llama3_1/MODEL_CARD.md",
    ),
    Milestone(
        "2024-12",
        "DeepSeek-V3",
        671e9,
        "mixture of experts: 37B active, 14.8T tokens",
        "arXiv:2412.19437; deepseek-ai/DeepSeek-V3, README",
    ),
    Milestone(
        "2025-08",
        "gpt-oss-120b",
        116.83e9,
        "mixture of experts: 5.1B active, 4-bit weights",
        "OpenAI, arXiv:2508.10925; openai/gpt-oss, README",
    ),
)

ABILITIES = (
    Ability("8-digit addition with a scratchpad", 8.9e19, 40e6, "LaMDA", "Nye et al. 2021"),
    Ability("Toxicity classification", 1.3e22, 7.1e9, "Gopher", "Rae et al. 2021"),
    Ability("Fact checking with open books", 1.3e22, 7.1e9, "Gopher", "Rae et al. 2021"),
    Ability("Ask-me-anything prompting", 1.4e22, 6e9, "EleutherAI", "Arora et al. 2022"),
    Ability("3-digit addition and subtraction", 2.3e22, 13e9, "GPT-3", "Brown et al. 2020"),
    Ability("Differentiable search index", 3.3e22, 11e9, "T5", "Tay et al. 2022"),
    Ability("Following instructions (fine-tuned)", 1.3e23, 68e9, "FLAN", "Wei et al. 2022a"),
    Ability("Chain of thought: word problems", 1.3e23, 68e9, "LaMDA", "Wei et al. 2022b"),
    Ability("Self-consistency decoding", 1.3e23, 68e9, "LaMDA", "Wang et al. 2022"),
    Ability("Calibration via P(True)", 2.6e23, 52e9, "Anthropic", "Kadavath et al. 2022"),
    Ability("Chain of thought: StrategyQA", 2.9e23, 62e9, "PaLM", "Chowdhery et al. 2022"),
    Ability("Multilingual chain of thought", 2.9e23, 62e9, "PaLM", "Shi et al. 2022"),
    Ability("4- and 5-digit addition", 3.1e23, 175e9, "GPT-3", "Brown et al. 2020"),
    Ability("MMLU, 57 topics", 3.1e23, 175e9, "GPT-3", "Hendrycks et al. 2021"),
    Ability("Grounded conceptual mappings", 3.1e23, 175e9, "GPT-3", "Patel & Pavlick 2022"),
    Ability("Least-to-most prompting", 3.1e23, 175e9, "GPT-3", "Zhou et al. 2022"),
    Ability("Zero-shot chain of thought", 3.1e23, 175e9, "GPT-3", "Kojima et al. 2022"),
    Ability("TruthfulQA", 5.0e23, 280e9, "Gopher", "Rae et al. 2021"),
    Ability("MMLU, 26 topics", 5.0e23, 280e9, "Gopher", "Rae et al. 2021"),
    Ability("Explanations in the prompt", 5.0e23, 280e9, "Gopher", "Lampinen et al. 2022"),
    Ability("MMLU, 30 topics", 5.0e23, 70e9, "Chinchilla", "Hoffmann et al. 2022"),
    Ability("Word in Context", 2.5e24, 540e9, "PaLM", "Chowdhery et al. 2022"),
)
