# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Recurrent networks over time: an LSTM in flax.linen, a GRU in flax.nnx, both `lax.scan`."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from . import training
from .training import Program, State, Way


def sequences(key: Array, batch: int, length: int, features: int) -> tuple[Array, Array]:
    """Noisy sums of sines [batch, length, features] and the same one step later."""
    phase, noise = jax.random.split(key)
    time = jnp.arange(length + 1)[:, None] * 0.2 / jnp.arange(1, features + 1)
    wave = jnp.sin(time + jax.random.uniform(phase, (batch, 1, features), maxval=6.3))
    wave += 0.1 * jax.random.normal(noise, wave.shape)
    return wave[:, :-1], wave[:, 1:]


def sizes(small: bool) -> tuple[int, int, int, int]:
    """(batch, time steps, features, hidden units)."""
    return (4, 12, 8, 16) if small else (32, 200, 32, 128)


def describe(small: bool, layers: int) -> str:
    """The sizes, for people."""
    batch, length, features, hidden = sizes(small)
    return f"batch {batch}, {length} steps, {layers} layers of {hidden}, {features} inputs"


class Lstm(nn.Module):
    """Two layers of LSTM and a dense layer."""

    way: Way
    hidden: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Of [B, T, features], to the same shape."""
        features = x.shape[-1]
        for _ in range(2):
            x = nn.RNN(self.way.module(nn.OptimizedLSTMCell)(self.hidden))(x)
        return nn.Dense(features)(x)


def lstm(small: bool) -> Program:
    """Predicts the next element of a sequence, mean squared error, Adam."""
    batch, length, features, hidden = sizes(small)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-3))

    def make_step(way: Way) -> training.Step:
        model = Lstm(way, hidden)

        def loss(params: Any, _: Any, x: Array, y: Array) -> tuple[Array, Any]:
            return jnp.mean((model.apply({"params": params}, x) - y) ** 2), None

        return training.gradient_step(loss, optimizer, way)

    def init(key: Array) -> State:
        params = Lstm(Way(), hidden).init(key, jnp.zeros((1, 2, features)))["params"]
        return State(params, optimizer.init(params))

    return Program(
        make_step,
        init,
        lambda key: sequences(key, batch, length, features),
        describe(small, 2),
    )


class Gru(nnx.Module):
    """Two layers of GRU and a dense layer."""

    def __init__(self, features: int, hidden: int, *, rngs: nnx.Rngs):
        self.first = nnx.RNN(nnx.GRUCell(features, hidden, rngs=rngs))
        self.second = nnx.RNN(nnx.GRUCell(hidden, hidden, rngs=rngs))
        self.head = nnx.Linear(hidden, features, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """Of [B, T, features], to the same shape."""
        return self.head(self.second(self.first(x)))


def gru(small: bool) -> Program:
    """The same in nnx, split into a graph and parameters for the step."""
    batch, length, features, hidden = sizes(small)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-3))
    graph = nnx.graphdef(Gru(features, hidden, rngs=nnx.Rngs(0)))

    def make_step(way: Way) -> training.Step:
        def loss(params: Any, rest: Any, x: Array, y: Array) -> tuple[Array, Any]:
            model = nnx.merge(graph, params, rest, copy=True)
            return jnp.mean((model(x) - y) ** 2), nnx.state(model, nnx.Not(nnx.Param))

        return training.gradient_step(loss, optimizer, way)

    def init(key: Array) -> State:
        model = Gru(features, hidden, rngs=nnx.Rngs(key))
        _, params, rest = nnx.split(model, nnx.Param, ...)
        return State(params, optimizer.init(params), rest)

    return Program(
        make_step,
        init,
        lambda key: sequences(key, batch, length, features),
        describe(small, 2),
        has_blocks=False,
    )


def plain_lstm(small: bool) -> Program:
    """An LSTM written as one `lax.scan` in plain JAX, over 1,000 steps."""
    batch, length, features, hidden = (4, 12, 8, 16) if small else (16, 1000, 16, 64)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-3))

    def make_step(way: Way) -> training.Step:
        def loss(params: Any, _: Any, x: Array, y: Array) -> tuple[Array, Any]:
            def cell(carry: tuple, inputs: Array) -> tuple:
                memory, h = carry
                gates = jnp.concatenate([inputs, h], -1) @ params["kernel"] + params["bias"]
                i, f, g, o = jnp.split(gates, 4, axis=-1)
                memory = jax.nn.sigmoid(f + 1) * memory + jax.nn.sigmoid(i) * jnp.tanh(g)
                h = jax.nn.sigmoid(o) * jnp.tanh(memory)
                return (memory, h), h @ params["head"]

            zero = jnp.zeros((len(x), hidden))
            _, out = jax.lax.scan(way.function(cell), (zero, zero), x.swapaxes(0, 1))
            return jnp.mean((out.swapaxes(0, 1) - y) ** 2), None

        return training.gradient_step(loss, optimizer, way)

    def init(key: Array) -> State:
        keys = jax.random.split(key)
        normal = nn.initializers.lecun_normal()
        params = {
            "kernel": normal(keys[0], (features + hidden, 4 * hidden)),
            "bias": jnp.zeros(4 * hidden),
            "head": normal(keys[1], (hidden, features)),
        }
        return State(params, optimizer.init(params))

    return Program(
        make_step,
        init,
        lambda key: sequences(key, batch, length, features),
        f"batch {batch}, {length} steps, {hidden} units, {features} inputs",
    )
