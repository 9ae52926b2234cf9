# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Transformer language models: flax.linen, with AdamW.

Two kinds of block, LayerNorm with GELU and RMSNorm with SwiGLU; layers written one after
the other or scanned; gradients of one batch or accumulated over microbatches; one device
or a mesh.
"""

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from . import training
from .training import Outcome, Program, State, Way


@dataclasses.dataclass(frozen=True)
class Config:
    """Shape and kind of a language model.

    Attributes:
        layers, width, heads, vocabulary, length, batch: sizes.
        llama: RMSNorm and SwiGLU instead of LayerNorm and GELU.
        scanned: whether the layers are one `nn.scan`.
        dtype: of the computation; parameters are f32.
        mesh: with axes 'data' and 'model', to constrain activations on; None for one device.
    """

    layers: int = 6
    width: int = 128
    heads: int = 4
    vocabulary: int = 512
    length: int = 256
    batch: int = 8
    llama: bool = False
    scanned: bool = False
    dtype: Any = jnp.float32
    mesh: Mesh | None = None

    @property
    def size(self) -> str:
        """For people."""
        return (
            f"batch {self.batch}, {self.length} tokens, {self.layers} layers, width {self.width}, "
            f"{self.heads} heads"
        )


SMALL = Config(layers=2, width=32, heads=4, vocabulary=64, length=32, batch=8)


def attend(query: Array, key: Array, value: Array) -> Array:
    """Causal softmax attention of [B, T, H, D]."""
    length, depth = query.shape[1], query.shape[-1]
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / jnp.sqrt(depth).astype(query.dtype)
    mask = jnp.tril(jnp.ones((length, length), bool))
    scores = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
    return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), value)


class Block(nn.Module):
    """Attention and a feed-forward layer, each normalised and added to what it reads."""

    config: Config

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Of [B, T, width]."""
        c = self.config
        norm = nn.RMSNorm if c.llama else nn.LayerNorm
        dense = functools.partial(nn.Dense, dtype=c.dtype, use_bias=not c.llama)
        heads = functools.partial(
            nn.DenseGeneral,
            (c.heads, c.width // c.heads),
            dtype=c.dtype,
            use_bias=not c.llama,
        )

        h = norm(dtype=c.dtype)(x)
        q, k, v = heads(name="query")(h), heads(name="key")(h), heads(name="value")(h)
        h = self.constrain(attend(q, k, v), None, "model", None)
        out = nn.DenseGeneral(
            c.width, axis=(-2, -1), dtype=c.dtype, use_bias=not c.llama, name="out"
        )
        x = x + self.constrain(out(h), None, None)

        h = norm(dtype=c.dtype)(x)
        if c.llama:
            h = nn.silu(dense(3 * c.width, name="gate")(h)) * dense(3 * c.width, name="up")(h)
        else:
            h = nn.gelu(dense(4 * c.width, name="up")(h))
        h = self.constrain(h, None, "model")
        return x + self.constrain(dense(c.width, name="down")(h), None, None)

    def constrain(self, x: Array, *axes: str | None) -> Array:
        """`x` with its batch along 'data' and the others along `axes`, on a mesh."""
        if self.config.mesh is None:
            return x
        spec = PartitionSpec("data", *axes)
        return lax.with_sharding_constraint(x, NamedSharding(self.config.mesh, spec))


class LanguageModel(nn.Module):
    """Embedding, blocks, and logits by the embedding's transpose."""

    config: Config
    way: Way = Way()

    @nn.compact
    def __call__(self, ids: Array) -> Array:
        """Logits [B, T, vocabulary] of token ids [B, T]."""
        c = self.config
        embed = nn.Embed(c.vocabulary, c.width, dtype=c.dtype)
        positions = self.param("positions", nn.initializers.normal(0.02), (c.length, c.width))
        x = embed(ids) + positions[: ids.shape[1]].astype(c.dtype)
        block = self.way.module(Block, prevent_cse=not c.scanned)
        if c.scanned:
            layers = nn.scan(
                lambda block, x, _: (block(x), None),
                variable_axes={"params": 0},
                split_rngs={"params": True},
                length=c.layers,
            )
            x, _ = layers(block(c), x, None)
        else:
            for _ in range(c.layers):
                x = block(c)(x)
        x = (nn.RMSNorm if c.llama else nn.LayerNorm)(dtype=c.dtype)(x)
        return embed.attend(x).astype(jnp.float32)


def make_loss(config: Config, way: Way) -> training.Loss:
    """The loss of the next token: `(params, variables, ids) -> (loss, variables)`."""
    model = LanguageModel(config, way)

    def loss(params: Any, variables: Any, ids: Array) -> tuple[Array, Any]:
        logits = model.apply({"params": params}, ids[:, :-1])
        return training.cross_entropy(logits, ids[:, 1:]), variables

    return loss


def optimizer() -> optax.GradientTransformation:
    """AdamW after clipping by the global norm."""
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3, weight_decay=0.01))


