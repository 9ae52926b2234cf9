# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs small training steps, exact and approximate, and compares the numbers.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: every program holds

The loss has to be that of the exact step, to rounding.  The gradient, all
parameters as one vector, has to be within a bound that is about twice what was
measured; it is there to catch a restored value that is wrong, not to rank grids.
"""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import approx_act
from approx_act.tool import ApproxActWarning

BATCH, WIDTH, SIZE, CHANNELS = 16, 32, 8, 16
Step = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Program:
    """A training step and what is expected of it.

    Attributes:
      make: returns ``step, arguments``; the first result of a step is the loss.
      bounds: greatest relative L2 error of the other results, by bits.
      tolerance: relative tolerance of the loss.
      exact: why the step stays exact, or empty when it must not.
    """

    make: Callable[[], tuple[Step, tuple[Any, ...]]]
    bounds: dict[int, float]
    tolerance: float = 1e-6
    exact: str = ""


PROGRAMS: dict[str, Program] = {}


def program(eight: float, four: float, **rest: Any) -> Callable[[Callable], Callable]:
    """Enters a maker into the table under its name."""

    def enter(make: Callable) -> Callable:
        PROGRAMS[make.__name__] = Program(make, {8: eight, 4: four}, **rest)
        return make

    return enter


def normal(seed: int, *shape: int, scale: float = 1.0, dtype: Any = jnp.float32) -> jax.Array:
    """Pseudo-random numbers that do not depend on JAX's generators."""
    values = np.random.default_rng(seed).standard_normal(shape)
    return jnp.asarray(scale * values, dtype)


def weights(*shapes: tuple[int, ...], dtype: Any = jnp.float32) -> list[jax.Array]:
    """One matrix or kernel per shape, scaled to keep the variance."""
    return [
        normal(i, *shape, scale=np.prod(shape[:-1]) ** -0.5, dtype=dtype)
        for i, shape in enumerate(shapes)
    ]


def squares(y: jax.Array) -> jax.Array:
    """A loss that looks at every element."""
    return jnp.mean((y - 0.5) ** 2)


