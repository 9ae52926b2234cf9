# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s | FileCheck %s
# CHECK: programs agree with XLA
"""Runs JAX functions as kernels, in strict mode on poisoned memory, and compares with XLA.

Each function is there for something that its lowering could get wrong: a shape that
no vector width divides, a constant, an argument that is returned, an order of updates.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import export as jax_export
from jax import lax

from approx_act import importer

GENERATOR = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return GENERATOR.standard_normal(shape).astype(np.float32)


def labels(*shape: int, classes: int) -> np.ndarray:
    return GENERATOR.integers(0, classes, shape).astype(np.int32)


def conv(x: jax.Array, w: jax.Array, stride: int = 1, padding: str = "SAME") -> jax.Array:
    dims = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=dims)


def conv_gradients(stride: int) -> Callable:
    return jax.grad(lambda x, w: jnp.sum(conv(x, w, stride) ** 2), (0, 1))


def norm(x: jax.Array, scale: jax.Array) -> jax.Array:
    centred = x - x.mean((0, 1, 2))
    return jax.nn.relu(scale * centred * lax.rsqrt((centred**2).mean((0, 1, 2)) + 1e-5))


def cross_entropy(x: jax.Array, y: jax.Array) -> jax.Array:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1))


IMAGE, WEIGHT = normal(2, 8, 8, 16), normal(3, 3, 16, 8)
PLACES = np.array([3, 3, 8, 20, 0], np.int32)  # One twice, one outside.

PROGRAMS: dict[str, tuple[Callable, tuple[Any, ...]]] = {
    "product": (jnp.matmul, (normal(130, 70), normal(70, 33))),
    "batched product": (
        lambda a, b: jnp.einsum("bij,bkj->bik", a, b),
        (normal(3, 13, 7), normal(3, 5, 7)),
    ),
    "convolution": (conv, (IMAGE, WEIGHT)),
    "convolution, strided": (lambda x, w: conv(x, w, 2), (IMAGE, WEIGHT)),
    "convolution, valid, odd": (
        lambda x, w: conv(x, w, 2, "VALID"),
        (normal(1, 7, 9, 3), normal(3, 2, 3, 5)),
    ),
    "convolution's gradients": (conv_gradients(1), (IMAGE, WEIGHT)),
    "strided convolution's gradients": (conv_gradients(2), (IMAGE, WEIGHT)),
    "norm": (norm, (IMAGE, normal(16))),
    "norm's gradients": (
        jax.grad(lambda x, s: jnp.sum(norm(x, s) ** 2), (0, 1)),
        (IMAGE, normal(16)),
    ),
    "long sum": (lambda x: (x.sum((0, 1, 2)), x.max()), (normal(8, 32, 32, 16),)),
    "long row": (jax.nn.log_softmax, (normal(9, 1000),)),
    "prime sizes": (
        lambda x, y: (x + y, x.sum(0), (x * y).sum(1)),
        (normal(17, 13), normal(17, 13)),
    ),
    "one and three channels": (
        lambda x, y: (x * 2, y.mean((0, 1))),
        (normal(4, 4, 1), normal(4, 5, 3)),
    ),
    "transpose": (lambda x: jnp.transpose(x, (2, 0, 1)) * 2, (normal(4, 8, 12),)),
    "reshape of a sum": (lambda x: (x + 1).reshape(6, 16) * 2, (normal(4, 24),)),
    "pad": (lambda x: jnp.pad(x, ((0, 0), (1, 2), (3, 0))), (normal(2, 8, 4),)),
    "concatenate": (lambda x, y: jnp.concatenate([x, y, x], 1), (normal(4, 6), normal(4, 3))),
    "slice at a place": (
        lambda x, i: lax.dynamic_slice(x, (i, i * 0), (2, 6)),
        (normal(9, 6), np.int32(3)),
    ),
    "update at a place": (
        lambda x, y, i: lax.dynamic_update_slice(x, y, (i, i * 0)),
        (normal(9, 6), normal(2, 3), np.int32(3)),
    ),
    "gather": (lambda x, i: x[i], (normal(9, 6), labels(4, classes=9))),
    "argmax": (lambda x: jnp.argmax(x, 1), (normal(9, 6),)),
    "scatter, added": (lambda t, i, u: t.at[i].add(u), (normal(9, 4), PLACES, normal(5, 4))),
    "scatter, the last stays": (
        lambda t, i, u: t.at[i].set(u),
        (normal(9, 4), PLACES, normal(5, 4)),
    ),
    "scatter, in a window": (
        lambda t, i, u: t.at[i, 1:3].max(u),
        (normal(9, 4), PLACES, normal(5, 2)),
    ),
    "cross-entropy of labels": (
        jax.value_and_grad(cross_entropy),
        (normal(6, 10), labels(6, classes=10)),
    ),
    "embedding": (
        jax.grad(lambda t, i: jnp.sum(t[i] ** 2)),
        (normal(9, 4), labels(3, 2, classes=9)),
    ),
    "checkpoint": (
        jax.grad(jax.checkpoint(lambda x: jnp.sum(jnp.exp(-jnp.exp(-x * x))))),
        (normal(9, 4),),
    ),
    "a constant": (lambda x: x + np.arange(8, dtype=np.float32) ** 2, (normal(4, 8),)),
    "returned twice": (lambda x: (x, x + 1, jnp.zeros((3, 3)), x + 1), (normal(4, 8),)),
    "booleans": (lambda x: (x > 0, jnp.where(x > 0, x, 0)), (normal(4, 8),)),
    "integers": (lambda i: (i * 3 + 1, i // 2, i.sum()), (labels(5, 7, classes=100),)),
    "double": (lambda x: (x @ x.T, jnp.sqrt(jnp.abs(x))), (normal(4, 8).astype(np.float64),)),
    "nothing": (lambda x: (x + 1, x.sum()), (normal(0, 8),)),
    "a number": (lambda x: x * 2 + 1, (normal(),)),
}


def lower(function: Callable, args: tuple) -> str:
    """The host program with kernels for the CPU."""
    exported = jax_export.export(jax.jit(function))(*args)
    text = importer.to_linalg(importer.load(exported))
    return subprocess.run(
        ["approx-act-opt", "--approx-act-to-gpu=format=llvm", "-"],
        input=text, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip


def to_file(array: np.ndarray) -> np.ndarray:
    """Types that files do not know are there as so many bytes."""
    return array.view("V2") if array.dtype == ml_dtypes.bfloat16 else array


def run(text: str, args: tuple, *flags: str) -> list[np.ndarray]:
    """The results, with all that the runner can check, and other flags of it."""
    with tempfile.TemporaryDirectory() as folder:
        step, inputs, outputs = (pathlib.Path(folder) / n for n in ("s.mlir", "i.npz", "o.npz"))
        step.write_text(text)
        np.savez(inputs, *(to_file(np.asarray(a)) for a in args))
        files = [f"--input={inputs}", f"--output={outputs}"]
        subprocess.run(
            ["approx-act-runner", step, *files, "--strict", "--poison", *flags], check=True
        )
        with np.load(outputs) as archive:
            return [archive[f"arr_{i}"] for i in range(len(archive.files))]


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    failures = []
    for name, (function, args) in PROGRAMS.items():
        actual = run(lower(function, args), args)
        expected = [np.asarray(a) for a in jax.tree.leaves(jax.jit(function)(*args))]
        for a, e in zip(actual, expected, strict=True):
            same = a.shape == e.shape and a.dtype == e.dtype
            if same and e.dtype.kind == "f":
                same = np.allclose(a, e, rtol=1e-5, atol=1e-5 * np.max(np.abs(e), initial=0))
            elif same:
                same = np.array_equal(a, e)
            if not same:
                failures.append(name)
    if failures:
        sys.exit(f"wrong: {failures}")
    print(f"{len(PROGRAMS)} programs agree with XLA")


if __name__ == "__main__":
    main()
