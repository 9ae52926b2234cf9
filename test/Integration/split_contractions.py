# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradients of weights, summed by ranges of the batch, are those of the whole sum.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: dense: 5 parts more, equal but for rounding
CHECK: sequence: 5 parts more, equal but for rounding
CHECK: NHWC: 5 parts more, equal but for rounding
CHECK: NCHW, strides: 5 parts more, equal but for rounding
CHECK: depthwise: 5 parts more, equal but for rounding
CHECK: scan: 10 parts more, equal but for rounding
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

from approx_act import importer

BATCH = 12


def convolution(layout: tuple[str, str, str], **kwargs: Any) -> Callable:
    def apply(x, w):
        kwargs.setdefault("window_strides", (1, 1))
        return lax.conv_general_dilated(x, w, padding="SAME", dimension_numbers=layout, **kwargs)

    return apply


def scanned(x, w):
    return lax.scan(lambda h, _: (jnp.tanh(h @ w), None), x, length=3)[0]


# (shape of the input, shape of the weight, layer); the weight is applied twice.
NHWC, NCHW = ("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW")
CASES: dict[str, tuple] = {
    "dense": ((BATCH * 32, 32), (32, 32), jnp.matmul),
    "sequence": ((BATCH, 40, 32), (32, 32), jnp.matmul),
    "NHWC": ((BATCH, 16, 16, 16), (3, 3, 16, 16), convolution(NHWC)),
    "NCHW, strides": (
        (BATCH, 16, 32, 32),
        (16, 16, 3, 3),
        convolution(NCHW, window_strides=(2, 2)),
    ),
    "depthwise": (
        (BATCH, 8, 8, 16),
        (3, 3, 1, 16),
        convolution(NHWC, feature_group_count=16),
    ),
    "scan": ((BATCH * 32, 32), (32, 32), scanned),
}


def make_step(layer: Callable) -> Callable:
    def step(weights, x):
        def loss(weights):
            h = jnp.tanh(layer(x, weights[0]))
            return jnp.mean(jnp.tanh(layer(h, weights[1])) ** 2)

        return jax.value_and_grad(loss)(weights)

    return step


def compiler(text: str, *passes: str) -> str:
    command = ["approx-act-opt", "--mlir-print-op-generic", *passes]
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def compare(step: Callable, args: tuple, bits: int, split: str, tolerance: float) -> int:
    """Raises unless a pass leaves the loss as it is, and gradients but for rounding.

    Returns how many contractions it has added.
    """
    exported = export.export(jax.jit(step))(*args)
    text = importer.import_module(exported)
    pipeline = f"--approx-act-pipeline=bits={bits} target=approx_act min-fraction=0"
    whole = compiler(text, pipeline)
    parts = compiler(whole, split)
    lower = "--convert-approx-act-to-stablehlo"
    (loss, expected), (actual_loss, actual) = (
        jax.jit(importer.to_exported(compiler(module, lower), exported).call)(*args)
        for module in (whole, parts)
    )
    assert loss == actual_loss, f"loss {actual_loss}, not {loss}"
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        error = np.linalg.norm(a - e) / np.linalg.norm(e)
        assert np.any(e) and error < tolerance, f"differs by {error}"
    op = r'"stablehlo\.(dot_general|convolution)"'
    return len(re.findall(op, parts)) - len(re.findall(op, whole))


def check(name: str) -> None:
    """Raises unless the sums of the ranges are the whole ones."""
    shape, weight, layer = CASES[name]
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(weight).astype(np.float32) / 4 for _ in range(2)]
    x = rng.standard_normal(shape).astype(np.float32)
    split = "--approx-act-split-contractions=min-bytes=1 max-ranges=6"
    added = compare(make_step(layer), (weights, x), 8, split, 1e-6)
    print(f"{name}: {added} parts more, equal but for rounding")


if __name__ == "__main__":
    for case in CASES:
        check(case)