def init(key: Array, config: Config) -> State:
    """The state before the first step."""
    config = dataclasses.replace(config, mesh=None)
    params = LanguageModel(config).init(key, jnp.zeros((1, 2), jnp.int32))["params"]
    return State(params, optimizer().init(params))


def make_batch(key: Array, config: Config) -> tuple[Array]:
    """Token ids [batch, length + 1]."""
    return (training.tokens(key, config.batch, config.length + 1, config.vocabulary),)


def program(small: bool, **options: Any) -> Program:
    """The usual step of a model with these options of `Config`."""
    # Sizes of a small program are its own.
    sizes = {f.name for f in dataclasses.fields(Config)} - {"llama", "scanned", "dtype", "mesh"}
    if small:
        options = {k: v for k, v in options.items() if k not in sizes}
    config = dataclasses.replace(SMALL if small else Config(), **options)

    def make_step(way: Way) -> training.Step:
        return training.gradient_step(make_loss(config, way), optimizer(), way)

    return Program(
        make_step,
        functools.partial(init, config=config),
        functools.partial(make_batch, config=config),
        config.size,
        loss_tolerance=training.tolerance(config.dtype),
    )


def accumulated(small: bool, scanned: bool) -> Program:
    """Gradients of four microbatches, added up in a scan, before one update."""
    microbatches = 4
    usual = program(small, scanned=scanned, batch=16)
    config = dataclasses.replace(SMALL if small else Config(batch=16), scanned=scanned)

    def make_step(way: Way) -> training.Step:
        differentiate = way.value_and_grad(make_loss(config, way), has_aux=True)

        def step(state: State, ids: Array) -> Outcome:
            def add(total: Any, part: Array) -> tuple[Any, None]:
                (value, _), grads = differentiate(state.params, None, part)
                return jax.tree.map(jnp.add, total, (value, grads)), None

            zero = jnp.zeros(()), jax.tree.map(jnp.zeros_like, state.params)
            parts = ids.reshape(microbatches, -1, ids.shape[-1])
            total, _ = lax.scan(add, zero, parts)
            value, grads = jax.tree.map(lambda a: a / microbatches, total)
            new = training.update(optimizer(), state, grads, None)
            return Outcome(value, new, grads=grads)

        return step

    return dataclasses.replace(
        usual, make_step=make_step, size=f"{config.size}, {microbatches} microbatches"
    )


def checkpointed(small: bool) -> Program:
    """A step whose author has put `jax.checkpoint` around every block already."""
    usual = program(small)
    config = SMALL if small else Config()

    def make_step(way: Way) -> training.Step:
        own = dataclasses.replace(way, policy=jax.checkpoint_policies.nothing_saveable)
        return training.gradient_step(make_loss(config, own), optimizer(), way)

    return dataclasses.replace(usual, make_step=make_step, has_blocks=False)


# --- Many devices --------------------------------------------------------------------


def _spec(path: tuple, leaf: Array) -> PartitionSpec:
    """How tensor-parallel training divides a parameter, or what an optimizer keeps of it."""
    names = [str(getattr(key, "key", key)) for key in path]
    layer = names[-2] if len(names) > 1 else ""
    if layer == "up" and leaf.ndim == 1:
        return PartitionSpec("model")
    if leaf.ndim < 2:
        return PartitionSpec()
    if layer in ("query", "key", "value"):
        return PartitionSpec(*(None,) * (leaf.ndim - 2), "model", None)
    if layer in ("up", "gate"):
        return PartitionSpec(None, "model")
    if layer in ("out", "down"):
        return PartitionSpec("model")
    return PartitionSpec()


def parallel(small: bool, data: int, model: int) -> Program:
    """Batches divided by `data` devices, heads and hidden features by `model` ones."""
    mesh = jax.make_mesh(
        (data, model), ("data", "model"), axis_types=(jax.sharding.AxisType.Auto,) * 2
    )
    alone = program(small, layers=4, batch=16)

    config = dataclasses.replace(SMALL if small else Config(layers=4, batch=16), mesh=mesh)

    def make_step(way: Way) -> training.Step:
        return training.gradient_step(make_loss(config, way), optimizer(), way)

    def place(state: State, arguments: tuple) -> tuple[State, tuple]:
        shardings = jax.tree_util.tree_map_with_path(
            lambda path, leaf: NamedSharding(mesh, _spec(path, leaf)), state
        )
        rows = NamedSharding(mesh, PartitionSpec("data"))
        return jax.device_put(state, shardings), jax.device_put(arguments, rows)

    return dataclasses.replace(
        alone,
        make_step=make_step,
        size=f"{config.size}, {data}×{model} devices",
        place=place,
        alone=alone,
    )
