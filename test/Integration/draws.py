# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps that draw random numbers: the same numbers, drawn where they are read.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: threefry2x32: loss equal, gradient close, 3 draws wait
CHECK: rbg: loss equal, gradient close, 3 draws wait
"""

from __future__ import annotations

import re
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

import approx_act
from approx_act import importer

ROWS, WIDTH = 256, 128


def dropout(h: jax.Array, mask: jax.Array) -> jax.Array:
    return jnp.where(mask, h / 0.8, 0.0)


def step(params, x, key):
    """Dropout, a mask that two values share, noise on a cotangent's way, and noise on an input."""
    keys = jax.random.split(key, 4)

    def loss(params):
        w0, w1, w2, w3 = params
        h = x + 0.1 * jax.random.normal(keys[0], x.shape)
        h = dropout(jnp.tanh(h @ w0), jax.random.bernoulli(keys[1], 0.8, x.shape))
        shared = jax.random.bernoulli(keys[2], 0.8, x.shape)
        h = dropout(jnp.tanh(h @ w1), shared)
        h = dropout(jnp.tanh(h @ w2), shared)
        h = h @ w3
        return jnp.mean((h + 0.1 * jax.random.normal(keys[3], h.shape)) ** 2)

    return jax.value_and_grad(loss)(params)


def count_waiting(text: str) -> int:
    """Barriers of a key and a value that something drawn meets."""
    types = r"(?:tensor<\d*x?ui(?:32|64)>, )+tensor<(\d+)x(\d+)xf32>"
    return len(re.findall(rf"approx_act\.barrier[^:]*: {types}", text))


def check(implementation: str) -> None:
    """Raises unless numbers agree."""
    rng = np.random.default_rng(0)
    params = [rng.standard_normal((WIDTH, WIDTH)).astype(np.float32) / 9 for _ in range(4)]
    x = rng.standard_normal((ROWS, WIDTH)).astype(np.float32)
    key = jax.random.key(7, impl=implementation)
    loss, exact = jax.jit(step)(params, x, key)
    approximated = approx_act.jit(step, bits=8, strict=True)
    actual, gradient = approximated(params, x, key)
    assert loss == actual, f"{implementation}: loss {actual}, exact {loss}"
    for a, e in zip(gradient, exact, strict=True):
        error = np.linalg.norm(a - e) / np.linalg.norm(e)
        assert error < 0.02, f"{implementation}: gradient differs by {error}"
    text = importer.import_module(export.export(jax.jit(step))(params, x, key))
    command = ["approx-act-opt", "--approx-act-pipeline=bits=8 target=approx_act"]
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
    count = count_waiting(done.stdout)
    print(f"{implementation}: loss equal, gradient close, {count} draws wait")


if __name__ == "__main__":
    for name in ("threefry2x32", "rbg"):
        check(name)
