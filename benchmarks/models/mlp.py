# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A plain multi-layer perceptron with ReLU, the smallest useful input of the compiler."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .resnet import cross_entropy

Params = list[dict[str, Any]]


def init(key: Array, widths: tuple[int, ...]) -> Params:
    """He-normal weights and zero biases of `len(widths) - 1` dense layers."""
    return [
        {
            "kernel": jax.random.normal(k, (m, n)) * (2.0 / m) ** 0.5,
            "bias": jnp.zeros(n),
        }
        for k, m, n in zip(
            jax.random.split(key, len(widths) - 1), widths[:-1], widths[1:], strict=True
        )
    ]


def loss(params: Params, x: Array, y: Array) -> Array:
    """Softmax cross-entropy of inputs `x` [N, features] against labels `y` [N]."""
    for p in params[:-1]:
        x = jax.nn.relu(x @ p["kernel"] + p["bias"])
    return cross_entropy(x @ params[-1]["kernel"] + params[-1]["bias"], y)


def step(params: Params, x: Array, y: Array) -> tuple[Array, Params]:
    """The training step `(params, x, y) -> (loss, grads)`."""
    return jax.value_and_grad(loss)(params, x, y)
