# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A batch-normalised pre-activation residual network in plain JAX.

Every activation that the network keeps for its backward pass is the input of one
*layer*: batch norm, ReLU, then a map that is linear in its activation (one or two
convolutions, or the pooled classifier). The benchmark compares ways to store that
input, so the layer is an argument of the network (see `Layer`) and everything else
is common to all the variants.

Parameters are a pytree of dicts and lists of f32 arrays; nothing is captured in the
step's closure but shapes and options.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

Params = dict[str, Any]
# Linear in the first argument when the others, the weights, are fixed.
Linear = Callable[..., Any]
# (x [..., C], scale [C], shift [C]) -> x normalised per channel, scaled and shifted.
Norm = Callable[[Array, Array, Array], Array]

EPSILON = 1e-5


class Layer(Protocol):
    """One way to compute a layer, and to keep what its derivative needs."""

    def __call__(
        self, linear: Linear, x: Array, scale: Array, shift: Array, *weights: Array
    ) -> Any:
        """Returns `linear(relu(batch_norm(x, scale, shift)), *weights)`."""
        ...


@dataclasses.dataclass(frozen=True)
class Config:
    """Shape of the network.

    Attributes:
        blocks: residual blocks in each stage; a stage after the first halves the
            image. A bottleneck network has depth `9 * blocks + 2` over three stages.
        widths: channels of each stage, before the expansion.
        expansion: 4 for bottleneck blocks (1x1, 3x3, 1x1), 1 for basic ones (3x3, 3x3).
        channels: channels of the input image.
        classes: number of labels.
    """

    blocks: int
    widths: tuple[int, ...] = (16, 32, 64)
    expansion: int = 4
    channels: int = 3
    classes: int = 10

    @staticmethod
    def of_depth(depth: int, classes: int = 10) -> "Config":
        """The bottleneck network of `depth` = 9n + 2 convolution and dense layers."""
        blocks, rest = divmod(depth - 2, 9)
        if blocks < 1 or rest:
            raise ValueError(f"depth must be 9n + 2 with n >= 1, got {depth}")
        return Config(blocks, classes=classes)

    def convolutions(self, stage: int, block: int) -> list[tuple[int, int, int, int]]:
        """(kernel, inputs, outputs, stride) of the convolutions of one block."""
        width = self.widths[stage]
        out = width * self.expansion
        stride = 2 if stage and not block else 1
        if block:
            inputs = out
        else:
            inputs = self.widths[stage - 1] * self.expansion if stage else self.widths[0]
        if self.expansion == 1:
            return [(3, inputs, out, stride), (3, out, out, 1)]
        return [(1, inputs, width, 1), (3, width, width, stride), (1, width, out, 1)]


def centred_batch_norm(x: Array, scale: Array, shift: Array) -> Array:
    """Normalises `x` [..., C] by its batch statistics, variance as E[(x - E[x])²]."""
    axes = tuple(range(x.ndim - 1))
    centred = x - jnp.mean(x, axes)
    variance = jnp.mean(jnp.square(centred), axes)
    return centred * jax.lax.rsqrt(variance + EPSILON) * scale + shift


def flax_batch_norm(x: Array, scale: Array, shift: Array) -> Array:
    """Normalises `x` [..., C] as `flax.linen.BatchNorm` does, variance as E[x²] − E[x]²."""
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    variance = jnp.maximum(0.0, jnp.mean(jnp.square(x), axes) - jnp.square(mean))
    return (x - mean) * (jax.lax.rsqrt(variance + EPSILON) * scale) + shift


BATCH_NORMS: dict[str, Norm] = {
    "hand": centred_batch_norm,
    "flax": flax_batch_norm,
}


def exact_layer(
    linear: Linear,
    x: Array,
    scale: Array,
    shift: Array,
    *weights: Array,
    norm: Norm = centred_batch_norm,
) -> Any:
    """The layer as one writes it, differentiated by JAX. See `Layer`."""
    return linear(jax.nn.relu(norm(x, scale, shift)), *weights)


def convolve(x: Array, kernel: Array, stride: int = 1) -> Array:
    """`SAME` convolution of `x` [N, H, W, C] with `kernel` [h, w, C, D]."""
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def project(x: Array, kernel: Array, shortcut: Array, *, stride: int, step: int) -> tuple:
    """The two convolutions that share a block's first activation: its path and its shortcut."""
    return convolve(x, kernel, stride), convolve(x, shortcut, step)


def classify(x: Array, kernel: Array, bias: Array) -> Array:
    """Logits [N, K] of the mean over the image of `x` [N, H, W, C]."""
    return jnp.mean(x, (1, 2)) @ kernel + bias


