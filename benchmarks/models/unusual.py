# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps that differ from the usual one: in their losses and results, and in what they call.

All are on a multi-layer perceptron or a small convolutional network in plain JAX, so
that what is unusual is all there is.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from . import training
from .training import Outcome, Program, State, Way

Layer = Callable[[dict[str, Array], Array], Array]


def dense(p: dict[str, Array], x: Array) -> Array:
    """`x` [..., m] to [..., n], then GELU."""
    return jax.nn.gelu(x @ p["kernel"] + p["bias"])


def init_layers(key: Array, widths: tuple[int, ...]) -> list[dict[str, Array]]:
    """He-normal weights and zero biases of `len(widths) - 1` layers."""
    keys = jax.random.split(key, len(widths) - 1)
    normal = jax.nn.initializers.he_normal()
    return [
        {"kernel": normal(k, (m, n)), "bias": jnp.zeros(n)}
        for k, m, n in zip(keys, widths[:-1], widths[1:], strict=True)
    ]


def optimizer() -> optax.GradientTransformation:
    """Adam."""
    return optax.adam(1e-3)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Of a perceptron on vectors with a class."""

    batch: int
    features: int
    hidden: int
    layers: int
    classes: int = 10

    def __str__(self) -> str:
        return f"batch {self.batch}, {self.layers} layers of {self.hidden}"

    def init(self, key: Array) -> State:
        """The state before the first step."""
        widths = (self.features, *[self.hidden] * self.layers, self.classes)
        params = init_layers(key, widths)
        return State(params, optimizer().init(params))

    def make_batch(self, key: Array) -> tuple[Array, Array]:
        """Vectors [batch, features] with their class written in them, and labels [batch]."""
        noise, label = jax.random.split(key)
        labels = jax.random.randint(label, (self.batch,), 0, self.classes)
        patterns = jax.random.normal(jax.random.key(7), (self.classes, self.features))
        return jax.random.normal(noise, (self.batch, self.features)) + patterns[labels], labels


def sizes(small: bool) -> Sizes:
    """The perceptron that most of these programs train."""
    return Sizes(16, 16, 32, 3) if small else Sizes(4096, 64, 256, 6)


def logits(params: list, x: Array, layer: Layer) -> Array:
    """All layers but the last by `layer`, the last one linear."""
    for p in params[:-1]:
        x = layer(p, x)
    return x @ params[-1]["kernel"] + params[-1]["bias"]


def perceptron(small: bool, layer: Layer, **rest: Any) -> Program:
    """The usual step of a perceptron with hidden layers `(p, x) -> x`."""
    s = sizes(small)

    def make_step(way: Way) -> training.Step:
        def loss(params: Any, variables: Any, x: Array, labels: Array) -> tuple[Array, Any]:
            z = logits(params, x, way.function(layer))
            return training.cross_entropy(z, labels), variables

        return training.gradient_step(loss, optimizer(), way)

    return Program(make_step, s.init, s.make_batch, str(s), **rest)


# --- Losses and results --------------------------------------------------------------


def per_example(small: bool) -> Program:
    """Gradients of each example by vmap, clipped one by one before their mean is taken."""
    s = Sizes(4, 16, 32, 3) if small else Sizes(32, 64, 64, 6)
    length = 8 if small else 256

    def make_step(way: Way) -> training.Step:
        def loss(params: Any, x: Array, labels: Array) -> tuple[Array, Any]:
            return training.cross_entropy(logits(params, x, way.function(dense)), labels), None

        def step(state: State, x: Array, labels: Array) -> Outcome:
            one = way.value_and_grad(loss, has_aux=True)
            (losses, _), grads = jax.vmap(one, in_axes=(None, 0, 0))(state.params, x, labels)
            norms = jax.vmap(optax.global_norm)(grads)
            scale = jnp.minimum(1.0, 1.0 / norms)
            grads = jax.tree.map(lambda g: jnp.tensordot(scale, g, 1) / len(x), grads)
            new = training.update(optimizer(), state, grads, None)
            return Outcome(losses.mean(), new, grads=grads)

        return step

    def make_batch(key: Array) -> tuple[Array, Array]:
        parts = jax.vmap(dataclasses.replace(s, batch=length).make_batch)
        return parts(jax.random.split(key, s.batch))

    return Program(make_step, s.init, make_batch, f"{s}, {length} rows each")


def several_losses(small: bool) -> Program:
    """Two heads' losses and a penalty, weighted; each of them is a result as well."""
    s = sizes(small)

    def make_step(way: Way) -> training.Step:
        def loss(params: Any, _: Any, x: Array, labels: Array) -> tuple[Array, Any]:
            h = x
            for p in params[:-1]:
                h = way.function(dense)(p, h)
            z = h @ params[-1]["kernel"] + params[-1]["bias"]
            parts = {
                "classes": training.cross_entropy(z, labels),
                "energy": jnp.mean((jnp.mean(h, -1) - jnp.mean(x, -1)) ** 2),
                "activity": jnp.mean(jnp.abs(h)),
            }
            return parts["classes"] + 0.5 * parts["energy"] + 0.01 * parts["activity"], parts

        def step(state: State, x: Array, labels: Array) -> Outcome:
            (value, parts), grads = way.value_and_grad(loss, has_aux=True)(
                state.params, None, x, labels
            )
            new = training.update(optimizer(), state, grads, None)
            return Outcome(value, new, parts, grads)

        return step

    return Program(make_step, s.init, s.make_batch, str(s), forward=lambda out: (out.loss, out.aux))


