# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is stored of each activation function, and what that does to the gradient.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: all as expected

A perceptron of four layers. One code for each element, or one and the masks that
codes cannot carry, is enough for what is smooth, however it is written.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import approx_act

ROWS, WIDTH, LAYERS = 128, 64, 4
BITS = 4

# Parameters of grids, which rows share: at most four of 32 bits for each column.
MOST_GRID_BITS = 4 * 32 / ROWS

# (function, bits stored of each element besides, greatest error of the gradient)
CASES: dict[str, tuple[Callable, float, float]] = {
    "gelu": (jax.nn.gelu, 4, 0.05),
    "gelu of erf": (functools.partial(jax.nn.gelu, approximate=False), 4, 0.05),
    "silu": (jax.nn.silu, 4, 0.06),
    "mish": (jax.nn.mish, 4, 0.06),
    "softplus": (jax.nn.softplus, 4, 0.01),
    "log sigmoid": (jax.nn.log_sigmoid, 4, 0.01),
    "squareplus": (jax.nn.squareplus, 4, 0.01),
    "elu": (jax.nn.elu, 4, 0.06),
    "selu": (jax.nn.selu, 4, 0.12),
    "wide silu by hand": (lambda x: x / (1 + jnp.exp(-3 * x)), 4, 0.08),
    "tanh by hand": (
        lambda x: (jnp.exp(x) - jnp.exp(-x)) / (jnp.exp(x) + jnp.exp(-x)),
        4,
        0.1,
    ),
    "bell": (lambda x: 4 / (1 + x * x), 4, 0.2),
    "soft sign": (jax.nn.soft_sign, 4, 0.14),
    "tanh": (jnp.tanh, 4, 0.1),
    "erf": (jax.scipy.special.erf, 4, 0.14),
    "gaussian": (lambda x: jnp.exp(-x * x), 4, 0.03),
    "arsinh": (jnp.arcsinh, 4, 0.08),
    "relu": (jax.nn.relu, 4, 0.02),
    "squared relu": (lambda x: jax.nn.relu(x) ** 2, 4, 0.1),
    "leaky relu": (jax.nn.leaky_relu, 4, 0.02),
    "relu6": (jax.nn.relu6, 5, 0.02),
    "hard tanh": (jax.nn.hard_tanh, 5, 0.2),
    "hard swish": (jax.nn.hard_silu, 5, 0.08),
    # Both functions are stored: they are many periods of the argument.
    "sine": (jnp.sin, 8, 0.1),
    "steep sine": (lambda x: jnp.sin(30 * x), 8, 0.4),
    # Steep at zero.
    "root": (lambda x: jnp.sqrt(jnp.abs(x) + 1e-3), 9, 0.1),
}


def make_step(function: Callable) -> Callable:
    """`(weights, x) -> (loss, gradient)`."""

    def loss(weights, x):
        for w in weights:
            x = function(x @ w)
        return jnp.mean(x**2)

    return jax.value_and_grad(loss)


def check(name: str) -> str:
    """What is wrong, or nothing."""
    function, most_bits, tolerance = CASES[name]
    step = make_step(function)
    rng = np.random.default_rng(0)
    weights = [
        (rng.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)).astype(np.float32)
        for _ in range(LAYERS)
    ]
    x = rng.standard_normal((ROWS, WIDTH)).astype(np.float32)
    rows = approx_act.residuals(step, weights, x, bits=BITS)
    stored = 8 * sum(row.bytes_after for row in rows) / (LAYERS * ROWS * WIDTH)
    loss, exact = jax.jit(step)(weights, x)
    actual, gradient = approx_act.jit(step, bits=BITS, strict=True)(weights, x)
    if actual != loss:
        return f"{name}: loss {actual}, exact {loss}"
    difference = np.concatenate([np.ravel(g - e) for g, e in zip(gradient, exact, strict=True)])
    error = np.linalg.norm(difference) / np.linalg.norm(np.concatenate(exact))
    print(f"{name}: {stored:.2f} bits an element, gradient error {error:.4f}")
    if stored > most_bits + MOST_GRID_BITS or not error <= tolerance:
        return f"{name}: {stored:.2f} bits, error {error:.4f}"
    return ""


def main() -> None:
    wrong = [problem for name in CASES if (problem := check(name))]
    print(f"wrong: {wrong}" if wrong else "all as expected")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
