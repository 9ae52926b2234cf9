# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s | FileCheck %s
# CHECK: programs agree with XLA
"""Runs JAX functions as kernels, in strict mode on poisoned memory, and compares with XLA.

Each function is there for something that its lowering could get wrong: a shape that
no vector width divides, a constant, an argument that is returned, an order of updates.
Those with contractions run twice, with the runtime's and with kernels.
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
from jax._src.lax.windowed_reductions import _select_and_scatter

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


def with_gradients(*args: Any, **options: Any) -> Callable:
    """A convolution of these options, and both of its gradients."""

    def function(x: jax.Array, w: jax.Array) -> tuple[jax.Array, ...]:
        y, vjp = jax.vjp(lambda x, w: lax.conv_general_dilated(x, w, *args, **options), x, w)
        return y, *vjp(jnp.cos(y))

    return function


def einsum(text: str) -> Callable:
    return lambda *args: jnp.einsum(text, *args)


def norm(x: jax.Array, scale: jax.Array) -> jax.Array:
    centred = x - x.mean((0, 1, 2))
    return jax.nn.relu(scale * centred * lax.rsqrt((centred**2).mean((0, 1, 2)) + 1e-5))


def cross_entropy(x: jax.Array, y: jax.Array) -> jax.Array:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1))


def scan(x: jax.Array, w: jax.Array) -> tuple[jax.Array, jax.Array]:
    def body(carry: jax.Array, row: jax.Array) -> tuple[jax.Array, jax.Array]:
        carry = jnp.tanh(carry * row)
        return carry, carry + 1

    return lax.scan(body, x, w)


def recurrent(x: jax.Array, w: jax.Array, u: jax.Array) -> jax.Array:
    def body(state: jax.Array, inputs: jax.Array) -> tuple[jax.Array, None]:
        return jnp.tanh(inputs @ w + state @ u), None

    return lax.scan(body, jnp.zeros((x.shape[1], u.shape[0]), x.dtype), x)[0]


def steps(count: int, body: Callable) -> Callable:
    """`body` of a carried value and the number of the step, so many times."""
    return lambda *start: lax.fori_loop(0, count, lambda i, c: body(i, *c), start)


def history(x: jax.Array) -> jax.Array:
    """Each row from the two before it, in the memory of all."""

    def body(i: jax.Array, rows: jax.Array) -> jax.Array:
        return rows.at[i].set(jnp.sin(rows[i - 1]) / 2 + rows[i - 2] / 4)

    return lax.fori_loop(2, x.shape[0], body, x)


def repeated(count: int, body: Callable) -> Callable:
    """`body` of what it has made before and the number of the time, all in one block."""

    def function(x: jax.Array) -> jax.Array:
        for i in range(count):
            x = body(x, i)
        return x

    return function


def around_positions(x: jax.Array) -> jax.Array:
    """A loop reads what it would take long to compute in each step."""
    places = repeated(20, lambda z, i: jnp.sin(z) + z)(jnp.arange(x.size, dtype=x.dtype))
    return lax.fori_loop(0, 300, lambda i, y: y / 2 + places, x)


def bits(x: jax.Array) -> jax.Array:
    """What `x` is made of: zeros of both signs differ, and NaNs are equal."""
    return lax.bitcast_convert_type(x, {2: jnp.int16, 4: jnp.int32}[x.dtype.itemsize])


def orders(x: jax.Array) -> tuple[jax.Array, ...]:
    """`x` in order, the places it comes from, and the same from the end."""
    return bits(jnp.sort(x)), jnp.argsort(x), jnp.argsort(x, descending=True)


def interleaved(x: jax.Array) -> tuple[jax.Array, ...]:
    """Sorts, and what could be in a kernel with a part of one."""
    x = jnp.sin(x) * 2
    order = jnp.argsort(x)
    return jnp.sort(x) + 1, order * 2, x[order], jnp.sort(x[order] * x), x + 1


def pool(
    x: jax.Array,
    window: tuple[int, ...],
    strides: tuple[int, ...] | None = None,
    padding: str | list[tuple[int, int]] = "SAME",
    init: float = -np.inf,
) -> jax.Array:
    """The greatest of each window, or the least if `init` is infinity."""
    function = lax.max if init < 0 else lax.min
    strides = strides or (1,) * x.ndim
    return lax.reduce_window(x, np.array(init, x.dtype), function, window, strides, padding)


def pool_gradient(*args: Any, **options: Any) -> Callable:
    """The gradient of a pooling, with another cotangent for each window, in bits."""

    def function(x: jax.Array) -> jax.Array:
        y, vjp = jax.vjp(lambda x: pool(x, *args, **options), x)
        return bits(*vjp(np.sin(np.arange(y.size)).reshape(y.shape).astype(y.dtype)))

    return function


def select_and_scatter(x: jax.Array, source: jax.Array, init: float, padding: list) -> jax.Array:
    """That of the last of equal elements, with products, and padding of its own."""
    window, strides = (3, 2), (2, 1)
    return _select_and_scatter(
        x, lax.gt, window, strides, padding, source, jnp.float32(init), lax.mul
    )


def move(x: jax.Array, generator: np.random.Generator) -> jax.Array:
    """The elements of `x` elsewhere, and perhaps some more or fewer of them."""
    axis = int(generator.integers(x.ndim))
    few = [int(generator.integers(0, 4)) for _ in range(2)]
    kind = generator.integers(6)
    if kind == 0:
        return x.transpose(generator.permutation(x.ndim))
    if kind == 1:
        return jnp.flip(x, axis)
    if kind == 2:
        widths = [(0, 0)] * x.ndim
        widths[axis] = tuple(few)
        return jnp.pad(x, widths, constant_values=1.5)
    if kind == 3:
        return jnp.concatenate([x + 1, x, jnp.flip(x, axis)][: 2 + few[0] % 2], axis)
    if kind == 4 and x.shape[axis] > 4:
        stride = 1 + few[1] % 2
        return lax.slice_in_dim(x, few[0], x.shape[axis], stride, axis)
    divisors = [d for d in range(1, x.size + 1) if x.size % d == 0]
    rows = divisors[int(generator.integers(len(divisors)))]
    return x.reshape((rows, x.size // rows) if few[0] else (x.size,))


def moves(seed: int, count: int) -> Callable:
    """So many chains of moves, chosen at random, each with a sum at its end."""

    def function(x: jax.Array) -> tuple[jax.Array, ...]:
        generator = np.random.default_rng(seed)
        results = []
        for _ in range(count):
            y = x
            while generator.integers(7) and y.size < 2000:
                y = move(y, generator)
            results += [y, y.sum(int(generator.integers(y.ndim)))]
        return tuple(results)

    return function


IMAGE, WEIGHT = normal(2, 8, 8, 16), normal(3, 3, 16, 8)
NHWC, NCHW = ("NHWC", "HWIO", "NHWC"), ("NCHW", "OIHW", "NCHW")
ONE = ((1, 1), (1, 1))
PLACES = np.array([3, 3, 8, 20, 0], np.int32)  # One twice, one outside.
TIES = labels(3, 100, classes=9)
ROUGH = labels(2, 9, 8, 3, classes=9).astype(np.float32)
ODD = np.array([3, np.nan, -0.0, 0.0, -1, np.inf, -np.nan, -np.inf, 0.0, -0.0] * 3, np.float32)

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
    "convolution, batch inside": (
        with_gradients((2, 2), ONE, dimension_numbers=("HNCW", "OIHW", "NHCW")),
        (normal(8, 2, 3, 8), normal(4, 3, 3, 3)),
    ),
    "convolution, channels first": (
        with_gradients((2, 1), ((0, 1), (1, 2)), dimension_numbers=NCHW),
        (normal(2, 3, 9, 8), normal(4, 3, 3, 3)),
    ),
    "convolution of one element, strided": (
        with_gradients((2, 2), "VALID", dimension_numbers=NHWC),
        (normal(2, 9, 8, 4), normal(1, 1, 4, 6)),
    ),
    "convolution, in groups": (
        with_gradients((2, 2), ONE, dimension_numbers=NHWC, feature_group_count=2),
        (normal(2, 8, 8, 4), normal(3, 3, 2, 6)),
    ),
    "convolution, depthwise": (
        with_gradients((1, 1), ONE, dimension_numbers=NHWC, feature_group_count=4),
        (normal(2, 8, 8, 4), normal(3, 3, 1, 4)),
    ),
    "convolution, depthwise, two a channel": (
        with_gradients((2, 1), ONE, dimension_numbers=NCHW, feature_group_count=4),
        (normal(2, 4, 8, 8), normal(8, 1, 3, 3)),
    ),
    "convolution, batches in groups": (
        with_gradients((1, 1), ONE, dimension_numbers=NHWC, batch_group_count=2),
        (normal(4, 6, 6, 3), normal(3, 3, 3, 6)),
    ),
    "convolution, dilated": (
        with_gradients((1, 2), ONE, (2, 1), (2, 2), NHWC),
        (normal(2, 8, 8, 3), normal(3, 3, 3, 5)),
    ),
    "convolution, cropped": (
        with_gradients((2, 1), ((-1, 2), (1, -2)), dimension_numbers=NHWC),
        (normal(2, 9, 8, 3), normal(2, 3, 3, 5)),
    ),
    "convolution, transposed": (
        lambda x, w: lax.conv_transpose(x, w, (2, 2), "SAME"),
        (normal(2, 5, 6, 4), normal(3, 3, 4, 8)),
    ),
    "convolution, of a reverse": (
        lambda x, w: conv(jnp.flip(x, (1, 3)), jnp.flip(w, 0)),
        (IMAGE, WEIGHT),
    ),
    "convolution in one dimension": (
        with_gradients((2,), ((1, 2),), None, (2,), ("NWC", "WIO", "NWC")),
        (normal(2, 9, 3), normal(4, 3, 5)),
    ),
    "convolution in three dimensions": (
        with_gradients((1, 2, 1), "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")),
        (normal(2, 5, 4, 6, 3), normal(2, 3, 2, 3, 4)),
    ),
    "convolution in four dimensions": (
        lambda x, w: lax.conv(x, w, (1, 1, 1, 1), "VALID"),
        (normal(1, 2, 3, 3, 3, 3), normal(2, 2, 2, 2, 2, 2)),
    ),
    "attention": (
        lambda q, k, v: einsum("bhts,bshd->bthd")(einsum("bthd,bshd->bhts")(q, k), v),
        (normal(2, 5, 3, 4), normal(2, 6, 3, 4), normal(2, 6, 3, 4)),
    ),
    "products of vectors": (
        lambda x, y: (x @ y, y @ x.T, jnp.outer(y, y), jnp.dot(y, y), (x * x).sum(0)),
        (normal(9, 33), normal(33)),
    ),
    "product over two dimensions": (einsum("bij,bkj->ik"), (normal(3, 13, 7), normal(3, 5, 7))),
    "product of a slice and a transpose": (
        lambda a, b: a[2:, 1:5] @ b.T[:, 3:],
        (normal(9, 8), normal(7, 4)),
    ),
    "product of integers": (jnp.matmul, (labels(5, 7, classes=9), labels(7, 3, classes=9))),
    "product of diagonals": (einsum("ii,ij->ij"), (normal(5, 5), normal(5, 4))),
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
    # Parts of an associative scan are empty where a length is a power of two.
    "gradients of cumulative products": (
        jax.grad(lambda x: jnp.sum(jnp.cumprod(x, 0)) + jnp.sum(lax.cummax(x) ** 2)),
        (normal(4, 3),),
    ),
    # As long as these were one pad for upstream, it shifted too little.
    "a pad between the elements of a pad": (
        lambda x: lax.pad(lax.pad(x, np.float32(0), [(1, 0, 0)]), np.float32(0), [(0, 0, 1)]),
        (normal(3),),
    ),
    "gradient of a part of every second": (
        jax.grad(lambda x: jnp.sum(x[::2][1:] ** 2)),
        (normal(9),),
    ),
    "many steps": (lambda x: lax.fori_loop(0, 300_000, lambda i, c: c * 0.5 + i, x), (normal(4),)),
    "extremes of a long vector": (lambda x: (jnp.nanmax(x), jnp.nanmin(x)), (normal(4099),)),
    # Where nothing pads a dilated row, its last element has no gap behind it.
    "a dilated input, all of it": (
        with_gradients((1,), [(0, 0)], lhs_dilation=(2,)),
        (normal(2, 3, 8), normal(4, 3, 3)),
    ),
    "a dilated input, cropped": (
        with_gradients((3,), [(-1, 2)], lhs_dilation=(2,)),
        (normal(2, 3, 8), normal(4, 3, 3)),
    ),
    "a reduction of two over no dimensions": (
        lambda x, y: lax.reduce(
            (x, y), (np.float32(0), np.float32(1)), lambda a, b: (a[0] + b[0], a[1] * b[1]), ()
        ),
        (normal(4, 3), normal(4, 3)),
    ),
    "empty slices": (
        lambda x: (x[4:], jnp.concatenate([x, x[4:], lax.dynamic_slice(x, (4, 0), (0, 3))])),
        (normal(4, 3),),
    ),
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
    # Runs of 8 are sorted first, and then merged.
    **{
        f"sort of {size}": (lambda x: (bits(jnp.sort(x)), jnp.argsort(x)), (normal(size),))
        for size in (0, 1, 2, 7, 8, 9, 16, 17, 1000)
    },
    # Sums have the order that they have in XLA.
    "gradients of pooling": (pool_gradient((1, 3, 3, 1), (1, 2, 2, 1)), (ROUGH,)),
    "gradients of pooling, not a number": (
        pool_gradient((5,), (2,)),
        (np.where(np.isin(np.arange(30), [7, 8, 23]), np.nan, ODD[::-1]).astype(np.float32),),
    ),
    "gradients of pooling, valid": (
        pool_gradient((1, 2, 3, 1), (1, 1, 2, 1), "VALID"),
        (ROUGH,),
    ),
    "gradients of pooling, apart": (pool_gradient((1, 2, 2, 1), (1, 2, 2, 1), "VALID"), (ROUGH,)),
    "gradients of pooling, gaps": (pool_gradient((1, 2, 2, 1), (1, 3, 3, 1), "VALID"), (ROUGH,)),
    "gradients of pooling, padded": (
        pool_gradient((1, 2, 2, 1), (1, 1, 3, 1), [(0, 0), (3, 2), (2, 4), (0, 0)]),
        (ROUGH,),
    ),
    "gradients of pooling, least": (
        pool_gradient((1, 3, 3, 1), (1, 2, 2, 1), init=np.inf),
        (ROUGH,),
    ),
    "gradients of pooling, one dimension": (pool_gradient((4,), (3,)), (normal(50),)),
    "gradients of pooling, large windows": (
        pool_gradient((300, 1), (7, 1)),
        (labels(400, 3, classes=50).astype(np.float32),),
    ),
    "gradients of pooling, three dimensions": (
        pool_gradient((1, 2, 3, 2, 1), (1, 2, 1, 1, 1)),
        (labels(2, 5, 6, 4, 3, classes=5).astype(np.float32),),
    ),
    "gradients of pooling, bf16": (
        pool_gradient((1, 3, 3, 1), (1, 2, 2, 1)),
        (ROUGH.astype(ml_dtypes.bfloat16),),
    ),
    "gradients of pooling, a checkpoint": (
        jax.grad(jax.checkpoint(lambda x: jnp.sum(pool(jnp.sin(x / 9), (1, 3, 3, 1)) ** 2))),
        (ROUGH,),
    ),
    "gradients of pooling, in a long scan": (
        jax.grad(
            lambda x: lax.scan(lambda c, r: (c + jnp.sum(pool(r, (3,), (2,)) ** 2), None), 0.0, x)[
                0
            ]
        ),
        (normal(300, 9),),
    ),
    "gradients of pooling, in a choice": (
        jax.grad(
            lambda x: lax.cond(
                x[0, 0] > 9, lambda y: y.sum(), lambda y: jnp.sum(pool(y, (3, 3)) ** 2), x
            )
        ),
        (normal(8, 6),),
    ),
    "select and scatter of other functions": (
        lambda x, s: select_and_scatter(x, s, 2.0, [(0, 0), (0, 0)]),
        (labels(9, 8, classes=4).astype(np.float32), normal(4, 7)),
    ),
    "select and scatter, padded and cropped": (
        lambda x, s: select_and_scatter(x, s, 1.0, [(4, 5), (-2, -1)]),
        (labels(9, 8, classes=4).astype(np.float32), normal(8, 4)),
    ),
    "select and scatter of no windows": (
        lambda x, s: select_and_scatter(x, s, 3.0, [(0, 0), (0, 0)]),
        (normal(2, 8), normal(0, 7)),
    ),
    # A thread divides its number by columns and runs: shifts and masks of it.
    **{
        f"sort of {size} rows": (lambda x: (jnp.sort(x, 0), jnp.median(x, 0)), (normal(size, 2),))
        for size in (9, 10, 12, 17)
    },
    "sort of what is not in order": (orders, (ODD,)),
    "sort of bf16": (orders, (ODD.astype(ml_dtypes.bfloat16),)),
    "sort of f16": (orders, (ODD.astype(np.float16),)),
    "sort of integers": (
        lambda i: [jnp.argsort(i.astype(t)) for t in (jnp.int64, jnp.uint32, jnp.int8, bool)],
        (labels(300, classes=300) - 150,),
    ),
    "sort with ties": (lambda i: (jnp.sort(i), jnp.argsort(i)), (TIES,)),
    "sort of other dimensions": (
        lambda i: [f(i, axis=d) for f in (jnp.sort, jnp.argsort) for d in (0, 1, 2)],
        (labels(9, 17, 5, classes=4),),
    ),
    "sort by two keys": (
        lambda i, x: lax.sort((i[0], i[1], x), num_keys=2),
        (TIES, normal(100)),
    ),
    "sort by a key of its own": (lambda i: jnp.lexsort((i, i[::-1] * 3)), (TIES,)),
    "sort of a transpose": (lambda x: jnp.sort(x.T * 2)[1:], (normal(20, 6),)),
    "sort in small kernels": (interleaved, (normal(24),)),
    "sort in large kernels": (interleaved, (normal(5000),)),
    "sort in a loop": (
        steps(300, lambda i, x: (jnp.sort((x * 3 + i) % 101, axis=1)[:, ::-1],)),
        (labels(3, 20, classes=101),),
    ),
    "sort in a choice": (
        lambda x: [lax.cond(x[0] > n, jnp.sort, lambda y: y, x) for n in (-9, 9)],
        (normal(20),),
    ),
    "sort's gradients": (
        jax.grad(lambda x: jnp.sum(jnp.sort(x) * jnp.arange(20))),
        (normal(3, 20),),
    ),
    "greatest": (lambda i, x: (lax.top_k(i, 3), lax.top_k(x, 2)), (TIES, normal(4, 5))),
    "median": (
        lambda x: (jnp.median(x), jax.grad(lambda y: jnp.sum(jnp.median(y, 1)))(x)),
        (normal(6, 9),),
    ),
    "quantiles": (
        jax.value_and_grad(lambda x: jnp.sum(jnp.quantile(x, jnp.array([0.3, 0.9]), 0))),
        (normal(9, 6),),
    ),
    "permutations": (
        lambda seed, x: [jax.random.permutation(jax.random.key(seed), y) for y in (x, 1000)],
        (np.int32(3), normal(9, 6)),
    ),
    "rows in the order of a column": (lambda x: x[jnp.argsort(x[:, 2])], (normal(33, 12),)),
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
    "loop": (lambda x: lax.fori_loop(0, 5, lambda i, c: jnp.sin(c) * (i + 1), x), (normal(9, 6),)),
    "scan": (scan, (normal(9), normal(4, 9))),
    "scan's gradients": (
        jax.grad(lambda x, w: jnp.sum(scan(x, w)[1] ** 2), (0, 1)),
        (normal(9), normal(4, 9)),
    ),
    "recurrent network's gradients": (
        jax.grad(lambda x, w, u: jnp.sum(recurrent(x, w, u) ** 2), (0, 1, 2)),
        (normal(5, 3, 7), normal(7, 6) / 3, normal(6, 6) / 3),
    ),
    "loop in a loop": (
        lambda x: lax.fori_loop(
            0, 3, lambda i, c: lax.fori_loop(0, i + 1, lambda j, d: jnp.sin(d) + j, c), x
        ),
        (normal(9, 6),),
    ),
    # Of so many steps that they are a loop of the host program.
    "long loop": (steps(300, lambda i, x: (jnp.sin(x) + i,)), (normal(9, 6),)),
    "long scan": (scan, (normal(9), normal(400, 9))),
    "long scan of whole vectors": (scan, (normal(8), normal(400, 8))),
    "long scan's gradients": (
        jax.grad(lambda x, w: jnp.sum(scan(x, w)[1] ** 2), (0, 1)),
        (normal(9), normal(400, 9)),
    ),
    "long scan from the end": (
        lambda x, w: lax.scan(lambda c, r: (c * r, (c, c - r)), x, w, reverse=True),
        (normal(8), normal(400, 8)),
    ),
    "long recurrent network's gradients": (
        jax.grad(lambda x, w, u: jnp.sum(recurrent(x, w, u) ** 2), (0, 1, 2)),
        (normal(150, 3, 8), normal(8, 6) / 3, normal(6, 6) / 3),
    ),
    "values that change places": (
        steps(301, lambda i, x, y: (y, jnp.sin(x) + y / 2)),
        (normal(4, 8), normal(4, 8)),
    ),
    "values that go around": (
        steps(400, lambda i, x, y, z: (y, z, x)),
        (normal(4, 8), normal(4, 8), normal(4, 8)),
    ),
    "arguments that loops start from": (
        lambda x: (steps(300, lambda i, y: (jnp.sin(y) + i,))(x), x + 1, x),
        (normal(4, 8),),
    ),
    "long loop in a long loop": (
        lambda x: steps(200, lambda i, c: steps(300, lambda j, d: (jnp.sin(d) + j - i,))(c))(x),
        (normal(3),),
    ),
    "a place that jumps": (
        lambda x: lax.fori_loop(
            0, 300, lambda i, c: (c[0] * 5 % 17, c[1] + x[c[0]]), (jnp.int32(3), x[0])
        ),
        (normal(17, 4),),
    ),
    "a stack that is read and written": (history, (normal(400, 8),)),
    "a stack of numbers": (lambda x: lax.scan(lambda c, r: (c + r, c * r), 0.0, x), (normal(700),)),
    # The host reads what these depend on.
    "as often as the data says": (
        lambda x: lax.while_loop(lambda c: jnp.sum(c) > 1, lambda c: c * 0.7, jnp.abs(x)),
        (normal(9, 6),),
    ),
    "not even once": (lambda x: lax.while_loop(lambda c: c[0] > 1e9, jnp.sin, x), (normal(5),)),
    "places that the data says": (
        lambda n, x: lax.fori_loop(0, n[0], lambda i, y: y.at[i].set(2 * y[i + 1]), x),
        (np.array([5], np.int32), normal(9, 6)),
    ),
    "a loop without an end in a loop": (
        lambda x: lax.fori_loop(
            0, 300, lambda i, c: lax.while_loop(lambda d: d[0] > i, lambda d: d - 7, c) + 3, x
        ),
        (normal(3),),
    ),
    "choice": (
        lambda x: lax.cond(x[0, 0] > 0, lambda y: y @ y.T, lambda y: y @ y.T - 1, x),
        (normal(4, 8),),
    ),
    "choices of many": (
        lambda i, x: [
            lax.switch(k, [lambda y: y, jnp.sin, lambda y: y - x, jnp.exp], x * 2) for k in i
        ],
        (np.array([-3, 0, 1, 2, 3, 9], np.int32), normal(4, 8)),
    ),
    "gradients of a choice in a scan": (
        jax.grad(
            lambda x, w: jnp.sum(
                lax.scan(
                    lambda c, r: (lax.cond(r[0] > 0, jnp.sin, lambda y: y * r, c), None), x, w
                )[0]
            ),
            (0, 1),
        ),
        (normal(8), normal(200, 8)),
    ),
    # Of ops that read each other in more ways than there is memory to emit.
    "rolls": (repeated(20, lambda x, i: jnp.roll(x, i % 7 + 1)), (normal(64),)),
    "rolls and sums": (repeated(20, lambda x, i: x + jnp.roll(x, i) / 2), (normal(9, 6),)),
    "differences of neighbours": (
        repeated(20, lambda x, i: jnp.pad(x, 1)[2:] - jnp.pad(x, 1)[:-2] / 2),
        (normal(64),),
    ),
    "updates of elements": (
        repeated(20, lambda x, i: x.at[i + 1].set(jnp.sin(x[i]) + x[i + 2])),
        (normal(64),),
    ),
    "sums of squares": (
        lambda x: repeated(30, lambda y, i: y * y / 2 + y / 4)(x @ x) @ x,
        (normal(8, 8) / 9,),
    ),
    "concatenation of many": (
        lambda x: jnp.concatenate([x[:, i % 9 : i % 9 + 1 + i % 4] * i for i in range(70)], 1),
        (normal(5, 13),),
    ),
    "work on positions that a loop reads": (around_positions, (normal(8),)),
    "a number": (lambda x: x * 2 + 1, (normal(),)),
    "a number, reduced": (lambda x: (x.sum(), x.mean(), x.max()), (normal(),)),
    "a reverse in rows of another length": (
        lambda x: jnp.flip(x.T.ravel()).reshape(8, 3).sum(1),
        (normal(4, 6),),
    ),
    "copies of a reverse": (lambda x: jnp.repeat(jnp.flip(jnp.tile(x, 4)), 3), (normal(9),)),
    "a transpose, padded": (lambda x: jnp.pad(x.T.reshape(-1), (1, 3)), (normal(4, 5),)),
    "moves": (moves(0, 20), (normal(4, 6),)),
    "other moves": (moves(1, 20), (normal(3, 5, 4),)),
    "moves of as many elements as lanes": (moves(2, 20), (normal(2, 8, 8),)),
    "convolution of what is cropped, then padded": (
        lambda x, w: with_gradients((1, 1), "SAME", dimension_numbers=NCHW)(x[:, :, 1:-1, 1:-1], w),
        (normal(2, 3, 8, 9), normal(4, 3, 3, 3)),
    ),
    "the high bits of bytes": (
        lambda x: lax.shift_right_logical(x, jnp.uint8(6)).astype(jnp.uint4).astype(jnp.float32),
        (labels(128, classes=256).astype(np.uint8),),
    ),
    "positions beyond 32 bits, in a kernel only": (
        lambda x: jnp.arange(3_000_000_000)[2_999_999_992:] + x,
        (labels(8, classes=100).astype(np.int64),),
    ),
    "a scatter with unsigned indices": (
        lambda x, i, u: x.at[i].add(u),
        (normal(256), np.array([[200, 3, 127], [128, 3, 255]], np.uint8), normal(2, 3)),
    ),
    "a scatter with indices that positions have no bits for": (
        lambda x, i, u: x.at[i].add(u),
        (normal(16), np.array([3, 2**32 + 3, -1, 2**40], np.int64), normal(4)),
    ),
    "scatter of many rows": (
        lambda t, i, u: t.at[i].add(u),
        (normal(40, 3), PLACES[labels(300, classes=5)] + labels(300, classes=30), normal(300, 3)),
    ),
    "scatter of many columns": (
        lambda t, i, u: t.at[:, i].multiply(u),
        (normal(2, 40, 3), labels(300, classes=50) - 5, 1 + normal(2, 300, 3) / 8),
    ),
    "scatter of many pairs, the last stays": (
        lambda t, i, j, u: t.at[i, :, j].set(u, mode="drop"),
        (
            normal(9, 4, 7),
            labels(300, classes=11).reshape(20, 15),
            labels(300, classes=8).reshape(20, 15),
            normal(20, 15, 4),
        ),
    ),
}


def lower(function: Callable, args: tuple, contractions: str) -> str:
    """The host program with kernels for the CPU."""
    exported = jax_export.export(jax.jit(function))(*args)
    text = importer.to_linalg(importer.load(exported))
    pipeline = f"--approx-act-to-gpu=format=llvm contractions={contractions}"
    return subprocess.run(
        ["approx-act-opt", pipeline, "-"],
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


def is_close(actual: np.ndarray, expected: np.ndarray) -> bool:
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return False
    if expected.dtype.kind != "f":
        return np.array_equal(actual, expected)
    largest = np.max(np.abs(expected), initial=0)
    return np.allclose(actual, expected, rtol=1e-5, atol=1e-5 * largest)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    failures = []
    called = 0
    for name, (function, args) in PROGRAMS.items():
        expected = [np.asarray(a) for a in jax.tree.leaves(jax.jit(function)(*args))]
        text = lower(function, args, "runtime")
        texts = [text]
        if "approxAct" in text:
            called += 1
            texts.append(lower(function, args, "kernels"))
            assert "approxAct" not in texts[1], name
        for text in texts:
            failures += [name] * (not all(map(is_close, run(text, args), expected)))
    if failures:
        sys.exit(f"wrong: {failures}")
    print(f"{len(PROGRAMS)} programs agree with XLA, {called} by contractions of the runtime")


if __name__ == "__main__":
    main()
