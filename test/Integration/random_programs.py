# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Training steps put together at random, from a fixed seed.

RUN: env XLA_FLAGS=--xla_backend_optimization_level=0 %python %s | FileCheck %s
CHECK: every program holds

All of them have to come out as valid StableHLO; some are run.  Then the loss is
exact, and the gradient is finite where the exact one is, and near it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax

import approx_act
from approx_act import importer, tool

COMPILED, RUN = 80, 16
ROWS, COLUMNS = 24, 17
BOUND = 0.1

Value = jax.Array


def branch(x: Value) -> Value:
    """What one branch may do: a contraction, masks inside and outside of it, a softmax."""
    y = jax.nn.relu((x @ x.T) @ x * 0.05)
    return jnp.where(x > 0.2, y, jax.nn.softmax(y) * x) + jnp.exp(-y)


UNARY: list[Callable[[Value], Value]] = [
    jnp.tanh,
    jax.nn.sigmoid,
    jax.nn.relu,
    jax.nn.gelu,
    jax.nn.softmax,
    jnp.sin,
    jnp.abs,
    jnp.negative,
    lambda x: jnp.exp(-x * x),
    lambda x: jnp.log(1 + x * x),
    lambda x: jnp.sqrt(1 + x * x),
    lambda x: x / (1 + jnp.abs(x)),
    lambda x: jnp.where(x > 0.1, x, 0.3 * x),
    lambda x: jnp.clip(x, -1, 1),
    lambda x: x - x.mean(0),
    lambda x: (x - x.mean(0)) * lax.rsqrt(x.var(0) + 1e-3),
    lambda x: x * lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-3),
    lambda x: x.sum(0) * 0.1 + x,
    lambda x: x.mean(1, keepdims=True) * x,
    lambda x: jnp.max(x, axis=1, keepdims=True) - x,
    lambda x: jnp.cumsum(x, axis=1) * 0.3,
    lambda x: jnp.roll(x, 3, axis=0),
    lambda x: x[::-1] * 0.5,
    lambda x: jnp.concatenate([x[:, 5:], x[:, :5]], axis=1),
    lambda x: x.T.reshape(ROWS, COLUMNS),
    lambda x: jnp.pad(x[:, 2:], ((0, 0), (1, 1))),
    lambda x: x.astype(jnp.bfloat16).astype(jnp.float32),
    lambda x: lax.stop_gradient(jnp.round(x)) + x,
    lambda x: jnp.sort(x, axis=1),
    jax.checkpoint(lambda x: jnp.tanh(x) * x),
    lambda x: lax.cond(x[0, 0] > 0, jnp.tanh, lambda x: 0.5 * x, x),
    lambda x: lax.cond(x[0, 0] > x[1, 1], branch, lambda x: jnp.abs(x), x),
    lambda x: lax.switch(jnp.int32(3 * jnp.abs(x[0, 0])) % 3, [branch, jax.nn.relu, jnp.tanh], x),
    lambda x: lax.cond(
        x[0, 0] > 0, lambda x: lax.cond(x[1, 1] > 0, branch, jnp.sin, x * x), jax.nn.softmax, x
    ),
    lambda x: lax.fori_loop(0, 2, lambda i, y: lax.cond(i > 0, branch, jnp.tanh, y) + 0.1 * x, x),
    lambda x: lax.fori_loop(0, 2, lambda _, y: jnp.tanh(y) + 0.1, x),
]
BINARY: list[Callable[[Value, Value], Value]] = [
    lambda x, y: x + y,
    lambda x, y: x - 0.5 * y,
    lambda x, y: x * y,
    jnp.maximum,
    jnp.minimum,
    lambda x, y: jnp.where(x > y, x, 0.1 * y),
    lambda x, y: x / (1 + y * y),
    lambda x, y: (x @ y.T) @ y * 0.05,
]


def make_step(rng: random.Random) -> Callable:
    """A loss of random arithmetic, and its gradient."""
    program: list[tuple[Callable, tuple[int, ...]]] = []
    for index in range(rng.randint(3, 12)):
        operands = (rng.randint(max(0, index - 2), index), rng.randint(0, index))
        kind = rng.random()
        if kind < 0.25:
            program.append((lambda x, _, w=index % 3: w, operands))
        elif kind < 0.5:
            program.append((rng.choice(BINARY), operands))
        else:
            program.append((rng.choice(UNARY), operands[:1]))

    def loss(params, x):
        matrices, scale, shift = params
        values = [x]
        for fun, operands in program:
            result = fun(*(values[i] for i in operands))
            if isinstance(result, int):  # A layer with parameters.
                result = (values[operands[0]] @ matrices[result]) * scale + shift
            values.append(result)
        # Not of the result alone: of a normalised one, the gradient would vanish.
        return jnp.mean((values[-1] - jnp.cos(x)) ** 2)

    return jax.value_and_grad(loss)


def make_arguments(rng: np.random.Generator) -> tuple:
    def normal(*shape):
        return jnp.asarray(rng.standard_normal(shape), jnp.float32)

    matrices = [normal(COLUMNS, COLUMNS) * COLUMNS**-0.5 for _ in range(3)]
    return (matrices, 1 + 0.3 * normal(COLUMNS), 0.3 * normal(COLUMNS)), normal(ROWS, COLUMNS)


def flatten(tree) -> np.ndarray:
    return np.concatenate(
        [np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(tree)]
    )


def check(seed: int, run: bool) -> str:
    """What is wrong with a program, or an empty string."""
    rng = random.Random(seed)
    step = make_step(rng)
    arguments = make_arguments(np.random.default_rng(seed))
    bits = rng.choice((8, 8, 4, 2))
    pipeline = (
        f"bits={bits} granularity={rng.choice(('auto', 'tensor', 'channel', 'group'))} "
        f"group-size=17 range={rng.choice(('auto', 'minmax', 'absmax'))} "
        f"rounding={rng.choice(('nearest', 'stochastic'))} min-fraction={rng.choice((0, 0.002))}"
    )
    exported = export.export(jax.jit(step))(*arguments)
    try:
        text = tool.run(importer.import_module(exported), pipeline).text
        rewritten = importer.to_exported(text, exported)
    except Exception as error:
        return f"{pipeline}: {error}"
    if not run:
        return ""
    loss, grads = jax.jit(step)(*arguments)
    options = approx_act.compiler_options()
    compiled = jax.jit(rewritten.call).lower(*arguments).compile(compiler_options=options)
    approximate_loss, approximate = compiled(*arguments)
    if not abs(loss - approximate_loss) <= 1e-6 * abs(loss):
        return f"{pipeline}: loss {approximate_loss}, not {loss}"
    exact, approximate = flatten(grads), flatten(approximate)
    if not np.all(np.isfinite(approximate) | ~np.isfinite(exact)):
        return f"{pipeline}: the gradient is not finite"
    error = np.linalg.norm(approximate - exact) / (np.linalg.norm(exact) + 1e-12)
    print(f"{seed}: {bits} bits, gradient {error:.5f}")
    if bits == 8 and not error <= BOUND:
        return f"{pipeline}: the gradient is off by {error}"
    return ""


def main() -> None:
    seeds = [int(argument) for argument in sys.argv[1:]]
    wrong = 0
    for seed in seeds or range(COMPILED):
        message = check(seed, run=bool(seeds) or seed < RUN)
        if message:
            wrong += 1
            print(f"{seed}: {message}")
    if not wrong:
        print("every program holds")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
