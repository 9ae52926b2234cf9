# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s | FileCheck %s
# CHECK: programs agree with XLA
"""Runs complex numbers and Fourier transforms as kernels, in strict mode on poisoned memory.

The lengths are those of a product, of products in two steps and in three, and of a
convolution; odd ones and even ones.  Many functions are compiled as one program, since
it is the compiler that takes time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import approx_act

jax.config.update("jax_enable_x64", True)

GENERATOR = np.random.default_rng(0)


def real(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return GENERATOR.standard_normal(shape).astype(dtype)


def number(*shape: int, dtype: type = np.complex64) -> np.ndarray:
    return (real(*shape, dtype=np.float64) + 1j * real(*shape, dtype=np.float64)).astype(dtype)


def each(function: Callable) -> Callable:
    """`function` of each argument."""
    return lambda *args: [function(x) for x in args]


def back_and_forth(x: jax.Array) -> tuple[jax.Array, ...]:
    """Half of a transform, and a transform of half of one, which is not symmetric."""
    half = jnp.fft.rfft(x)
    turned = half * jnp.exp(1j * jnp.arange(half.shape[-1], dtype=x.dtype))
    return half, jnp.fft.irfft(turned, x.shape[-1])


def moved(x: jax.Array, i: jax.Array) -> tuple[jax.Array, ...]:
    """What does the same to both parts."""
    grown = jnp.pad(x, ((1, 0), (2, 1)), constant_values=2 - 1j)
    return (
        jnp.concatenate([x, x.T.reshape(x.shape)], 1),
        lax.slice(grown, (0, 1), grown.shape, (2, 3)),
        jnp.flip(x, 0) + jnp.roll(x, 2, 1),
        x[i],
        x.at[i].add(x[1]),
        jnp.where(x.real > 0, x, jnp.array([1j, 2, 3 + 1j, 4, 5, 6], x.dtype)),
        lax.dynamic_update_slice(x, x[:1], (i[0], i[1])),
        x == jnp.conj(x),
        x,
    )


def loops(x: jax.Array) -> tuple[jax.Array, ...]:
    """Numbers and stacks of them that loops carry, and a choice."""

    def body(carry: jax.Array, row: jax.Array) -> tuple[jax.Array, jax.Array]:
        carry = carry * row + 1j
        return carry / jnp.abs(carry).max(), carry * 2

    last, rows = lax.scan(body, x[0], jnp.tile(x, (300, 1)))
    halved = lax.while_loop(lambda y: jnp.abs(y).max() > 1, lambda y: y / 2, x)
    return last, rows[::50], halved, lax.cond(x[0, 0].real > 0, jnp.conj, jnp.exp, x)


def arithmetic(x: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
    functions = (jnp.abs, jnp.angle, jnp.real, jnp.imag, jnp.log)
    return x * y + x / y - jnp.conj(x) * 1j, x == y, *(f(x) for f in functions)


def functions(x: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
    return (
        *arithmetic(x, y),
        jnp.exp(x),
        jnp.sqrt(x),
        *(f(x) for f in (jnp.sin, jnp.cos, jnp.tanh, jnp.sign, lax.rsqrt, jnp.square)),
        x**3,
        x**y,
    )


def sums(x: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
    """Reductions, some of them long enough to be divided, and products."""
    return (
        x.sum(0),
        x.sum(),
        x.mean(1),
        x[:, :6].prod(1),
        jnp.cumsum(x[:, :5], 1),
        x @ y,
        jnp.einsum("ij,ji->i", x, y),
        jnp.vdot(x, x),
    )


def spectral(x: jax.Array, w: jax.Array) -> jax.Array:
    """A layer of a Fourier neural operator: weights for each of the low frequencies."""
    modes = w.shape[0]
    low = jnp.fft.rfft(x, axis=1)[:, :modes]
    mixed = jnp.einsum("bki,kio->bko", low, w)
    rest = x.shape[1] // 2 + 1 - modes
    y = jnp.fft.irfft(jnp.pad(mixed, ((0, 0), (0, rest), (0, 0))), x.shape[1], axis=1)
    return jnp.mean(jnp.square(jax.nn.gelu(y + x)))


def mixing(w: jax.Array, x: jax.Array) -> jax.Array:
    """A layer of an FNet: a transform over tokens and features, of which the real part stays."""
    y = x + jnp.fft.fft2(x).real
    y = (y - y.mean(-1, keepdims=True)) * lax.rsqrt(y.var(-1, keepdims=True) + 1e-5)
    return jnp.mean(jnp.square(y + jax.nn.gelu(y @ w)))


LENGTHS = (1, 2, 3, 8, 12, 17, 60, 128, 210, 1024)
# A prime that is too long for a product.
PRIME = 131

PROGRAMS: dict[str, tuple[Callable, tuple[Any, ...]]] = {
    "transforms": (each(jnp.fft.fft), tuple(number(2, n) for n in (*LENGTHS, PRIME))),
    "inverse transforms": (each(jnp.fft.ifft), tuple(number(3, n) for n in (1, 12, 210, PRIME))),
    "transforms of real numbers": (
        each(back_and_forth),
        tuple(real(2, n) for n in (1, 2, 3, 8, 17, 60, 128, 129, 210, 1024, PRIME)),
    ),
    "transforms in f64": (
        each(lambda x: (jnp.fft.fft(x), jnp.fft.rfft(x.real), jnp.fft.irfft(x))),
        tuple(number(2, n, dtype=np.complex128) for n in (3, 17, 210, PRIME)),
    ),
    "transforms of a vector": (each(jnp.fft.fft), (number(6), real(5))),
    "transforms in two and three dimensions": (
        lambda x, y: (
            jnp.fft.fft2(x),
            jnp.fft.ifft2(x),
            jnp.fft.fftn(x),
            jnp.fft.rfft2(y),
            jnp.fft.rfftn(y),
            jnp.fft.irfft2(x),
            jnp.fft.irfftn(x, y.shape),
            jnp.fft.fft(x, axis=1),
        ),
        (number(4, 6, 5), real(4, 6, 9)),
    ),
    "long transforms in two dimensions": (jnp.fft.rfft2, (real(150, 132),)),
    "gradients of transforms": (
        jax.grad(
            lambda x, y: (
                (jnp.abs(jnp.fft.fft(jnp.fft.ifft(y) ** 2)) ** 2).sum()
                + (jnp.abs(jnp.fft.rfft(x) + 1) ** 3).sum()
                + (jnp.fft.irfft(y[:, :7], 13) ** 3).sum()
            ),
            (0, 1),
        ),
        (real(2, 11), number(2, 12)),
    ),
    "functions": (functions, (number(3, 7), number(3, 7))),
    "functions in f64": (arithmetic, (number(5, dtype=np.complex128),) * 2),
    "moves": (moved, (number(4, 6), np.array([2, 0, 2], np.int32))),
    "loops": (loops, (number(3, 5),)),
    "sums": (sums, (number(4, 3000), number(3000, 4))),
    "sums in f64": (
        sums,
        (number(4, 70, dtype=np.complex128), number(70, 4, dtype=np.complex128)),
    ),
    "one number": (lambda x: (x * 2, jnp.abs(x), x), (number(),)),
    "spectral convolution": (
        jax.value_and_grad(spectral, (0, 1)),
        (real(2, 60, 4), number(9, 4, 4)),
    ),
    "mixing": (jax.value_and_grad(mixing, (0, 1)), (real(16, 16), real(2, 12, 16))),
}


def is_close(actual: jax.Array, expected: jax.Array) -> bool:
    """Whether arrays agree, relative to the largest number of them."""
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        return False
    actual, expected = np.asarray(actual), np.asarray(expected)
    if expected.dtype == bool:
        return np.array_equal(actual, expected)
    tolerance = 1e-5 if expected.dtype in (np.float32, np.complex64) else 1e-13
    return np.abs(actual - expected).max() <= tolerance * np.abs(expected).max()


def main() -> None:
    wrong = []
    for name, (function, args) in PROGRAMS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        step = approx_act.compile(
            function, *args, bits=None, checks=True, runtime_options=["poison"]
        )
        actual, expected = (jax.tree.leaves(f(*args)) for f in (step, jax.jit(function)))
        close = list(map(is_close, actual, expected))
        if not all(close):
            wrong.append((name, [i for i, is_so in enumerate(close) if not is_so]))
    if wrong:
        sys.exit(f"wrong: {wrong}")
    print(f"{len(PROGRAMS)} programs agree with XLA")


if __name__ == "__main__":
    main()
