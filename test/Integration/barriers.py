# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s | FileCheck %s
# CHECK: programs are the same with barriers and without
"""Runs gradients that wait behind barriers, as kernels, with these barriers and without.

Barriers are about memory: with them, a kernel may do what stands before and behind one,
and a small value that is computed again behind one is that of before. So neither bits nor
the number of launches may depend on them, in shapes of which sums are whole or in parts.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from kernels import is_close, lower, normal, run  # noqa: E402

#: The program whose gradients are no more than parameters are elsewhere: they wait.
LITTLE = "little of everything"

Barrier = Callable[[tuple[jax.Array, ...]], tuple[jax.Array, ...]]


def normalisation(wait: Barrier, x: jax.Array, g: jax.Array, gamma: jax.Array) -> Any:
    """The gradient of a normalisation and a ReLU from codes, in the steps of the compiler."""
    axes = tuple(range(x.ndim - 1))
    count = x.size // x.shape[-1]
    variance = (x * x).sum(axes) / count
    y = x * lax.rsqrt(variance + 1e-5)
    codes = jnp.clip(x * 32, -127, 127).astype(np.int8)
    codes, variance, g = wait((codes, variance, g))
    # A recomputation, as a checkpoint has it.
    inverse = lax.rsqrt(variance + 1e-5)
    masked = jnp.where(codes >= 0, g, 0)
    beta_gradient = masked.sum(axes)
    codes, masked = wait((codes, masked))
    restored = codes.astype(np.float32) / 32
    gamma_gradient = (restored * masked).sum(axes)
    gamma, masked = wait((gamma, masked))
    scale = gamma * inverse
    mean, slope = beta_gradient / count, gamma_gradient / count
    gradient = scale * (masked - mean - restored * slope)
    return y, gradient, gamma - 0.1 * gamma_gradient, beta_gradient


PROGRAMS: dict[str, tuple[Callable, tuple[np.ndarray, ...]]] = {
    "sums of 600 rows": (normalisation, (normal(600, 24), normal(600, 24), normal(24))),
    "sums of images, in parts": (
        normalisation,
        (normal(32, 12, 12, 16), normal(32, 12, 12, 16), normal(16)),
    ),
    "sums in two dimensions of parts": (
        normalisation,
        (normal(16, 32, 32, 8), normal(16, 32, 32, 8), normal(8)),
    ),
    LITTLE: (
        normalisation,
        (normal(12, 7), normal(12, 7), normal(7)),
    ),
}


def main() -> None:
    failures = []
    for name, (function, args) in PROGRAMS.items():
        expected = [np.asarray(a) for a in function(lambda values: values, *args)]
        texts = [
            lower(lambda *args, f=function, wait=wait: f(wait, *args), args, "runtime")
            for wait in (lax.optimization_barrier, lambda values: values)
        ]
        waiting, free = (run(text, args) for text in texts)
        if not all(map(is_close, waiting, expected)):
            failures.append(f"{name}: wrong")
        if not all(map(np.array_equal, waiting, free)):
            failures.append(f"{name}: other bits")
        launches = [text.count("gpu.launch_func") for text in texts]
        print(f"{name}: {launches[0]} launches with barriers, {launches[1]} without")
        if (launches[0] > launches[1]) != (name == LITTLE):
            failures.append(f"{name}: launches")
    if failures:
        sys.exit("\n".join(failures))
    print(f"{len(PROGRAMS)} programs are the same with barriers and without")


if __name__ == "__main__":
    main()
