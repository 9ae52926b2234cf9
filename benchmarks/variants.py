# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The ways to train the benchmark network that the compiler is measured against.

Each variant is the step `(params, x, y) -> (loss, grads)` of the same network on the
same parameters: as JAX differentiates it, with `jax.checkpoint`, with naive quantization
of whatever JAX saves, with the layer of Chakrabarti and Moseley ("Backprop with
Approximate Activations", NeurIPS 2019) written by hand, and compiled by approx_act.

Optimization barriers keep XLA from moving the restoration of a stored value into the
forward pass, where it would live in full precision for the whole step. They only do so
when the step is compiled with `KEEP_BARRIERS`.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from models import resnet
from models.resnet import EPSILON, Config, Linear, Params

Step = Callable[[Params, Array, Array], tuple[Array, Params]]

# XLA:CPU drops optimization barriers before it eliminates common subexpressions and
# schedules, unless told to leave them alone.
KEEP_BARRIERS = {"xla_disable_hlo_passes": "cse_barrier_expander"}


def pack(codes: Array, bits: int) -> Array:
    """Packs integer `codes` [..., C] in [0, 2^bits) into bytes [..., C * bits / 8].

    Pieces of the last dimension share a byte, so that packing needs no data movement
    between rows. Requires C to be a multiple of 8 / bits.
    """
    pieces = jnp.split(codes.astype(jnp.uint8), 8 // bits, axis=-1)
    return functools.reduce(jnp.bitwise_or, (p << (bits * i) for i, p in enumerate(pieces)))


def unpack(packed: Array, bits: int) -> Array:
    """Inverse of `pack`; returns uint8 codes."""
    mask = jnp.uint8(2**bits - 1)
    return jnp.concatenate([(packed >> (bits * i)) & mask for i in range(8 // bits)], axis=-1)


# --- The paper's layer ---------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class SignExactGrid:
    """Uniform codes of a normalised value that keep the sign of `scale * n + shift`.

    The 2^bits cells span about ±`sigma`. They are moved by less than a cell so that the
    point where the ReLU switches, -shift/scale, is a cell edge (when it lies outside the
    span, one outermost cell is given to its side), so that comparing the code with a
    per-channel threshold is the ReLU's mask. Channels with a negative scale are
    mirrored; the exact comparison decides the side, so rounding cannot flip it.
    """

    bits: int
    sigma: float = 3.0

    @property
    def width(self) -> float:
        """Width of a cell, in standard deviations."""
        return 2 * self.sigma / 2**self.bits

    def edges(self, scale: Array, shift: Array) -> tuple[Array, Array, Array]:
        """Per channel: mirror (±1), the first code on the positive side, where code 0 starts."""
        mirror = jnp.where(scale < 0, -1.0, 1.0)
        # Without a scale the sign is that of the shift: an infinitely far switch.
        switch = jnp.where(
            scale == 0, jnp.where(shift > 0, -jnp.inf, jnp.inf), -shift / jnp.abs(scale)
        )
        first = jnp.clip(jnp.round((switch + self.sigma) / self.width), 1, 2**self.bits - 1)
        origin = jnp.clip(
            switch - first * self.width,
            -self.sigma - self.width / 2,
            -self.sigma + self.width / 2,
        )
        return mirror, first, origin

    def encode(self, n: Array, positive: Array, scale: Array, shift: Array) -> Array:
        """Packed codes of normalised `n` [..., C]; `positive` is the exact ReLU mask."""
        mirror, first, origin = self.edges(scale, shift)
        code = jnp.floor((n * mirror - origin) / self.width)
        code = jnp.where(
            positive,
            jnp.clip(code, first, 2**self.bits - 1),
            jnp.clip(code, 0, first - 1),
        )
        return pack(code.astype(jnp.uint8), self.bits)

    def decode(self, packed: Array, scale: Array, shift: Array) -> tuple[Array, Array]:
        """Approximate `n` and exact mask of what `encode` stored."""
        mirror, first, origin = self.edges(scale, shift)
        code = unpack(packed, self.bits).astype(jnp.float32)
        return mirror * ((code + 0.5) * self.width + origin), code >= first


def paper_layer(grid: SignExactGrid) -> resnet.Layer:
    """The paper's layer as one custom derivative that keeps the codes and nothing else.

    The optional keyword `probe` (zeros shaped as the activation) gets the cotangent of
    the value before the ReLU as its gradient.
    """

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def layer(linear: Linear, x, scale, shift, weights, probe):
        return forward(linear, x, scale, shift, weights, probe)[0]

    def forward(linear: Linear, x, scale, shift, weights, probe):
        axes = tuple(range(x.ndim - 1))
        centred = x - jnp.mean(x, axes)
        rstd = jax.lax.rsqrt(jnp.mean(jnp.square(centred), axes) + EPSILON)
        z = centred * rstd * scale + shift
        out = linear(jax.nn.relu(z), *weights)
        codes = grid.encode(centred * rstd, z > 0, scale, shift)
        # Codes are made while the activation is at hand, not when the backward wants them.
        codes, out = jax.lax.optimization_barrier((codes, out))
        return out, (codes, rstd, scale, shift, weights, probe)

    def backward(linear: Linear, saved, cotangent):
        codes, rstd, scale, shift, weights, probe = saved
        # Restored when the cotangent arrives, not all at once where the backward begins.
        codes, cotangent = jax.lax.optimization_barrier((codes, cotangent))
        n, positive = grid.decode(codes, scale, shift)
        activation = jnp.where(positive, jnp.maximum(n * scale + shift, 0), 0)
        dweights = jax.vjp(functools.partial(linear, activation), *weights)[1](cotangent)
        # The weights' gradients first, so that the restored activation is gone when that
        # of the input is computed from the codes once more.
        codes, cotangent, dweights = jax.lax.optimization_barrier((codes, cotangent, dweights))
        n, positive = grid.decode(codes, scale, shift)
        (dactivation,) = jax.linear_transpose(lambda a: linear(a, *weights), activation)(cotangent)
        dz = jnp.where(positive, dactivation, 0)
        axes = tuple(range(dz.ndim - 1))
        dshift, dscale = jnp.sum(dz, axes), jnp.sum(dz * n, axes)
        size = dz.size // dz.shape[-1]
        # Materialised, or a shortcut that needs it later would keep dz and codes alive.
        dx = jax.lax.optimization_barrier(scale * rstd * (dz - dshift / size - n * (dscale / size)))
        return dx, dscale, dshift, dweights, None if probe is None else dz

    layer.defvjp(forward, backward)

    def apply(linear: Linear, x, scale, shift, *weights, probe=None):
        return layer(linear, x, scale, shift, weights, probe)

    return apply


# --- Naive quantization of what jax.vjp saves ----------------------------------------


@dataclasses.dataclass(frozen=True)
class MinMaxGrid:
    """Uniform codes between the least and the greatest element of a tensor."""

    bits: int

    def encode(self, a: Array) -> tuple[Array, Array, Array]:
        """(packed codes, least element, width of a step) of a non-empty f32 tensor."""
        low, high = jnp.min(a), jnp.max(a)
        step = jnp.maximum((high - low) / (2**self.bits - 1), jnp.finfo(a.dtype).tiny)
        codes = jnp.round((a - low) / step)
        pieces = 8 // self.bits
        if a.ndim == 0 or a.shape[-1] % pieces:
            codes = codes.ravel()
            codes = jnp.pad(codes, (0, -codes.size % pieces))
        return pack(codes, self.bits), low, step

    def decode(self, stored: tuple[Array, Array, Array], like: jax.ShapeDtypeStruct) -> Array:
        """Approximation, shaped as `like`, of what `encode` stored."""
        packed, low, step = stored
        codes = unpack(packed, self.bits)
        if codes.size != like.size:
            codes = codes[: like.size]
        return (codes.astype(like.dtype) * step + low).reshape(like.shape)


def naive_value_and_grad(function: Callable, bits: int, has_aux: bool = False) -> Callable:
    """`jax.value_and_grad` with every float leaf of the pullback quantized.

    Leaves that are arguments are left alone: they live anyway.
    """
    grid = MinMaxGrid(bits)

    def differentiate(params: Any, *args: Any) -> tuple[Any, Any]:
        value, pullback, *aux = jax.vjp(lambda p: function(p, *args), params, has_aux=has_aux)
        leaves, tree = jax.tree.flatten(pullback)
        arguments = {id(a) for a in jax.tree.leaves((params, args))}

        def is_stored(leaf: Array) -> bool:
            return (
                jnp.issubdtype(leaf.dtype, jnp.floating)
                and leaf.size > 0
                and id(leaf) not in arguments
            )

        stored = [grid.encode(leaf) if is_stored(leaf) else leaf for leaf in leaves]
        stored, value = jax.lax.optimization_barrier((stored, value))
        restored = [
            grid.decode(s, jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)) if is_stored(leaf) else s
            for s, leaf in zip(stored, leaves, strict=True)
        ]
        (grads,) = jax.tree.unflatten(tree, restored)(jnp.ones_like(value))
        return ((value, *aux) if has_aux else value), grads

    return differentiate


def naive_step(config: Config, bits: int, **network: Any) -> Step:
    """The step of the network, naively quantized; `network` are options of `resnet.loss`."""

    def loss(params: Params, x: Array, y: Array) -> Array:
        return resnet.loss(params, x, y, config, **network)

    return naive_value_and_grad(loss, bits)


# --- Checkpointing -------------------------------------------------------------------


def checkpointed_block(block: Params, x: Array, **static: Any) -> Array:
    """A residual block whose backward pass starts from its input."""
    return jax.checkpoint(functools.partial(resnet.apply_block, **static))(block, x)


# --- Looking at masks ----------------------------------------------------------------


@jax.custom_vjp
def tap(z: Array, probe: Array) -> Array:
    """The identity of `z`, whose cotangent also becomes the gradient of `probe`."""
    del probe
    return z


tap.defvjp(lambda z, probe: (z, None), lambda _, cotangent: (cotangent, cotangent))


def tapped_layer(
    linear: Linear,
    x: Array,
    scale: Array,
    shift: Array,
    *weights: Array,
    probe: Array,
    norm: resnet.Norm = resnet.centred_batch_norm,
) -> Any:
    """`resnet.exact_layer` with a `tap` before the ReLU."""
    z = tap(norm(x, scale, shift), probe)
    return linear(jax.nn.relu(z), *weights)


def probe_shapes(params: Params, x: Array, y: Array, config: Config) -> list:
    """Shapes of the activations before each ReLU, in order."""
    shapes = []

    def layer(linear: Linear, x, scale, shift, *weights):
        shapes.append(jax.ShapeDtypeStruct(x.shape, x.dtype))
        return resnet.exact_layer(linear, x, scale, shift, *weights)

    jax.eval_shape(lambda *a: resnet.loss(*a, config, layer=layer), params, x, y)
    return shapes


def probing_step(config: Config, layer: Callable = tapped_layer) -> Callable:
    """`(probes, params, x, y) -> (loss, cotangents)`: cotangents before each ReLU.

    A cotangent is zero exactly where the backward pass took the ReLU to be off.
    """

    def loss(probes: list[Array], params: Params, x: Array, y: Array) -> Array:
        waiting = iter(probes)

        def next_layer(*args: Any) -> Any:
            return layer(*args, probe=next(waiting))

        return resnet.loss(params, x, y, config, layer=next_layer)

    return jax.value_and_grad(loss)


# --- The list ------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        name: what tables call it.
        jitted: the step, to be lowered and compiled.
        probing: the jitted step of `probing_step`, where masks are worth checking.
    """

    name: str
    jitted: Any
    probing: Any = None


def peers(
    config: Config,
    bits: tuple[int, ...] = (8, 4),
    sigma: float = 3.0,
    norm: resnet.Norm = resnet.centred_batch_norm,
) -> list[Variant]:
    """The variants that need nothing but JAX, exact first.

    `norm` is the batch norm of all but the paper's layer, which has its own.
    """
    layer = functools.partial(resnet.exact_layer, norm=norm)
    variants = [
        Variant(
            "exact",
            jax.jit(resnet.make_step(config, layer=layer)),
            jax.jit(probing_step(config, functools.partial(tapped_layer, norm=norm))),
        ),
        Variant(
            "checkpoint",
            jax.jit(resnet.make_step(config, layer=layer, block=checkpointed_block)),
        ),
    ]
    variants += [
        Variant(f"naive {b} bit", jax.jit(naive_step(config, b, layer=layer))) for b in bits
    ]
    for b in bits:
        by_hand = paper_layer(SignExactGrid(b, sigma))
        variants.append(
            Variant(
                f"paper {b} bit",
                jax.jit(resnet.make_step(config, layer=by_hand)),
                jax.jit(probing_step(config, by_hand)),
            )
        )
    return variants


def compiled_by_approx_act(
    config: Config,
    bits: tuple[int, ...] = (8, 4),
    norm: resnet.Norm = resnet.centred_batch_norm,
) -> list[Variant]:
    """The exact step compiled by approx_act. Raises ImportError where it is not installed."""
    import approx_act

    step = resnet.make_step(config, layer=functools.partial(resnet.exact_layer, norm=norm))
    probing = probing_step(config, functools.partial(tapped_layer, norm=norm))
    # Not approx_act.jit, which adds compiler options: here they are what is compared.
    return [
        Variant(
            f"approx_act {b} bit",
            jax.jit(approx_act.approximate(step, bits=b)),
            approx_act.jit(probing, bits=b),
        )
        for b in bits
    ]
