# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A U-Net in flax.linen that removes noise: group norm, SiLU, skip connections that live long."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from . import training
from .training import Program, State, Way


class Double(nn.Module):
    """Two convolutions, each normalised in groups and followed by SiLU."""

    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Of images [N, H, W, C]."""
        for _ in range(2):
            x = nn.Conv(self.features, (3, 3))(x)
            x = nn.silu(nn.GroupNorm(num_groups=4)(x))
        return x


class UNet(nn.Module):
    """Down by average pooling, up by transposed convolutions, with concatenated skips."""

    way: Way
    width: int
    depth: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Of images [N, H, W, C], to the same shape."""
        channels = x.shape[-1]
        block = self.way.module(Double)
        skips = []
        for level in range(self.depth):
            x = block(self.width << level)(x)
            skips.append(x)
            x = nn.avg_pool(x, (2, 2), (2, 2))
        x = block(self.width << self.depth)(x)
        for level in reversed(range(self.depth)):
            x = nn.ConvTranspose(self.width << level, (2, 2), (2, 2))(x)
            x = block(self.width << level)(jnp.concatenate([skips[level], x], axis=-1))
        return nn.Conv(channels, (1, 1))(x)


def denoise(small: bool) -> Program:
    """Mean squared error of the noise that was added."""
    batch, size, width, depth = (2, 16, 8, 2) if small else (16, 64, 16, 3)
    optimizer = optax.adam(1e-3)

    def make_step(way: Way) -> training.Step:
        model = UNet(way, width, depth)

        def loss(params: Any, _: Any, x: Array, noise: Array) -> tuple[Array, Any]:
            return jnp.mean((model.apply({"params": params}, x + noise) - noise) ** 2), None

        return training.gradient_step(loss, optimizer, way)

    def init(key: Array) -> State:
        params = UNet(Way(), width, depth).init(key, jnp.zeros((1, size, size, 3)))["params"]
        return State(params, optimizer.init(params))

    def make_batch(key: Array) -> tuple[Array, Array]:
        x, _ = training.images(key, batch, size)
        return x, 0.5 * jax.random.normal(jax.random.fold_in(key, 1), x.shape)

    return Program(
        make_step, init, make_batch, f"batch {batch}, {size}², {depth} levels, width {width}"
    )
