# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the benchmark's programs have in common: how a step is put together and compared."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

Step = Callable[..., Any]
# (params, variables, *batch) -> (loss, new variables or other auxiliary results).
Loss = Callable[..., tuple[Array, Any]]


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to differentiate a program, all else being equal.

    Attributes:
        value_and_grad: used as `jax.value_and_grad(f, has_aux=True)` is.
        policy: of `jax.checkpoint` around every block of the network; None for no checkpoints.
    """

    value_and_grad: Callable[..., Callable] = jax.value_and_grad
    policy: Callable | None = None

    def module(self, block: type[nn.Module], **options: Any) -> type[nn.Module]:
        """The class of a network's blocks in flax.linen; `options` are those of `nn.remat`."""
        if self.policy is None:
            return block
        wrapped = nn.remat(block, policy=self.policy, **options)
        wrapped.__name__ = block.__name__  # Parameters are called after it.
        return wrapped

    def function(self, block: Callable) -> Callable:
        """A function that computes one block."""
        return block if self.policy is None else jax.checkpoint(block, policy=self.policy)


class State(NamedTuple):
    """What a step takes and gives back.

    Attributes:
        params: the parameters.
        optimizer: the state of the optimizer.
        variables: what else the network remembers, such as running statistics.
    """

    params: Any
    optimizer: Any
    variables: Any = None


class Outcome(NamedTuple):
    """What a step returns: the gradients are there to be compared.

    They come last, since jax.jit gives the memory of a donated argument to the first result
    of its type: the new parameters are to have that of the old ones, as in steps that return
    no gradients. Otherwise XLA copies the old parameters.
    """

    loss: Array
    state: State
    aux: Any = None
    grads: Any = None


@dataclasses.dataclass(frozen=True)
class Program:
    """A training step as its users write it, and the data to run it on.

    Attributes:
        make_step: given how to differentiate, the step `(state, *batch)`.
        init: the initial state, of a key.
        batch: a batch, of a key.
        size: the sizes that matter, for people.
        forward: which results are forward results besides what is found, as approx_act takes it.
        read: (loss, gradients, state) of a step's result.
        has_blocks: whether `Way.policy` makes a difference.
        place: puts state and batch on many devices; None for one device.
        alone: the same program for one device, where there is `place`.
        loss_tolerance: relative, between exact and approximated on the first step.
    """

    make_step: Callable[[Way], Step]
    init: Callable[[Array], State]
    batch: Callable[[Array], tuple]
    size: str
    forward: Any = None
    read: Callable[[Any], tuple] = lambda result: (result.loss, result.grads, result.state)
    has_blocks: bool = True
    place: Callable[[Any, tuple], tuple[Any, tuple]] | None = None
    alone: "Program | None" = None
    loss_tolerance: float = 1e-6


def gradient_step(loss: Loss, optimizer: optax.GradientTransformation, way: Way) -> Step:
    """The usual step: value and gradient of `loss`, and the optimizer's update."""

    def step(state: State, *batch: Any) -> Outcome:
        differentiate = way.value_and_grad(loss, has_aux=True)
        (value, variables), grads = differentiate(state.params, state.variables, *batch)
        return Outcome(value, update(optimizer, state, grads, variables), grads=grads)

    return step


def update(
    optimizer: optax.GradientTransformation, state: State, grads: Any, variables: Any
) -> State:
    """The state after the optimizer has seen `grads`."""
    updates, optimizer_state = optimizer.update(grads, state.optimizer, state.params)
    return State(optax.apply_updates(state.params, updates), optimizer_state, variables)


def tolerance(dtype: Any) -> float:
    """Relative, of a loss computed in `dtype`: XLA may keep more precision than it is asked for."""
    return max(1e-6, float(jnp.finfo(dtype).eps) / 2)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Mean softmax cross-entropy of integer labels."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def images(key: Array, batch: int, size: int, classes: int = 10) -> tuple[Array, Array]:
    """Images [batch, size, size, 3] with their class written in them, and labels [batch]."""
    noise, label = jax.random.split(key)
    labels = jax.random.randint(label, (batch,), 0, classes)
    patterns = jax.random.normal(jax.random.key(7), (classes, size, size, 3))
    return jax.random.normal(noise, (batch, size, size, 3)) + patterns[labels], labels


def tokens(key: Array, batch: int, length: int, vocabulary: int) -> Array:
    """Token ids [batch, length], each one or two more than the one before it."""
    start, stride = jax.random.split(key)
    first = jax.random.randint(start, (batch, 1), 0, vocabulary)
    strides = jax.random.randint(stride, (batch, length), 1, 3)
    return (first + jnp.cumsum(strides, axis=1)) % vocabulary
