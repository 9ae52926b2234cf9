# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A VGG in flax.linen: convolutions with bias, max-pool, dropout."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from . import training
from .training import Program, State, Way


class Stage(nn.Module):
    """Two convolutions and a max-pool."""

    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Of images [N, H, W, C]; returns [N, H/2, W/2, features]."""
        for _ in range(2):
            x = nn.relu(nn.Conv(self.features, (3, 3))(x))
        return nn.max_pool(x, (2, 2), (2, 2))


class Vgg(nn.Module):
    """Stages, then two dense layers with dropout."""

    way: Way
    width: int
    stages: int = 4
    classes: int = 10

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        """Logits [N, classes] of images [N, H, W, C]."""
        for index in range(self.stages):
            x = self.way.module(Stage)(self.width << index)(x)
            x = nn.Dropout(0.2, deterministic=not train)(x)
        x = x.reshape(len(x), -1)
        x = nn.relu(nn.Dense(self.width << self.stages)(x))
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(self.classes)(x)


def adam(small: bool) -> Program:
    """Trained with Adam; dropout takes a key of the batch."""
    batch, size, width, stages = (4, 16, 8, 2) if small else (128, 32, 32, 3)
    optimizer = optax.adam(1e-3)

    def make_step(way: Way) -> training.Step:
        model = Vgg(way, width, stages)

        def loss(params: Any, _: Any, x: Array, labels: Array, key: Array) -> tuple[Array, Any]:
            logits = model.apply({"params": params}, x, rngs={"dropout": key})
            return training.cross_entropy(logits, labels), None

        return training.gradient_step(loss, optimizer, way)

    def init(key: Array) -> State:
        params = Vgg(Way(), width, stages).init(key, jnp.zeros((1, size, size, 3)), False)["params"]
        return State(params, optimizer.init(params))

    def make_batch(key: Array) -> tuple:
        return *training.images(key, batch, size), jax.random.fold_in(key, 1)

    return Program(make_step, init, make_batch, f"batch {batch}, {size}², width {width}")
