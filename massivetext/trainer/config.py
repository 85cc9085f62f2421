"""Models as data: the shapes of the Gopher family, and every parameter with its shape, axes and first value."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class ModelConfig:
    """A model's shape and how it is trained; vocabulary and context are replaced by those of the data."""

    name: str
    layers: int
    heads: int
    key_size: int
    width: int
    peak_learning_rate: float
    batch_tokens: int
    clip: float = 1.0
    doubles_batch: bool = False
    context: int = 2048
    vocabulary: int = 32_000
    mask_documents: bool = False
    rematerialise: bool = True
    compute_dtype: str = "bfloat16"

    @property
    def feed_forward(self) -> int:
        return 4 * self.width


# The README compares the counts with the papers. `tiny` is ours, made to show a falling loss on two CPU cores: it
# reads each record as rows of 256 tokens and keeps its activations.
_MODELS = (
    ModelConfig("tiny", 2, 2, 32, 64, 1e-2, 16_384, context=256, rematerialise=False),
    ModelConfig("44m", 8, 16, 32, 512, 6e-4, 262_144),
    ModelConfig("117m", 12, 12, 64, 768, 6e-4, 262_144),
    ModelConfig("417m", 12, 12, 128, 1536, 2e-4, 262_144),
    ModelConfig("1.4b", 24, 16, 128, 2048, 2e-4, 262_144),
    ModelConfig("7.1b", 32, 32, 128, 4096, 1.2e-4, 2_097_152, clip=0.25),
    ModelConfig("280b", 80, 128, 128, 16384, 4e-5, 3_145_728, clip=0.25, doubles_batch=True),
    ModelConfig("chinchilla-70b", 80, 64, 128, 8192, 1e-4, 1_572_864, doubles_batch=True),
)
MODELS: dict[str, ModelConfig] = {model.name: model for model in _MODELS}


def find_model(name: str) -> ModelConfig:
    """The model of that name, in any case; ValueError names the nearest one."""
    found = MODELS.get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), MODELS, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"no model is called {name!r}; {hint}there are {', '.join(MODELS)}")
    return found


class Parameter(NamedTuple):
    """One array: its shape, a logical axis per dimension, and its first value, mean + scale * normal."""

    shape: tuple[int, ...]
    axes: tuple[str | None, ...]
    scale: float
    mean: float = 0.0


def parameter_table(config: ModelConfig) -> dict[str, Parameter]:
    """Every parameter by name; those of the layers are stacked along a first axis called `layers`.

    `distance` is the projection of the relative sinusoids, `content_bias` and `distance_bias` the u and v of Dai et
    al. 2019. The papers print no initial values: ours are fan-in scales, with what each sublayer adds to the residual
    divided by sqrt(2 * layers) as in GPT-2, and half a fan-in scale for the tied embedding, so that the first loss
    is about log(vocabulary).
    """
    width, heads, key, forward = config.width, config.heads, config.key_size, config.feed_forward
    fan_in, added = width**-0.5, (2 * config.layers) ** -0.5
    projection = Parameter((width, heads, key), ("width", "heads", None), fan_in)
    bias = Parameter((heads, key), ("heads", None), 0)
    vector, norm = Parameter((width,), (None,), 0), Parameter((width,), (None,), 0, mean=1)
    layer = {
        "attention_norm": norm,
        "query": projection,
        "key": projection,
        "value": projection,
        "distance": projection,
        "content_bias": bias,
        "distance_bias": bias,
        "attended": Parameter((heads, key, width), ("heads", None, "width"), added * (heads * key) ** -0.5),
        "attended_bias": vector,
        "forward_norm": norm,
        "expand": Parameter((width, forward), ("width", "forward"), fan_in),
        "expand_bias": Parameter((forward,), ("forward",), 0),
        "contract": Parameter((forward, width), ("forward", "width"), added * forward**-0.5),
        "contract_bias": vector,
    }
    stacked = {
        name: row._replace(shape=(config.layers, *row.shape), axes=("layers", *row.axes)) for name, row in layer.items()
    }
    return {
        "embedding": Parameter((config.vocabulary, width), ("vocabulary", "width"), fan_in / 2),
        "logit_bias": Parameter((config.vocabulary,), ("vocabulary",), 0),
        "final_norm": norm,
        **stacked,
    }


def parameter_count(config: ModelConfig) -> int:
    """Number of trained scalars, the tied embedding once."""
    return sum(math.prod(row.shape) for row in parameter_table(config).values())


def describe_models() -> str:
    """A table of all models with their exact parameter counts at a vocabulary of 32,000."""
    heading = f"{'model':<15}{'layers':>7}{'heads':>6}{'key':>5}{'width':>7}{'peak LR':>9}{'batch':>22}{'clip':>6}"
    lines = [f"{heading}{'parameters':>17}"]
    for model in MODELS.values():
        batch = f"{model.batch_tokens:,}"
        if model.doubles_batch:
            batch += f" then {2 * model.batch_tokens:,}"
        shape = f"{model.name:<15}{model.layers:>7}{model.heads:>6}{model.key_size:>5}{model.width:>7}"
        recipe = f"{model.peak_learning_rate:>9.1e}{batch:>22}{model.clip:>6}"
        lines.append(f"{shape}{recipe}{parameter_count(model):>17,}")
    lines.append("batch in tokens; parameters at a vocabulary of 32,000 (a run takes its vocabulary from the data)")
    return "\n".join(lines)
