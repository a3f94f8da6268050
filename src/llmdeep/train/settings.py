"""What a run is: the shape of the model and how it is trained, as data."""

from dataclasses import asdict, dataclass, fields, replace


@dataclass(frozen=True)
class Settings:
    """One training run. Two runs with equal settings and equal text give equal models."""

    # The model: a Llama with tied embeddings.
    vocabulary_size: int = 2048
    d_model: int = 192
    n_layers: int = 6
    n_heads: int = 6
    n_kv_heads: int = 2
    d_head: int = 32
    d_ff: int = 512
    context: int = 256  # tokens
    rope_theta: float = 10_000.0
    # The training.
    epochs: float = 6.0  # passes over the text; the last may be cut short
    windows: int = 32  # stretches of `context` tokens in one step
    optimizer: str = "muon"  # or "adamw"; embedding and gains always take AdamW
    learning_rate: float = 0.004
    warmup: float = 0.02  # share of the steps in which the learning rate rises from 0
    weight_decay: float = 0.1
    dropout: float = 0.1  # share of every sub-layer's output set to 0
    split: float = 0.0  # share of tokens written as the two that were merged into them
    copies: float = 0.05  # share of windows of random tokens that repeat, to learn copying from
    seed: int = 0


_DRAFT = Settings(d_model=96, n_layers=2, n_heads=3, n_kv_heads=1, d_ff=256, dropout=0.0)
_QUICK = replace(_DRAFT, epochs=2.0)

# For each preset, the models that it trains, on one tokenizer.
PRESETS: dict[str, dict[str, Settings]] = {
    "quick": {"model": replace(_QUICK, n_layers=4), "draft": replace(_QUICK, d_model=48, d_ff=128)},
    "book": {"model": Settings(), "draft": _DRAFT},
}


def with_changes(settings: Settings, changes: dict[str, str]) -> Settings:
    """Settings with some fields replaced, their new values given as text ("epochs": "3").

    Raises:
        ValueError: For a field that does not exist, or text that is not a value of its type.
    """
    kinds = {field.name: type(getattr(settings, field.name)) for field in fields(settings)}
    values = {}
    for name, text in changes.items():
        if name not in kinds:
            raise ValueError(f"no setting is called {name!r}; there are: {', '.join(kinds)}")
        try:
            values[name] = kinds[name](text)
        except ValueError:
            raise ValueError(
                f"{name} must be a value of type {kinds[name].__name__}, got {text!r}"
            ) from None
    return checked(replace(settings, **values))


def checked(settings: Settings) -> Settings:
    """The settings themselves, if a model can be made from them.

    Raises:
        ValueError: If one of them is out of range, or two do not fit together.
    """
    for name, value in asdict(settings).items():
        positive = name not in {"dropout", "split", "copies", "warmup", "weight_decay", "seed"}
        if isinstance(value, int | float) and (value < 0 or (positive and value == 0)):
            raise ValueError(f"{name} must be {'positive' if positive else '0 or more'}: {value}")
    for name in ("dropout", "split", "copies", "warmup"):
        if getattr(settings, name) >= 1:
            raise ValueError(f"{name} is a share, below 1: {getattr(settings, name)}")
    if settings.n_heads % settings.n_kv_heads:
        raise ValueError(
            f"n_heads must be a multiple of n_kv_heads: {settings.n_heads}, {settings.n_kv_heads}"
        )
    if settings.d_model % settings.n_heads:  # not needed here, but `transformers` wants it
        raise ValueError(
            f"d_model must be a multiple of n_heads: {settings.d_model}, {settings.n_heads}"
        )
    if settings.d_head % 2:
        raise ValueError(f"d_head must be even, positions turn pairs: {settings.d_head}")
    if settings.vocabulary_size < 257:
        raise ValueError(
            f"vocabulary_size must be at least 257, 256 bytes and the end of a text: "
            f"{settings.vocabulary_size}"
        )
    if settings.optimizer not in {"muon", "adamw"}:
        raise ValueError(f"optimizer must be 'muon' or 'adamw': {settings.optimizer!r}")
    return settings
