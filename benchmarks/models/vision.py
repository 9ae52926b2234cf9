# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ViT and ConvNeXt in flax.linen, MLP-Mixer in flax.nnx: image classifiers with AdamW."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from . import training
from .training import Program, State, Way


def optimizer() -> optax.GradientTransformation:
    """AdamW."""
    return optax.adamw(1e-3, weight_decay=0.05)


def classifier(
    make: Callable[[Way], nn.Module], batch: int, size: int, text: str, dtype: Any = jnp.float32
) -> Program:
    """The step of a flax.linen network without state."""

    def make_step(way: Way) -> training.Step:
        model = make(way)

        def loss(params: Any, _: Any, x: Array, labels: Array) -> tuple[Array, Any]:
            return training.cross_entropy(model.apply({"params": params}, x), labels), None

        return training.gradient_step(loss, optimizer(), way)

    def init(key: Array) -> State:
        params = make(Way()).init(key, jnp.zeros((1, size, size, 3)))["params"]
        return State(params, optimizer().init(params))

    return Program(
        make_step,
        init,
        lambda key: training.images(key, batch, size),
        f"batch {batch}, {size}², {text}",
        loss_tolerance=training.tolerance(dtype),
    )


class Encoder(nn.Module):
    """A block of a vision transformer, with flax's own attention."""

    heads: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Of [B, T, width]."""
        width = x.shape[-1]
        h = nn.LayerNorm(dtype=self.dtype)(x)
        x = x + nn.MultiHeadDotProductAttention(self.heads, dtype=self.dtype)(h)
        h = nn.LayerNorm(dtype=self.dtype)(x)
        h = nn.gelu(nn.Dense(4 * width, dtype=self.dtype)(h))
        return x + nn.Dense(width, dtype=self.dtype)(h)


class Vit(nn.Module):
    """A vision transformer with a class token."""

    way: Way
    patch: int
    width: int
    layers: int
    heads: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Logits [N, 10] of images [N, H, W, 3]."""
        patch = (self.patch, self.patch)
        x = nn.Conv(self.width, patch, patch, padding="VALID", dtype=self.dtype)(x)
        x = x.reshape(len(x), -1, self.width)
        token = self.param("token", nn.initializers.zeros, (1, 1, self.width))
        token = jnp.broadcast_to(token, (len(x), 1, self.width)).astype(x.dtype)
        x = jnp.concatenate([token, x], axis=1)
        shape = (1, *x.shape[1:])
        x = x + self.param("positions", nn.initializers.normal(0.02), shape).astype(x.dtype)
        block = self.way.module(Encoder)
        for _ in range(self.layers):
            x = block(self.heads, self.dtype)(x)
        x = nn.LayerNorm(dtype=self.dtype)(x)
        return nn.Dense(10, dtype=self.dtype)(x[:, 0]).astype(jnp.float32)


def vit(small: bool, dtype: Any = jnp.float32) -> Program:
    """Patches of 2², so that the scores are large."""
    batch, size, patch, width, layers, heads = (
        (4, 8, 2, 32, 2, 2) if small else (16, 32, 2, 96, 4, 3)
    )
    return classifier(
        lambda way: Vit(way, patch, width, layers, heads, dtype),
        batch,
        size,
        f"patches of {patch}², {layers} layers, width {width}",
        dtype,
    )


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, LayerNorm, GELU between two dense layers, layer scale."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Of images [N, H, W, C]."""
        width = x.shape[-1]
        h = nn.Conv(width, (7, 7), feature_group_count=width)(x)
        h = nn.LayerNorm()(h)
        h = nn.gelu(nn.Dense(4 * width)(h), approximate=False)
        h = nn.Dense(width)(h)
        scale = self.param("scale", nn.initializers.constant(0.1), (width,))
        return x + scale * h


class ConvNeXt(nn.Module):
    """Two stages of blocks with a downsampling convolution before each."""

    way: Way
    width: int
    blocks: tuple[int, ...] = (2, 2)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Logits [N, 10] of images [N, H, W, 3]."""
        block = self.way.module(ConvNeXtBlock)
        for stage, count in enumerate(self.blocks):
            if stage:
                x = nn.LayerNorm()(x)
            x = nn.Conv(self.width << stage, (2, 2), (2, 2))(x)
            for _ in range(count):
                x = block()(x)
        return nn.Dense(10)(nn.LayerNorm()(x.mean((1, 2))))


def convnext(small: bool) -> Program:
    """Exact GELU (erf), as in the paper."""
    batch, size, width = (4, 16, 8) if small else (32, 32, 32)
    return classifier(lambda way: ConvNeXt(way, width), batch, size, f"width {width}")


class MixerBlock(nnx.Module):
    """Two perceptrons with GELU: across patches, then across channels."""

    def __init__(self, patches: int, width: int, *, rngs: nnx.Rngs):
        self.norms = nnx.List([nnx.LayerNorm(width, rngs=rngs) for _ in range(2)])
        self.tokens = nnx.List(
            [
                nnx.Linear(patches, 2 * patches, rngs=rngs),
                nnx.Linear(2 * patches, patches, rngs=rngs),
            ]
        )
        self.channels = nnx.List(
            [nnx.Linear(width, 4 * width, rngs=rngs), nnx.Linear(4 * width, width, rngs=rngs)]
        )

    def __call__(self, x: Array) -> Array:
        """Of [B, patches, width]."""
        h = self.norms[0](x).swapaxes(1, 2)
        h = self.tokens[1](nnx.gelu(self.tokens[0](h)))
        x = x + h.swapaxes(1, 2)
        return x + self.channels[1](nnx.gelu(self.channels[0](self.norms[1](x))))


class Mixer(nnx.Module):
    """MLP-Mixer."""

    def __init__(self, size: int, patch: int, width: int, layers: int, *, rngs: nnx.Rngs):
        window = (patch, patch)
        self.stem = nnx.Conv(3, width, window, window, padding="VALID", rngs=rngs)
        patches = (size // patch) ** 2
        self.blocks = nnx.List([MixerBlock(patches, width, rngs=rngs) for _ in range(layers)])
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.head = nnx.Linear(width, 10, rngs=rngs)

    def __call__(self, x: Array, way: Way) -> Array:
        """Logits [N, 10] of images [N, H, W, 3]."""
        x = self.stem(x)
        x = x.reshape(len(x), -1, x.shape[-1])
        for block in self.blocks:
            graph, params = nnx.split(block)
            x = way.function(lambda params, x, graph=graph: nnx.merge(graph, params)(x))(params, x)
        return self.head(self.norm(x).mean(1))


def mixer(small: bool) -> Program:
    """A network in nnx, split into its graph and parameters for the step."""
    batch, size, patch, width, layers = (4, 8, 2, 16, 2) if small else (32, 32, 2, 64, 4)
    graph = nnx.graphdef(Mixer(size, patch, width, layers, rngs=nnx.Rngs(0)))

    def make_step(way: Way) -> training.Step:
        def loss(params: Any, _: Any, x: Array, labels: Array) -> tuple[Array, Any]:
            return training.cross_entropy(nnx.merge(graph, params)(x, way), labels), None

        return training.gradient_step(loss, optimizer(), way)

    def init(key: Array) -> State:
        params = nnx.state(Mixer(size, patch, width, layers, rngs=nnx.Rngs(key)), nnx.Param)
        return State(params, optimizer().init(params))

    return Program(
        make_step,
        init,
        lambda key: training.images(key, batch, size),
        f"batch {batch}, {size}², patches of {patch}², {layers} layers, width {width}",
    )