def loss_last(small: bool) -> Program:
    """Returns a dictionary in which state and metrics come before the loss."""
    s = sizes(small)

    def make_step(way: Way) -> training.Step:
        def loss(params: Any, x: Array, labels: Array) -> tuple[Array, Array]:
            z = logits(params, x, way.function(dense))
            return training.cross_entropy(z, labels), z

        def step(state: State, x: Array, labels: Array) -> dict[str, Any]:
            (value, z), grads = way.value_and_grad(loss, has_aux=True)(state.params, x, labels)
            return {
                "accuracy": jnp.mean(jnp.argmax(z, -1) == labels),
                "state": training.update(optimizer(), state, grads, None),
                "training_loss": value,
                "weight_gradients": grads,
            }

        return step

    return Program(
        make_step,
        s.init,
        s.make_batch,
        str(s),
        forward=lambda out: (out["training_loss"], out["accuracy"]),
        read=lambda out: (out["training_loss"], out["weight_gradients"], out["state"]),
    )


# --- What the forward pass calls -----------------------------------------------------


@jax.custom_vjp
def swish(x: Array) -> Array:
    """x · logistic(x), with a derivative written by hand."""
    return x * jax.nn.sigmoid(x)


swish.defvjp(
    lambda x: (swish(x), (x, jax.nn.sigmoid(x))),
    lambda saved, g: (g * saved[1] * (1 + saved[0] * (1 - saved[1])),),
)


def custom_derivative(small: bool) -> Program:
    """A `custom_vjp` with residuals of its own in every layer."""
    return perceptron(small, lambda p, x: swish(x @ p["kernel"] + p["bias"]))


def branch(small: bool) -> Program:
    """Every layer is one of two by `lax.cond`, by the norm of its input."""

    def layer(p: dict[str, Array], x: Array) -> Array:
        return lax.cond(
            jnp.mean(x**2) < 10.0,
            lambda h: jax.nn.gelu(h),
            lambda h: jnp.tanh(h),
            x @ p["kernel"] + p["bias"],
        )

    return perceptron(small, layer)


def power_iteration(kernel: Array) -> Array:
    """Largest singular value of a matrix, by a `while_loop` that ends when it has converged."""

    def proceed(carry: tuple) -> Array:
        index, _, change = carry
        return (index < 20) & (change > 1e-3)

    def iterate(carry: tuple) -> tuple:
        index, v, _ = carry
        new = kernel.T @ (kernel @ v)
        new /= jnp.linalg.norm(new)
        return index + 1, new, jnp.linalg.norm(new - v)

    start = jnp.ones(kernel.shape[1]) / kernel.shape[1] ** 0.5
    _, v, _ = lax.while_loop(proceed, iterate, (0, start, jnp.inf))
    return jnp.linalg.norm(kernel @ v)


def loop(small: bool) -> Program:
    """Spectral normalisation: each kernel is divided by what a `while_loop` finds."""

    def layer(p: dict[str, Array], x: Array) -> Array:
        scale = power_iteration(lax.stop_gradient(p["kernel"]))
        return jax.nn.gelu(2 * x @ (p["kernel"] / scale) + p["bias"])

    return perceptron(small, layer)


def equilibrium(small: bool) -> Program:
    """Activations cross a `while_loop`: a fixed point, then one step that is differentiated."""

    def layer(p: dict[str, Array], x: Array) -> Array:
        h = x @ p["kernel"] + p["bias"]
        if x.shape != h.shape:
            return jax.nn.gelu(h)

        def apply(z: Array) -> Array:
            return jnp.tanh(0.3 * z @ p["kernel"] + h)

        z = lax.while_loop(
            lambda c: (c[0] < 4) & (jnp.max(jnp.abs(c[2])) > 1e-3),
            lambda c: (c[0] + 1, apply(c[1]), apply(c[1]) - c[1]),
            (0, jnp.zeros_like(h), jnp.ones_like(h)),
        )[1]
        return apply(lax.stop_gradient(z))

    return perceptron(small, layer)


def library_call(small: bool) -> Program:
    """Activations whitened by a Cholesky factor, which is a custom call on the CPU."""

    def layer(p: dict[str, Array], x: Array) -> Array:
        h = x @ p["kernel"] + p["bias"]
        h = h - h.mean(0)
        covariance = h.T @ h / len(h) + jnp.eye(h.shape[1])
        factor = jnp.linalg.cholesky(covariance)
        h = jax.scipy.linalg.solve_triangular(factor, h.T, lower=True).T
        return jax.nn.gelu(h)

    return perceptron(small, layer)


def callback(small: bool) -> Program:
    """A forward pass that calls the host in every layer, which gives a custom call."""

    def host(x: Array) -> Any:
        return x

    def observe(x: Array) -> Array:
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return jax.pure_callback(host, shape, lax.stop_gradient(x), vmap_method="sequential")

    def layer(p: dict[str, Array], x: Array) -> Array:
        h = jax.nn.gelu(x @ p["kernel"] + p["bias"])
        return h * (1 + 1e-3 * observe(jnp.mean(h, 0)))

    return perceptron(small, layer)