def conv(x: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution of images with channels last."""
    return lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def grad_step(loss: Callable, *arguments: Any) -> tuple[Step, tuple[Any, ...]]:
    """The step of a loss with respect to its first argument."""
    return jax.value_and_grad(loss), arguments


# ---------------------------------------------------------------------------
# Activations
# ---------------------------------------------------------------------------


def mlp(activation: Callable, dtype: Any = jnp.float32) -> tuple[Step, tuple[Any, ...]]:
    """Three layers and a squared loss."""

    def loss(params, x):
        for w in params:
            x = activation(x @ w)
        return squares(x)

    params = weights(*[(WIDTH, WIDTH)] * 3, dtype=dtype)
    return grad_step(loss, params, normal(9, BATCH, WIDTH, dtype=dtype))


@program(0.02, 0.2)
def mlp_relu():
    return mlp(jax.nn.relu)


@program(0.015, 0.25)
def mlp_gelu():
    return mlp(jax.nn.gelu)


@program(0.02, 0.2)
def mlp_silu():
    return mlp(jax.nn.silu)


@program(0.0095, 0.15)
def mlp_tanh():
    return mlp(jnp.tanh)


@program(0.0025, 0.05)
def mlp_sigmoid():
    return mlp(jax.nn.sigmoid)


@program(0.015, 0.2)
def mlp_clipped():
    return mlp(lambda x: jnp.clip(x, -0.5, 0.5) + jax.nn.relu6(3 * x))


@program(0.02, 0.2, tolerance=1e-2)
def mlp_bf16():
    return mlp(jnp.tanh, jnp.bfloat16)


@program(0.015, 0.2, tolerance=1e-3)
def mlp_f16():
    return mlp(jax.nn.relu, jnp.float16)


# ---------------------------------------------------------------------------
# Normalisations
# ---------------------------------------------------------------------------


def hand_batch_norm(x, gamma, beta):
    """The centred form."""
    axes = tuple(range(x.ndim - 1))
    centred = x - x.mean(axes)
    return centred * lax.rsqrt((centred**2).mean(axes) + 1e-5) * gamma + beta


def flax_batch_norm(x, gamma, beta):
    """E[x²] − E[x]², as flax computes it."""
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    variance = jnp.maximum(0.0, jnp.mean(lax.square(x), axes) - lax.square(mean))
    scale = lax.rsqrt(variance + 1e-5) * gamma
    return (x - mean) * scale + beta


def layer_norm(x, gamma, beta):
    """Over the last dimension, divided by a square root."""
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5) * gamma + beta


def rms_norm(x, gamma, beta):
    """Not centred."""
    return x * lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * gamma + beta


def normalised_params(layers: int) -> list[tuple[jax.Array, jax.Array, jax.Array]]:
    """Kernel, scale and shift of each layer."""
    return [
        (w, 1 + normal(5, CHANNELS, scale=0.3), normal(6, CHANNELS, scale=0.3))
        for w in weights(*[(3, 3, CHANNELS, CHANNELS)] * layers)
    ]


def normalised_net(norm: Callable) -> tuple[Step, tuple[Any, ...]]:
    """Convolution, normalisation, ReLU, twice."""

    def loss(params, x):
        for w, gamma, beta in params:
            x = jax.nn.relu(norm(conv(x, w), gamma, beta))
        return squares(x.mean((1, 2)))

    return grad_step(loss, normalised_params(2), normal(9, BATCH, SIZE, SIZE, CHANNELS))


@program(0.01, 0.3)
def batch_norm_by_hand():
    return normalised_net(hand_batch_norm)


@program(0.015, 0.3)
def batch_norm_as_flax():
    return normalised_net(flax_batch_norm)


@program(0.0015, 0.035)
def layer_norm_divided():
    return normalised_net(layer_norm)


@program(0.0015, 0.02)
def root_mean_square_norm():
    return normalised_net(rms_norm)


@program(0.003, 0.05)
def group_norm():
    def norm(x, gamma, beta):
        groups = x.reshape(*x.shape[:3], 2, CHANNELS // 2)
        mean = groups.mean((1, 2, 4), keepdims=True)
        variance = groups.var((1, 2, 4), keepdims=True)
        normal = (groups - mean) * lax.rsqrt(variance + 1e-5)
        return normal.reshape(x.shape) * gamma + beta

    return normalised_net(norm)


@program(0.005, 0.07)
def mean_of_channels_deviation_of_rows():
    """Statistics of different blocks must not be taken for those of one."""

    def norm(x, gamma, beta):
        channels = x.mean((0, 1, 2))
        rows = x.mean(-1, keepdims=True)
        variance = (x * x).mean(-1, keepdims=True) - rows * rows
        return (x - channels) * lax.rsqrt(variance + 1e-5) * gamma + beta

    return normalised_net(norm)


# ---------------------------------------------------------------------------
# Networks
# ---------------------------------------------------------------------------


@program(0.00065, 0.025)
def residual_net():
    def loss(params, x):
        for w, gamma, beta in params:
            h = jax.nn.relu(hand_batch_norm(x, gamma, beta))
            x = x + conv(h, w)
        return squares(x.mean((1, 2)))

    return grad_step(loss, normalised_params(3), normal(9, BATCH, SIZE, SIZE, CHANNELS))


def pooled(pool: Callable) -> tuple[Step, tuple[Any, ...]]:
    """Convolution, ReLU, a pooling; then a dense layer."""

    def loss(params, x):
        first, second, dense = params
        x = pool(jax.nn.relu(conv(x, first)))
        x = jnp.tanh(conv(x, second))
        return squares(x.reshape(x.shape[0], -1) @ dense)

    params = weights((3, 3, 4, 8), (3, 3, 8, 8), (8 * SIZE * SIZE // 4, 4))
    return grad_step(loss, params, normal(9, BATCH, SIZE, SIZE, 4))


@program(0.0045, 0.065)
def max_pool():
    return pooled(
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    )


@program(0.0045, 0.06)
def average_pool():
    return pooled(
        lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4
    )


@program(0.0045, 0.065)
def fourier_operator():
    def loss(params, x):
        for real, imaginary, w in params:
            modes = jnp.einsum(
                "bmi,mio->bmo", jnp.fft.rfft(x, axis=1), lax.complex(real, imaginary)
            )
            x = jax.nn.gelu(jnp.fft.irfft(modes, x.shape[1], axis=1) + x @ w)
        return squares(x)

    modes = WIDTH // 2 + 1
    layer = (modes, CHANNELS, CHANNELS), (modes, CHANNELS, CHANNELS), (CHANNELS, CHANNELS)
    params = [weights(*layer) for _ in range(3)]
    return grad_step(loss, params, normal(9, BATCH, WIDTH, CHANNELS))


@program(0.026, 0.6)
def linear_attention():
    def loss(params, x):
        for *maps, w in params:
            q, k, v = (x @ m for m in maps)
            q, k = jnp.exp(q), jnp.exp(k)
            scores = jnp.einsum("bsm,btm->bst", q, k)
            total = jnp.einsum("bsm,bsm->bs", q, jnp.cumsum(k, axis=1))
            x = x + jnp.tril(scores) @ v / total[..., None] @ w
        return squares(x)

    params = [weights(*[(WIDTH, WIDTH)] * 4) for _ in range(2)]
    return grad_step(loss, params, normal(9, 4, BATCH, WIDTH))


@program(0.012, 0.2)
def running_mean():
    def loss(params, x):
        for first, second in params:
            k, v = jax.nn.sigmoid(x @ first), x @ second
            x = x + jnp.cumsum(k * v, axis=1) / jnp.cumsum(k, axis=1)
        return squares(x)

    params = [weights(*[(WIDTH, WIDTH)] * 2) for _ in range(2)]
    return grad_step(loss, params, normal(9, 4, BATCH, WIDTH))


@program(0.015, 0.2)
def dropout():
    def loss(params, x, key):
        for w in params:
            key, sub = jax.random.split(key)
            keep = jax.random.bernoulli(sub, 0.7, x.shape)
            x = jnp.where(keep, jnp.tanh(x @ w) / 0.7, 0.0)
        return squares(x)

    return grad_step(
        loss, weights(*[(WIDTH, WIDTH)] * 3), normal(9, BATCH, WIDTH), jax.random.key(1)
    )


@program(0.02, 0.35)
def causal_attention():
    def loss(params, x):
        q, k, v, out = (x @ w for w in params)
        scores = jnp.einsum("btd,bsd->bts", q, k) * WIDTH**-0.5
        causal = jnp.tril(jnp.ones((SIZE, SIZE), bool))
        weights = jax.nn.softmax(jnp.where(causal, scores, -1e9), axis=-1)
        return squares(jnp.einsum("bts,bsd->btd", weights, v) * out)

    return grad_step(loss, weights(*[(WIDTH, WIDTH)] * 4), normal(9, BATCH, SIZE, WIDTH))


@program(0.0085, 0.15)
def embedding_and_cross_entropy():
    def loss(params, tokens):
        table, w, out = params
        x = jnp.tanh(table[tokens] @ w)
        logits = jax.nn.log_softmax(x @ out)
        return -jnp.take_along_axis(logits[:, :-1], tokens[:, 1:, None], axis=-1).mean()

    tokens = jnp.asarray(np.random.default_rng(3).integers(0, 20, (BATCH, SIZE)), jnp.int32)
    return grad_step(loss, weights((20, WIDTH), (WIDTH, WIDTH), (WIDTH, 20)), tokens)


@program(0.009, 0.15)
def lstm():
    def loss(params, x):
        w, u = params
        hidden = cell = jnp.zeros((BATCH, WIDTH))
        for _ in range(3):
            i, f, g, o = jnp.split(x @ w + hidden @ u, 4, axis=1)
            cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
            hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return squares(hidden)

    return grad_step(loss, weights(*[(WIDTH, 4 * WIDTH)] * 2), normal(9, BATCH, WIDTH))


@program(0.025, 0.25)
def unrolled_recurrence():
    """Long chains of arithmetic, in which every value is read twice."""

    def loss(params, x):
        w, bias = params
        x = x @ w
        for _ in range(20):
            x = x + 0.1 * jnp.tanh(x + bias) * x
        return squares(x @ w)

    return grad_step(loss, (weights((WIDTH, WIDTH))[0], normal(2, WIDTH)), normal(9, BATCH, WIDTH))


# ---------------------------------------------------------------------------
# Shapes of training steps
# ---------------------------------------------------------------------------


@program(0.0095, 0.15)
def several_losses():
    def step(params, x):
        def loss(params):
            hidden = x
            for w in params:
                hidden = jnp.tanh(hidden @ w)
            return squares(hidden) + 0.1 * jnp.mean(jnp.abs(hidden))

        def penalty(params):
            return sum(jnp.sum(jax.nn.softplus(w)) for w in params)

        value, grads = jax.value_and_grad(loss)(params)
        extra, more = jax.value_and_grad(penalty)(params)
        return value + 1e-3 * extra, jax.tree.map(lambda a, b: a + 1e-3 * b, grads, more)

    return step, (weights(*[(WIDTH, WIDTH)] * 3), normal(9, BATCH, WIDTH))


@program(0.00015, 0.003)
def auxiliary_outputs():
    def loss(params, x):
        hidden = []
        for w in params:
            x = jnp.tanh(x @ w)
            hidden.append(x)
        return squares(x), (hidden[0], x.mean())

    step = jax.value_and_grad(loss, has_aux=True)

    def flat(params, x):
        (value, aux), grads = step(params, x)
        return value, grads, aux

    return flat, (weights(*[(WIDTH, WIDTH)] * 3), normal(9, BATCH, WIDTH))


@program(0.003, 0.0045)
def adam():
    def step(params, first, second, x):
        def loss(params):
            h = x
            for w in params:
                h = jax.nn.relu(h @ w)
            return squares(h)

        value, grads = jax.value_and_grad(loss)(params)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)
        params = jax.tree.map(
            lambda p, m, v: p - 1e-3 * (m / 0.1) / (jnp.sqrt(v / 0.001) + 1e-8),
            params,
            first,
            second,
        )
        return value, first, params

    params = weights(*[(WIDTH, WIDTH)] * 3)
    zeros = jax.tree.map(jnp.zeros_like, params)
    return step, (params, zeros, zeros, normal(9, BATCH, WIDTH))


@program(0.008, 0.15)
def checkpoint_inside():
    def loss(params, x):
        block = jax.checkpoint(lambda x, w: jnp.tanh(jnp.tanh(x @ w) @ w))
        for w in params:
            x = jax.nn.gelu(block(x, w))
        return squares(x)

    return grad_step(loss, weights(*[(WIDTH, WIDTH)] * 3), normal(9, BATCH, WIDTH))


@program(0.008, 0.15)
def branch_in_the_forward():
    def loss(params, x):
        for w in params:
            h = jnp.tanh(x @ w)
            x = lax.cond(h[0, 0] > 0, lambda h: jnp.sin(h), lambda h: h * h, h)
        return squares(x)

    return grad_step(loss, weights(*[(WIDTH, WIDTH)] * 3), normal(9, BATCH, WIDTH))


@program(0.02, 0.35)
def loop_in_the_forward():
    """A loop without a gradient, between layers that have one."""

    def loss(params, x):
        x = jnp.tanh(x @ params[0])
        scale = lax.while_loop(lambda s: s < 3.0, lambda s: s * 1.5, jnp.float32(1))
        x = jnp.tanh((x * lax.stop_gradient(scale)) @ params[1])
        return squares(jnp.tanh(x @ params[2]))

    return grad_step(loss, weights(*[(WIDTH, WIDTH)] * 3), normal(9, BATCH, WIDTH))


@program(0.012, 0.2)
def scan_over_layers():
    def loss(params, x):
        stacked, last = params
        x, _ = lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, stacked)
        return squares(jnp.tanh(x @ last))

    params = (jnp.stack(weights(*[(WIDTH, WIDTH)] * 3)), weights((WIDTH, WIDTH))[0])
    return grad_step(loss, params, normal(9, BATCH, WIDTH))


def scan_step(run):
    """The step of a network whose layers `run(stacked, x)` goes through."""
    stacked = jnp.stack(weights(*[(WIDTH, WIDTH)] * 4))
    return grad_step(lambda stacked, x: squares(run(stacked, x)), stacked, normal(9, BATCH, WIDTH))


def relu_layer(x, w):
    return x + jax.nn.relu(x @ w), None


@program(0.008, 0.12)
def scan_reversed():
    return scan_step(lambda ws, x: lax.scan(relu_layer, x, ws, reverse=True)[0])


@program(0.008, 0.12)
def scan_in_groups():
    return scan_step(lambda ws, x: lax.scan(relu_layer, x, ws, unroll=2)[0])


@program(0.015, 0.25)
def scan_with_outputs():
    def run(ws, x):
        x, outputs = lax.scan(lambda x, w: (jnp.tanh(x @ w), jax.nn.relu(x @ w)), x, ws)
        return x + outputs.sum(0)

    return scan_step(run)


@program(0.02, 0.3)
def scan_over_inputs():
    """A recurrent network whose inputs are activations themselves."""

    def run(ws, x):
        inputs = jax.nn.relu(jnp.einsum("bd,tde->tbe", x, ws))
        return lax.scan(lambda h, z: (jnp.tanh(h @ ws[0] + z @ ws[1]), None), x, inputs)[0]

    return scan_step(run)


@program(0.02, 0.3)
def scan_in_a_scan():
    def layer(x, w):
        return lax.scan(lambda h, _: (x + jnp.tanh(h @ w) / 2, None), x, None, length=2)[0], None

    return scan_step(lambda ws, x: lax.scan(layer, x, ws)[0])


@program(0.015, 0.2)
def scan_with_dropout():
    def layer(x, slices):
        w, key = slices
        keep = jax.random.bernoulli(key, 0.5, x.shape)
        return x + jnp.where(keep, jax.nn.relu(x @ w) * 2, 0), None

    keys = jax.random.split(jax.random.key(3), 4)
    return scan_step(lambda ws, x: lax.scan(layer, x, (ws, keys))[0])


@program(0.012, 0.2)
def counting_loop():
    return scan_step(lambda ws, x: lax.fori_loop(0, 4, lambda i, x: relu_layer(x, ws[i])[0], x))


@program(0.012, 0.2)
def gradient_accumulation():
    """Microbatches, and the gradient clipped to its norm."""

    def step(ws, batches):
        loss = lambda ws, x: squares(lax.scan(relu_layer, x, ws)[0])  # noqa: E731

        def microbatch(carried, x):
            return jax.tree.map(jnp.add, carried, jax.value_and_grad(loss)(ws, x)), None

        (value, grads), _ = lax.scan(microbatch, (0.0, jnp.zeros_like(ws)), batches)
        norm = jnp.sqrt(jnp.sum(grads**2))
        return value, grads * jnp.minimum(1, 1 / norm)

    ws = jnp.stack(weights(*[(WIDTH, WIDTH)] * 3))
    return step, (ws, normal(9, 4, BATCH, WIDTH))


@program(0.01, 0.15)
def narrow_index():
    """A stack whose elements from 128 on are never written: the index wraps."""
    count = 200

    def step(w, x):
        h = jnp.tanh(x @ w)
        start = (h, jnp.full((count, *h.shape), 0.5))
        at = lambda i: (i, jnp.int32(0), jnp.int32(0))  # noqa: E731

        def write(carried):
            i, h, stack = carried
            h = jnp.tanh(h @ w)
            wrapped = lax.convert_element_type(lax.convert_element_type(i, jnp.int8), jnp.int32)
            stack = lax.dynamic_update_slice(
                stack, h[None], at(wrapped), allow_negative_indices=False
            )
            return i + 1, h, stack

        def read(carried):
            i, g = carried
            element = lax.dynamic_slice(stack, at(i), (1, *h.shape), allow_negative_indices=False)
            return i + 1, jnp.tanh((g + element[0]) @ w.T)

        is_inside = lambda carried: carried[0] < count  # noqa: E731
        _, last, stack = lax.while_loop(is_inside, write, (jnp.int32(0), *start))
        loss = squares(last)
        _, g = lax.while_loop(is_inside, read, (jnp.int32(0), jnp.full_like(h, loss)))
        return loss, h.T @ g

    return step, (weights((WIDTH, WIDTH))[0], normal(9, BATCH, WIDTH))


@program(0.0, 0.0, exact="a step inside a loop has to be approximated there")
def steps_in_a_loop():
    """The loss of a step needs the gradients of the steps before it."""

    def steps(w, x):
        def step(w, _):
            value, grad = jax.value_and_grad(lambda w: squares(jnp.tanh(x @ w)))(w)
            return w - 0.1 * grad, value

        w, values = lax.scan(step, w, None, length=3)
        return values[-1], w

    return steps, (normal(1, WIDTH, WIDTH, scale=0.1), normal(9, BATCH, WIDTH))


@program(0.005, 0.2)
def variance_of_the_gradient():
    """Its mean is far from zero, and must not cancel away the digits."""

    def step(w, x):
        loss, grad = jax.value_and_grad(lambda w: jnp.sum(jnp.tanh(x @ w) ** 2))(w)
        return loss, grad.var(axis=0)

    x = 1 + normal(9, BATCH, WIDTH, scale=1e-2)
    return step, (normal(1, WIDTH, WIDTH, scale=0.1), x)


# ---------------------------------------------------------------------------
# Branches
# ---------------------------------------------------------------------------


def branch_step(layer):
    """The step of three layers `layer(x, w, index)`, which choose a branch by an activation.

    With these arguments, each of the first two branches is taken.
    """

    def loss(params, x):
        for index, w in enumerate(params):
            x = layer(x, w, index)
        return squares(x)

    return grad_step(loss, weights(*[(WIDTH, WIDTH)] * 3), normal(9, BATCH, WIDTH))


def is_odd(x, index):
    """A choice that is known when the program runs only, and differs from layer to layer."""
    return (index + jnp.int32(jnp.sum(x) > 1e9)) % 2 == 1


@program(0.015, 0.25)
def branches_of_arithmetic():
    """Everything is a cheap function of a value from outside, which is stored once."""
    return branch_step(lambda x, w, i: lax.cond(is_odd(x, i), jax.nn.gelu, jnp.tanh, 2 * x @ w))


@program(0.015, 0.2)
def branches_with_weights():
    """A mask is carried by codes in one branch; the other has none."""
    return branch_step(
        lambda x, w, i: lax.cond(
            is_odd(x, i), lambda x: jax.nn.relu(x @ w), lambda x: jax.nn.gelu(x @ w), x
        )
    )


@program(0.015, 0.2)
def branches_with_masks():
    """Masks of a value inside, and of one from outside, of both branches."""

    def layer(x, w, i):
        h = x @ w
        return lax.cond(
            is_odd(x, i),
            lambda h: jax.nn.relu(h) + jax.nn.relu6(2 * (h @ w)),
            lambda h: jnp.where(h > 0.1, h, 0.3 * h) @ w + jax.nn.relu(h - 0.5),
            h,
        )

    return branch_step(layer)


@program(0.015, 0.25)
def branches_that_share():
    """Both branches read the same values, one of them after the branches too."""

    def layer(x, w, i):
        h = jnp.tanh(x @ w)
        y = lax.cond(is_odd(x, i), lambda h: h * x, lambda h: (h * x) @ w, h)
        return y * h + x

    return branch_step(layer)


@program(0.015, 0.25)
def branch_without_residuals():
    return branch_step(
        lambda x, w, i: lax.cond(
            is_odd(x, i), lambda x: x, lambda x: x + jnp.tanh(jnp.tanh(x @ w) @ w), x
        )
    )


@program(0.012, 0.2)
def switch_of_three():
    def layer(x, w, i):
        branches = [
            lambda x: jax.nn.relu(x @ w),
            lambda x: jnp.tanh(x @ w) * jax.nn.softmax(x @ w.T) * 30,
            lambda x: x * 0.5,
        ]
        return lax.switch((i + is_odd(x, i) + jnp.int32(i == 1)) % 3, branches, x)

    return branch_step(layer)


@program(0.02, 0.3)
def branches_in_branches():
    def layer(x, w, i):
        inner = lambda h: lax.cond(  # noqa: E731
            h[0, 0] > 0, lambda h: jnp.tanh(h @ w), lambda h: jax.nn.relu(h @ w), h
        )
        return lax.cond(is_odd(x, i), lambda x: inner(x @ w), lambda x: jax.nn.gelu(x @ w), x)

    return branch_step(layer)


@program(0.06, 0.6)
def branches_with_batch_norm():
    def norm(x):
        return (x - x.mean(0)) * lax.rsqrt(x.var(0) + 1e-5)

    return branch_step(
        lambda x, w, i: lax.cond(
            is_odd(x, i), lambda x: jax.nn.relu(norm(x @ w)), lambda x: jnp.tanh(norm(x @ w)), x
        )
    )


@program(0.015, 0.25)
def branches_in_a_scan():
    def run(ws, x):
        def layer(x, slices):
            index, w = slices
            branches = lambda x: jax.nn.relu(x @ w), lambda x: jnp.tanh(x @ w)
            return x + lax.cond(is_odd(x, index), *branches, x), None

        return lax.scan(layer, x, (jnp.arange(len(ws)), ws))[0]

    return scan_step(run)


@program(0.015, 0.25)
def scan_in_a_branch():
    def run(ws, x):
        deep = lambda x: lax.scan(relu_layer, x, ws)[0]  # noqa: E731
        return lax.cond(is_odd(x, 1), deep, lambda x: jnp.tanh(x @ ws[0]), x)

    return scan_step(run)


@program(0.015, 0.25)
def branches_with_checkpoint():
    """The backward pass makes a choice again, and then that of the derivative."""
    block = jax.checkpoint(
        lambda x, w, odd: lax.cond(
            odd, lambda x: jnp.tanh(x @ w), lambda x: jax.nn.relu(x @ w) @ w, x
        )
    )
    return branch_step(lambda x, w, i: jax.nn.gelu(block(x, w, is_odd(x, i)) @ w))


# ---------------------------------------------------------------------------
# The comparison
# ---------------------------------------------------------------------------


def flatten(tree: Any) -> np.ndarray:
    """All leaves as one vector of doubles."""
    return np.concatenate(
        [np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(tree)]
    )


def check(name: str, entry: Program) -> list[str]:
    """What is wrong with a program, one line each."""
    step, arguments = entry.make()
    loss, *rest = jax.jit(step)(*arguments)
    exact = flatten(rest)
    wrong = []
    for bits, bound in entry.bounds.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ApproxActWarning)
            approximate = approx_act.jit(step, bits=bits, forward=0)
            approximate_loss, *rest = approximate(*arguments)
        messages = [str(w.message) for w in caught if issubclass(w.category, ApproxActWarning)]
        off = abs(float(approximate_loss) - float(loss)) / abs(float(loss))
        error = np.linalg.norm(flatten(rest) - exact) / np.linalg.norm(exact)
        print(f"{name:34s} {bits} bits: loss {off:.1e}, gradient {error:.5f} of {bound}")
        if not off <= entry.tolerance:
            wrong.append(f"{name}, {bits} bits: the loss is off by {off:.2e}")
        if not error <= bound:
            wrong.append(f"{name}, {bits} bits: the gradient is off by {error:.5f}, not {bound}")
        if bool(messages) != bool(entry.exact) or entry.exact not in "".join(messages):
            wrong.append(f"{name}, {bits} bits: expected {entry.exact!r}, warned {messages}")
        if not messages and error == 0.0:
            wrong.append(f"{name}, {bits} bits: nothing was approximated")
    return wrong


def main() -> None:
    names = sys.argv[1:] or list(PROGRAMS)
    wrong = [line for name in names for line in check(name, PROGRAMS[name])]
    print("\n".join(wrong) if wrong else "every program holds")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
