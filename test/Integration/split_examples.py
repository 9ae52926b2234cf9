# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Layers done for some examples at a time compute what they computed for all.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: convolutions: 18 parts more, loss equal, gradients but for rounding
CHECK: attention: 21 parts more, loss equal, gradients but for rounding
CHECK: wide: 6 parts more, loss equal, gradients but for rounding
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from split_contractions import NHWC, compare, convolution

BATCH = 16


def pooled(x, params):
    """Two convolutions with bias and ReLU, and a max-pool."""
    for w, b in params[:2]:
        x = jnp.maximum(convolution(NHWC)(x, w) + b, 0)
    window = (1, 2, 2, 1)
    x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
    return jnp.tanh(x.reshape(len(x), -1) @ params[2])


def attention(x, params):
    """The scores are the largest values by far."""
    q, k, v = (jnp.tanh(x @ w) for w in params)
    scores = jax.nn.softmax(jnp.einsum("bqd,bkd->bqk", q, k))
    return jnp.einsum("bqk,bkd->bqd", scores, v)


def wide(x, params):
    """A layer of many units, the codes of which are in words of two examples."""
    for w in params:
        x = jnp.tanh(x @ w)
    return x


CASES: dict[str, tuple] = {
    "convolutions": (
        (BATCH, 32, 32, 3),
        (
            ((3, 3, 3, 16), (16,)),
            ((3, 3, 16, 16), (16,)),
            (16 * 16 * 16, 8),
        ),
        pooled,
    ),
    "attention": ((BATCH, 128, 8), ((8, 8),) * 3, attention),
    "wide": ((512, 16), ((16, 1024), (1024, 8)), wide),
}


def check(name: str) -> None:
    """Raises unless the ranges are there and give what the whole gives."""
    shape, weights, layers = CASES[name]
    rng = np.random.default_rng(0)

    def draw(shape):
        if isinstance(shape[0], tuple):
            return tuple(draw(s) for s in shape)
        return rng.standard_normal(shape).astype(np.float32) / 4

    params = tuple(draw(s) for s in weights)
    x = rng.standard_normal(shape).astype(np.float32)

    def step(params, x):
        return jax.value_and_grad(lambda p: jnp.mean(layers(x, p) ** 2))(params)

    split = "--approx-act-split-examples=min-bytes=1"
    added = compare(step, (params, x), 4, split, 1e-5)
    print(f"{name}: {added} parts more, loss equal, gradients but for rounding")


if __name__ == "__main__":
    for case in CASES:
        check(case)
