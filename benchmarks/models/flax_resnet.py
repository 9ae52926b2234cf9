# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ResNet-18 for small images in flax.linen: batch norm with running statistics, and SGD."""

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import NamedSharding, PartitionSpec

from . import training
from .training import Program, State, Way


class Block(nn.Module):
    """A basic residual block."""

    features: int
    stride: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Of images [N, H, W, C]."""
        conv = functools.partial(nn.Conv, use_bias=False, dtype=self.dtype)
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, dtype=self.dtype)
        strides = (self.stride, self.stride)
        y = conv(self.features, (3, 3), strides)(x)
        y = nn.relu(norm()(y))
        y = conv(self.features, (3, 3))(y)
        y = norm(scale_init=nn.initializers.ones)(y)
        if x.shape != y.shape:
            x = norm()(conv(self.features, (1, 1), strides)(x))
        return nn.relu(x + y)


class ResNet(nn.Module):
    """The network of 2 * sum(blocks) + 2 layers."""

    way: Way
    width: int
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    classes: int = 10
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        """Logits [N, classes] of images [N, H, W, C]."""
        x = nn.Conv(self.width, (3, 3), use_bias=False, dtype=self.dtype)(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, dtype=self.dtype)(x))
        block = self.way.module(Block, static_argnums=(2,))
        for stage, count in enumerate(self.blocks):
            for index in range(count):
                stride = 2 if stage and not index else 1
                x = block(self.width << stage, stride, self.dtype)(x, train)
        return nn.Dense(self.classes, dtype=self.dtype)(x.mean((1, 2)))


def optimizer() -> optax.GradientTransformation:
    """SGD with weight decay and momentum."""
    return optax.chain(optax.add_decayed_weights(5e-4), optax.sgd(0.02, momentum=0.9))


def sgd(small: bool, batch: int = 64, width: int = 32) -> Program:
    """Batch statistics are forward results."""
    batch, size, width = (8, 16, 8) if small else (batch, 32, width)

    def make_step(way: Way) -> training.Step:
        model = ResNet(way, width)

        def loss(params: Any, variables: Any, x: Array, labels: Array) -> tuple[Array, Any]:
            logits, updated = model.apply(
                {"params": params, "batch_stats": variables}, x, mutable=["batch_stats"]
            )
            return training.cross_entropy(logits, labels), updated["batch_stats"]

        return training.gradient_step(loss, optimizer(), way)

    return Program(
        make_step,
        init=functools.partial(init, width=width, size=size),
        batch=functools.partial(training.images, batch=batch, size=size),
        size=f"batch {batch}, {size}², width {width}",
        forward=lambda out: (out.loss, out.state.variables),
    )


def init(key: Array, width: int, size: int) -> State:
    """The state before the first step."""
    variables = ResNet(Way(), width).init(key, jnp.zeros((1, size, size, 3)))
    return State(
        variables["params"], optimizer().init(variables["params"]), variables["batch_stats"]
    )


def loss_scaling(small: bool) -> Program:
    """f16 compute, f32 parameters; a step whose gradients overflow is skipped and scales down."""
    batch, size, width = (4, 16, 8) if small else (32, 32, 16)

    def make_step(way: Way) -> training.Step:
        model = ResNet(way, width, dtype=jnp.float16)

        def loss(
            params: Any, variables: Any, scale: Array, x: Array, labels: Array
        ) -> tuple[Array, Any]:
            logits, updated = model.apply(
                {"params": params, "batch_stats": variables}, x, mutable=["batch_stats"]
            )
            value = training.cross_entropy(logits.astype(jnp.float32), labels)
            return value * scale, (value, updated["batch_stats"])

        def step(state: State, x: Array, labels: Array) -> training.Outcome:
            statistics, scale = state.variables
            (_, (value, statistics)), grads = way.value_and_grad(loss, has_aux=True)(
                state.params, statistics, scale, x, labels
            )
            grads = jax.tree.map(lambda g: g.astype(jnp.float32) / scale, grads)
            finite = jnp.all(jnp.array([jnp.isfinite(g).all() for g in jax.tree.leaves(grads)]))
            new = training.update(optimizer(), state, grads, None)
            params, optimizer_state = jax.tree.map(
                functools.partial(jnp.where, finite),
                (new.params, new.optimizer),
                (state.params, state.optimizer),
            )
            scale = jnp.where(finite, scale, scale / 2)
            new = State(params, optimizer_state, (statistics, scale))
            return training.Outcome(value, new, grads=grads)

        return step

    def init_scaled(key: Array) -> State:
        state = init(key, width, size)
        return state._replace(variables=(state.variables, jnp.float32(2.0**10)))

    return Program(
        make_step,
        init=init_scaled,
        batch=functools.partial(training.images, batch=batch, size=size),
        size=f"batch {batch}, {size}², width {width}",
        forward=lambda out: (out.loss, out.state.variables[0]),
        loss_tolerance=training.tolerance(jnp.float16),
    )


def data_parallel(small: bool) -> Program:
    """The first of these with its batch divided by eight devices."""
    program = sgd(small, batch=512, width=16)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))

    def place(state: State, arguments: tuple) -> tuple[State, tuple]:
        everywhere, rows = (NamedSharding(mesh, PartitionSpec(*s)) for s in ((), ("data",)))
        return jax.device_put(state, everywhere), jax.device_put(arguments, rows)

    return dataclasses.replace(
        program, place=place, alone=program, size=f"{program.size}, 8 devices"
    )
