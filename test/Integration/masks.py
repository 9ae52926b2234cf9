# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every ReLU mask in the backward pass is that of the forward pass.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: every mask holds

The steps return the cotangent of what goes into a ReLU.  What arrives there from
the loss is exact and nowhere zero, so that a wrong bit of the mask, and nothing
else, makes the cotangent differ.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import approx_act

ROWS, CHANNELS = 512, 24


def channels() -> tuple[jax.Array, jax.Array]:
    """Scale and shift of every channel: all signs, zeros, thresholds far outside."""
    gamma = [1.0, 0.5, -1.0, -0.25, 0.0, -0.0, 1e-3, 1e3]
    ratio = [0.0, 1.0, -1.0, 4.0, -4.0, 2.6, -2.6, 40.0]
    pairs = list(itertools.product(gamma, ratio))
    scale = jnp.asarray([g for g, _ in pairs], jnp.float32)
    shift = jnp.asarray([r * g if g else r for g, r in pairs], jnp.float32)
    return scale, shift


def centred(x: jax.Array) -> jax.Array:
    c = x - x.mean(0)
    return c * lax.rsqrt((c * c).mean(0) + 1e-5)


def difference_of_squares(x: jax.Array) -> jax.Array:
    mean = x.mean(0)
    return (x - mean) * lax.rsqrt(jnp.maximum(0, (x * x).mean(0) - mean * mean) + 1e-5)


def rows(x: jax.Array) -> jax.Array:
    c = x - x.mean(-1, keepdims=True)
    return c / jnp.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)


NORMS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "centred": centred,
    "difference of squares": difference_of_squares,
    "rows": rows,
    "none": lambda x: x,
}
RELUS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "jax.nn.relu": jax.nn.relu,
    "maximum": lambda z: jnp.maximum(z, 0),
    "where": lambda z: jnp.where(z > 0, z, 0),
    "where, constant first": lambda z: jnp.where(0 < z, z, 0),
    "where, below": lambda z: jnp.where(z < 0, 0, z),
    "leaky": lambda z: jnp.where(z > 0, z, 0.1 * z),
    "capped": lambda z: jnp.minimum(jnp.maximum(z, 0), 1),
    "negated": lambda z: jax.nn.relu(-z),
    "shifted": lambda z: jax.nn.relu(1 - 2 * z),
}
# The operand comes from outside, so its codes know nothing of the mask.
BRANCHES: dict[str, Callable[[jax.Array], jax.Array]] = {
    "in a branch": lambda z: lax.cond(jnp.sum(z) < 1e30, jax.nn.relu, jnp.tanh, z),
    "of both branches": lambda z: lax.cond(
        jnp.sum(z) < 1e30, lambda z: jax.nn.relu(1 - 2 * z), lambda z: jnp.where(z < 0, 0, z), z
    ),
}
RELUS |= BRANCHES


def step(norm: Callable, relu: Callable) -> Callable:
    """The loss, the cotangent of the ReLU's operand, and the gradient."""

    def run(gamma, beta, kernel, w, x):
        def front(gamma, beta, kernel):
            return norm(x @ kernel) * gamma + beta

        def back(z, w):
            return jnp.sum(relu(z) @ jnp.exp(w))

        z, front_vjp = jax.vjp(front, gamma, beta, kernel)
        loss, back_vjp = jax.vjp(back, z, w)
        dz, dw = back_vjp(jnp.ones_like(loss))
        return loss, dz, dw, front_vjp(dz)

    return run


def check(norm: str, relu: str, bits: int, dtype: str) -> tuple[int, bool]:
    """The number of elements whose mask is wrong, and whether codes carry it."""
    rng = np.random.default_rng(0)
    gamma, beta = channels()
    x = rng.standard_normal((ROWS, CHANNELS))
    x[0] *= 30  # Values far beyond every sigma.
    kernel = rng.standard_normal((CHANNELS, gamma.size)) * CHANNELS**-0.5
    w = 0.1 * rng.standard_normal((gamma.size, 8))
    arguments = [jnp.asarray(a, dtype) for a in (gamma, beta, kernel, w, x)]
    fun = step(NORMS[norm], RELUS[relu])
    loss, exact, *grads = jax.jit(fun)(*arguments)
    approximate_loss, dz, *rest = approx_act.jit(fun, bits=bits, strict=True)(*arguments)
    np.testing.assert_allclose(np.float32(approximate_loss), np.float32(loss), rtol=1e-6)
    for leaf, exact_leaf in zip(*map(jax.tree.leaves, (rest, grads)), strict=True):
        assert np.all(np.isfinite(leaf) | ~np.isfinite(exact_leaf)), (
            "a restored value is not finite"
        )
    table = approx_act.residuals(fun, *arguments, bits=bits)
    carried = any(row.reason.startswith("carried") for row in table)
    return int(np.sum(np.float32(exact) != np.float32(dz))), carried


def main() -> None:
    cases = [(norm, "jax.nn.relu", 4, "float32") for norm in NORMS]
    cases += [("centred", "jax.nn.relu", bits, "float32") for bits in (8, 2)]
    cases += [("centred", relu, 4, "float32") for relu in RELUS]
    cases += [("none", relu, 4, "float32") for relu in ("leaky", "capped", "shifted")]
    cases += [("centred", "jax.nn.relu", 4, dtype) for dtype in ("bfloat16", "float16")]
    wrong = 0
    carried = {}
    for case in dict.fromkeys(cases):
        flips, carried[case] = check(*case)
        wrong += flips
        print(*case, "carried" if carried[case] else "packed", f"{flips} wrong", sep=", ")
    # Or the codes' side is not tested.  (Rows have grids of another shape than
    # the channels' scales.)
    expected = [case for case in carried if case[0] != "rows" and case[1] not in BRANCHES]
    packed = [case for case in expected if not carried[case]]
    assert not packed, packed
    if not wrong:
        print("every mask holds")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
