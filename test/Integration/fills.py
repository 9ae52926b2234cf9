# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Zeros that sums start from are written where they are read: the same numbers.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: embedding: 1 constant waits, loss equal, gradient close
CHECK: scan: 1 constant waits, loss equal, gradient close
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

import approx_act
from approx_act import importer

ROWS, WIDTH, LAYERS = 256, 128, 3


def embedding(params, x, ids):
    """Scatters into zeros the gradient of a table."""
    w, table = params[:2]
    return jnp.mean(jnp.tanh(jnp.tanh((x + table[ids]) @ w[0]) @ w[1]) ** 2)


def scan(params, x, ids):
    """Stacks gradients of layers in zeros."""
    h, _ = lax.scan(lambda h, w: (jnp.tanh(h @ w), None), x, params[0])
    return jnp.mean(h**2)


def check(name: str, loss: Callable) -> None:
    """Raises unless numbers agree."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((LAYERS, WIDTH, WIDTH)).astype(np.float32) / 9
    params = weights, rng.standard_normal((ROWS, WIDTH)).astype(np.float32)
    x = rng.standard_normal((ROWS, WIDTH)).astype(np.float32)
    step = jax.value_and_grad(loss)
    arguments = params, x, rng.permutation(ROWS)
    exact_loss, exact = jax.jit(step)(*arguments)
    actual_loss, gradient = approx_act.jit(step, bits=8, strict=True)(*arguments)
    assert exact_loss == actual_loss, f"{name}: loss {actual_loss}, exact {exact_loss}"
    for a, e in zip(gradient, exact, strict=True):
        error = np.linalg.norm(a - e) / max(np.linalg.norm(e), 1e-30)
        assert error < 0.02, f"{name}: gradient differs by {error}"
    text = importer.import_module(export.export(jax.jit(step))(*arguments))
    command = ["approx-act-opt", "--approx-act-pipeline=bits=8 target=approx_act"]
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
    count = len(re.findall(r"approx_act\.barrier[^:]*: tensor<f32>, ", done.stdout))
    waits = "1 constant waits" if count == 1 else f"{count} constants wait"
    print(f"{name}: {waits}, loss equal, gradient close")


if __name__ == "__main__":
    for function in (embedding, scan):
        check(function.__name__, function)