def init(key: Array, config: Config) -> Params:
    """Parameters at initialisation: He-normal kernels, scale 1, shift 0."""

    def kernel(size: int, inputs: int, outputs: int) -> Array:
        nonlocal key
        key, subkey = jax.random.split(key)
        deviation = (2.0 / (size * size * inputs)) ** 0.5
        return deviation * jax.random.normal(subkey, (size, size, inputs, outputs))

    def norm(channels: int) -> Params:
        return {"scale": jnp.ones(channels), "shift": jnp.zeros(channels)}

    blocks = []
    for stage in range(len(config.widths)):
        for index in range(config.blocks):
            convolutions = config.convolutions(stage, index)
            block: Params = {
                "layers": [
                    {**norm(inputs), "kernel": kernel(size, inputs, outputs)}
                    for size, inputs, outputs, _ in convolutions
                ]
            }
            if index == 0:
                block["shortcut"] = kernel(1, convolutions[0][1], convolutions[-1][2])
            blocks.append(block)
    features = config.widths[-1] * config.expansion
    return {
        "stem": kernel(3, config.channels, config.widths[0]),
        "blocks": blocks,
        "head": {
            **norm(features),
            "kernel": kernel(1, features, config.classes)[0, 0],
            "bias": jnp.zeros(config.classes),
        },
    }


def apply_block(block: Params, x: Array, *, strides: tuple[int, ...], layer: Layer) -> Array:
    """One residual block on `x` [N, H, W, C]; the shortcut is the identity unless projected."""
    shortcut = x
    for index, (stride, p) in enumerate(zip(strides, block["layers"], strict=True)):
        if index == 0 and "shortcut" in block:
            linear = functools.partial(project, stride=stride, step=max(strides))
            x, shortcut = layer(linear, x, p["scale"], p["shift"], p["kernel"], block["shortcut"])
        else:
            linear = functools.partial(convolve, stride=stride)
            x = layer(linear, x, p["scale"], p["shift"], p["kernel"])
    return shortcut + x


def logits(
    params: Params,
    x: Array,
    config: Config,
    *,
    layer: Layer = exact_layer,
    block: Callable = apply_block,
) -> Array:
    """Logits [N, classes] of images `x` [N, H, W, channels]; `block` may wrap `apply_block`."""
    h = convolve(x, params["stem"])
    for index, p in enumerate(params["blocks"]):
        convolutions = config.convolutions(*divmod(index, config.blocks))
        strides = tuple(stride for *_, stride in convolutions)
        h = block(p, h, strides=strides, layer=layer)
    p = params["head"]
    return layer(classify, h, p["scale"], p["shift"], p["kernel"], p["bias"])


def cross_entropy(z: Array, y: Array) -> Array:
    """Mean softmax cross-entropy of logits `z` [N, K] against labels `y` [N] (integers)."""
    return -jnp.mean(jnp.sum(jax.nn.log_softmax(z) * jax.nn.one_hot(y, z.shape[-1]), -1))


def loss(params: Params, x: Array, y: Array, config: Config, **options: Any) -> Array:
    """Training loss of one batch, a scalar. `options` are those of `logits`."""
    return cross_entropy(logits(params, x, config, **options), y)


def make_step(config: Config, **options: Any) -> Callable[[Params, Array, Array], tuple]:
    """The step `(params, x, y) -> (loss, grads)`. `options` are those of `logits`."""

    def step(params: Params, x: Array, y: Array) -> tuple[Array, Params]:
        return jax.value_and_grad(loss)(params, x, y, config, **options)

    return step


def sgd(
    params: Params, velocity: Params, grads: Params, rate: Any, momentum: float = 0.9
) -> tuple[Params, Params]:
    """One step of gradient descent with momentum; returns new (params, velocity)."""
    velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, grads)
    return jax.tree.map(lambda p, v: p - rate * v, params, velocity), velocity


def random_batch(key: Array, batch: int, config: Config, size: int = 32) -> tuple[Array, Array]:
    """Images [batch, size, size, channels] whose class is written in them, and labels [batch].

    Each image is noise plus a pattern fixed by its label, so that a few steps of
    training move the parameters as real data would.
    """
    noise, pattern, label = jax.random.split(key, 3)
    y = jax.random.randint(label, (batch,), 0, config.classes)
    patterns = jax.random.normal(pattern, (config.classes, size, size, config.channels))
    x = jax.random.normal(noise, (batch, size, size, config.channels)) + patterns[y]
    return x, y
