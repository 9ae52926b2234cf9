# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s | FileCheck %s
# CHECK: reductions agree with XLA, forwards and backwards
"""Runs reductions as kernels whose threads share them, in strict mode, and compares with XLA.

Shapes are such that something is left over: threads without elements, items that no
block is filled by, rows that no vector divides. Threads from first to last and from
last to first must give the same bits.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from kernels import labels, lower, normal, run  # noqa: E402


def variance(x: jax.Array) -> jax.Array:
    centred = x - x.mean((0, 1))
    return (centred**2).mean((0, 1))


def batch_norm(x: jax.Array, g: jax.Array) -> Any:
    def loss(x: jax.Array, g: jax.Array) -> jax.Array:
        centred = x - x.mean(0)
        return jnp.sum(jnp.tanh(g * centred / jnp.sqrt((centred**2).mean(0) + 1e-5)) ** 2)

    return jax.grad(loss, (0, 1))(x, g)


def sums(*shape: int, axes: tuple[int, ...], dtype: Any = np.float32) -> tuple[Callable, tuple]:
    return lambda x: x.sum(axes), (normal(*shape).astype(dtype),)


PROGRAMS: dict[str, tuple[Callable, tuple[Any, ...]]] = {
    "rows, and neighbours": sums(101, 1000, axes=(1,)),
    "a row that no vector divides": sums(7, 1003, axes=(1,)),
    "fewer elements than threads": sums(3, 33, axes=(1,)),
    "columns": sums(2048, 64, axes=(0,)),
    "three columns": sums(1000, 3, axes=(0,)),
    "17 columns": sums(999, 17, axes=(0,)),
    "no columns": sums(64, 0, axes=(0,)),
    "one column": sums(1000, 1, axes=(0,)),
    "many columns": sums(40, 5000, axes=(0,)),
    "the middle": sums(9, 130, 20, axes=(1,)),
    "outer and inner": sums(64, 12, 36, axes=(0, 2)),
    "images": sums(4, 9, 11, 24, axes=(0, 1, 2)),
    "everything, in parts": sums(64, 96, 40, axes=(0, 1, 2)),
    "a prime number of everything": sums(10007, axes=(0,)),
    "doubles": sums(50, 300, axes=(1,), dtype=np.float64),
    "columns of doubles": sums(300, 50, axes=(0,), dtype=np.float64),
    "halves": (lambda x: x.max(1), (normal(50, 300).astype(np.float16),)),
    "bf16": (lambda x: x.min(0), (normal(300, 50).astype(ml_dtypes.bfloat16),)),
    "integers": (lambda i: (i.sum(0), i.min(1)), (labels(300, 70, classes=1000),)),
    "long integers": (lambda i: i.max(1), (labels(30, 700, classes=1000).astype(np.int64) << 33,)),
    "booleans": (
        lambda x: ((x > 3.5).any(1), (x < 3).all(0)),
        (normal(90, 260),),
    ),
    "products": (lambda x: jnp.prod(1 + x / 100, 0), (normal(200, 12),)),
    "NaN and infinity": (
        lambda x: (x.max(1), x.min(1)),
        (np.where(np.arange(6 * 200).reshape(6, 200) == 333, np.nan, normal(6, 200)),),
    ),
    "beside longer vectors": (
        lambda x, y, z: (x.sum(0), jnp.sin(y), jnp.cos(z) * 2),
        (normal(600, 24), normal(48), normal(192)),
    ),
    "rows, beside longer vectors": (
        lambda x, y: (x.sum(1), jnp.sin(y)),
        (normal(21, 600), normal(42)),
    ),
    "beside longer ones in one dimension": (
        lambda x, y, z: (x.sum(1), jnp.sin(y), jnp.cos(z)),
        (normal(3, 600, 8), normal(6, 8), normal(3, 32)),
    ),
    "beside longer ones that read them": (
        lambda x, y: ((s := x.sum(0)), jnp.concatenate([s, s[::-1]]) * y),
        (normal(600, 24), normal(48)),
    ),
    "vectors of three lengths": (
        lambda x, y, z: (jnp.sin(x), jnp.sin(y), jnp.sin(z), y[:16] + z),
        (normal(256), normal(64), normal(16)),
    ),
    "of each other": (jax.nn.log_softmax, (normal(33, 260),)),
    "statistics": (variance, (normal(16, 20, 12),)),
    "statistics and their gradients": (batch_norm, (normal(3000, 16), normal(16))),
    "the place of the greatest": (lambda x: jnp.argmax(x, 1), (normal(9, 300),)),
}


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    wrong = []
    for name, (function, args) in PROGRAMS.items():
        text = lower(function, args, "kernels")
        actual = run(text, args)
        reverse = run(text, args, "--reverse-threads")
        expected = [np.asarray(a) for a in jax.tree.leaves(jax.jit(function)(*args))]
        for a, r, e in zip(actual, reverse, expected, strict=True):
            same = a.tobytes() == r.tobytes()
            # The runner's files know neither bf16 nor its like.
            a = a.view(e.dtype) if a.dtype.kind == "V" else a
            if a.dtype.kind == "f" and a.dtype.itemsize >= 4:
                scale = np.nanmax(np.abs(e), initial=0)
                same &= np.allclose(a, e, rtol=1e-5, atol=1e-5 * scale, equal_nan=True)
            else:
                same &= np.array_equal(a, e)
            if not same:
                wrong.append(name)
    if wrong:
        sys.exit(f"wrong: {wrong}")
    print(f"{len(PROGRAMS)} reductions agree with XLA, forwards and backwards")


if __name__ == "__main__":
    main()
