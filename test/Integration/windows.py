# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The gradient of a max-pooling goes to the same element of every window.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: every winner holds

The steps return the cotangent of what goes into the pooling.  The cotangent that
arrives there is an exact small integer, so that sums of it are exact in any order,
and a wrong winner, and nothing else, makes a difference.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import approx_act

# (shape of the operand, window, strides, padding)
CASES: dict[str, tuple] = {
    "partition": ((2, 8, 8, 16), (1, 2, 2, 1), (1, 2, 2, 1), "VALID"),
    "partition with a rest": ((2, 9, 7, 16), (1, 2, 3, 1), (1, 2, 3, 1), "VALID"),
    "overlapping": ((2, 9, 9, 16), (1, 3, 3, 1), (1, 2, 2, 1), "VALID"),
    "overlapping, padded": ((2, 8, 8, 16), (1, 3, 3, 1), (1, 2, 2, 1), "SAME"),
    "padded more than a window": ((2, 4, 4, 16), (1, 2, 2, 1), (1, 1, 1, 1), [(0, 0), (3, 2)] * 2),
    "gaps": ((2, 10, 10, 16), (1, 2, 2, 1), (1, 3, 3, 1), "VALID"),
    "one dimension": ((16, 64), (1, 4), (1, 4), "VALID"),
    "channels first": ((2, 16, 8, 8), (1, 1, 2, 2), (1, 1, 2, 2), "VALID"),
    "across channels": ((4, 4, 32), (1, 1, 2), (1, 1, 2), "VALID"),
    "one window": ((2, 5, 5, 16), (1, 5, 5, 1), (1, 1, 1, 1), "VALID"),
}


def make_step(window: tuple, strides: tuple, padding: str | list) -> Callable:
    """The loss, and the cotangent of the pooling's operand."""

    def step(x, order, cotangent):
        # Gathers are not computed again, nor is what they hand back.
        z = x[order]

        def back(z):
            pooled = lax.reduce_window(z, -jnp.inf, lax.max, window, strides, padding)
            return jnp.sum(pooled[order] * cotangent)

        return jax.value_and_grad(back)(z)

    return step


def check(name: str) -> bool:
    """Whether the operand's cotangent is that of the exact step, bit for bit."""
    shape, window, strides, padding = CASES[name]
    rng = np.random.default_rng(0)
    # Many equal elements, zeros of both signs, infinities and NaN.
    x = rng.choice([-1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0], shape).astype(np.float32)
    x[0] = np.where(rng.random(shape[1:]) < 0.1, np.nan, x[0])
    x[-1] = np.where(rng.random(shape[1:]) < 0.5, -np.inf, x[-1])
    step = make_step(window, strides, padding)
    pooled = jax.eval_shape(
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding), x
    )
    cotangent = rng.integers(1, 9, pooled.shape).astype(np.float32)
    arguments = x, np.arange(len(x))[::-1], cotangent
    table = approx_act.residuals(step, *arguments, bits=4, min_fraction=0.0)
    kept = [row for row in table if "select_and_scatter" in row.reason]
    assert not kept, f"{name}: {kept}"
    _, exact = jax.jit(step)(*arguments)
    _, dz = approx_act.jit(step, bits=4, min_fraction=0.0, strict=True)(*arguments)
    assert np.any(exact), name
    return np.array_equal(exact, dz)


def main() -> None:
    wrong = [name for name in CASES if not check(name)]
    print(f"wrong: {wrong}" if wrong else "every winner holds")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
