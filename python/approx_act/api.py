# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``jit`` and ``approximate``: the compiler as JAX transformations."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax

from approx_act import _primitive
from approx_act.options import Forward, Options

# Passes of XLA's CPU compiler. The first drops optimization barriers before it
# schedules, without which dequantization moves into the forward pass. The second
# makes one kernel of a loop over little data, where the emitter ends the process
# at a barrier.
_BARRIER_PASSES = ("cse_barrier_expander", "small-while-loop-hoisting")


def compiler_options(platform: str | None = None) -> dict[str, Any]:
    """Returns the XLA options with which to compile an approximated step.

    They are for a step that :func:`approximate` made and that is compiled by
    other means than :func:`jit`::

        jax.jit(approximate(step), compiler_options=approx_act.compiler_options())

    Args:
      platform: ``"cpu"``, ``"gpu"``, ...; by default JAX's default backend.

    Returns:
      A dictionary for ``compiler_options`` of ``jax.jit`` or of ``compile``;
      empty where the compiler keeps optimization barriers by itself.
    """
    platform = platform or jax.default_backend()
    return {"xla_disable_hlo_passes": ",".join(_BARRIER_PASSES)} if platform == "cpu" else {}


@dataclasses.dataclass(frozen=True)
class Approximation:
    """What an approximated function was made of.

    Attributes:
      jitted: the exact function, under ``jax.jit`` with its static arguments.
      options: how its residuals are stored.
    """

    jitted: Callable[..., Any]
    options: Options

    @classmethod
    def of(cls, fun: Callable[..., Any], kwargs: dict[str, Any]) -> Approximation:
        """Returns what to make of a function whose options are among arguments.

        Args:
          fun: a training step, or what :func:`jit` or :func:`approximate` made of
            it, which brings its options along.
          kwargs: keyword arguments; those that are options of
            :func:`approximate` are taken out.

        Raises:
          ValueError: an option has no such value.
        """
        static = {k: kwargs.pop(k) for k in ("static_argnums", "static_argnames") if k in kwargs}
        names = {field.name for field in dataclasses.fields(Options)}
        given = {k: kwargs.pop(k) for k in names & kwargs.keys()}
        made = getattr(fun, "_approximation", None) or cls(fun, Options())
        jitted = made.jitted
        if static or not hasattr(jitted, "trace"):
            # Of a jitted function, too: what is static to it is another question.
            jitted = jax.jit(jitted, **static)
        return cls(jitted, dataclasses.replace(made.options, **given))


def approximate(
    fun: Callable[..., Any],
    *,
    bits: int = 4,
    forward: Forward = None,
    range: str = "auto",
    sigma: float | None = None,
    granularity: str = "auto",
    group_size: int | None = None,
    rounding: str = "nearest",
    seed: int = 0,
    min_fraction: float | None = None,
    strict: bool = False,
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Iterable[str] | None = None,
) -> Callable[..., Any]:
    """Returns a training step that keeps approximate activations.

    The result computes what ``fun`` computes, with an exact loss, and can be
    used wherever a JAX function can: under ``jax.jit``, with sharded arguments,
    in ``lax.scan``, ``jax.vmap``, ``jax.shard_map``.  Compile it with
    :func:`compiler_options`, or use :func:`jit`, which does.

    A function in which nothing crosses from a forward to a backward pass comes
    back as it was.

    Args:
      fun: a whole training step, gradients included, of arrays in pytrees.
      bits: width of a stored activation: 8, 4 or 2.
      forward: which results must be exact, the loss first: an index into the
        leaves of the result, several of them, or a function that picks leaves,
        such as ``lambda out: out[2]``.  By default the first result, if it is a
        scalar float, or else the only scalar float.
      range: ``"auto"``, ``"normalised"``, ``"minmax"`` or ``"absmax"``.
      sigma: half width of the normalised range, in standard deviations; by
        default it follows ``bits``.
      granularity: what shares a scale: ``"auto"``, ``"tensor"``, ``"channel"``
        or ``"group"``.
      group_size: number of elements in a group.
      rounding: ``"nearest"`` or ``"stochastic"``.
      seed: seed of the stochastic rounding.
      min_fraction: the smallest residuals stay exact, as many sizes of them as
        together make at most this fraction of the bytes of all residuals.
        Like the other options, ``None`` leaves it to the compiler.
      strict: raise :class:`ApproxActError` where a step cannot be rewritten,
        instead of warning once and computing it exactly.
      static_argnums, static_argnames: as in ``jax.jit``.

    Raises:
      ValueError: an option has no such value.
    """
    options = Options(
        bits=bits,
        forward=forward,
        range=range,
        sigma=sigma,
        granularity=granularity,
        group_size=group_size,
        rounding=rounding,
        seed=seed,
        min_fraction=min_fraction,
        strict=strict,
    )
    jitted = jax.jit(fun, static_argnums=static_argnums, static_argnames=static_argnames)

    @functools.wraps(fun)
    def approximated(*args, **kwargs):
        return _primitive.bind(_primitive.trace(jitted, args, kwargs), options)

    approximated._approximation = Approximation(jitted, options)
    return approximated


class JitFunction:
    """A compiled step with approximate activations; made by :func:`jit`.

    Behaves as what ``jax.jit`` returns: it can be called, and has ``lower``,
    ``trace``, ``eval_shape`` and ``clear_cache``.
    """

    def __init__(self, fun: Callable[..., Any], jit_kwargs: dict[str, Any]):
        # The backend is not known, and must not be started, before the first use.
        self._fun = fun
        self._jit_kwargs = jit_kwargs
        self._nested = jax.jit(fun, **jit_kwargs)
        functools.update_wrapper(self, fun)
        self.__wrapped__ = fun.__wrapped__  # The user's function, as jax.jit has it.

    @functools.cached_property
    def _outermost(self) -> Callable[..., Any]:
        """The function compiled with the platform's own options."""
        kwargs = dict(self._jit_kwargs)
        required = compiler_options(kwargs.get("backend"))
        if not required:
            return self._nested
        kwargs["compiler_options"] = _merge(kwargs.get("compiler_options"), required)
        return jax.jit(self._fun, **kwargs)

    @property
    def _jitted(self) -> Callable[..., Any]:
        # JAX takes compiler options only from the outermost jit.
        return self._nested if _primitive.under_jit() else self._outermost

    def __call__(self, *args, **kwargs):
        """Runs the step, compiled for the signature of these arguments."""
        return self._jitted(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<approx_act.jit of {self.__wrapped__!r}>"

    def lower(self, *args, **kwargs) -> jax.stages.Lowered:
        """Lowers the step for these arguments; see ``jax.jit``."""
        return self._jitted.lower(*args, **kwargs)

    def trace(self, *args, **kwargs) -> jax.stages.Traced:
        """Traces the step for these arguments; see ``jax.jit``."""
        return self._jitted.trace(*args, **kwargs)

    def eval_shape(self, *args, **kwargs) -> Any:
        """Returns shapes and types of the result; compiles nothing."""
        return self._jitted.eval_shape(*args, **kwargs)

    def clear_cache(self) -> None:
        """Forgets every compiled signature."""
        self._nested.clear_cache()
        self._outermost.clear_cache()


def jit(
    fun: Callable[..., Any] | None = None,
    /,
    *,
    bits: int = 4,
    forward: Forward = None,
    range: str = "auto",
    sigma: float | None = None,
    granularity: str = "auto",
    group_size: int | None = None,
    rounding: str = "nearest",
    seed: int = 0,
    min_fraction: float | None = None,
    strict: bool = False,
    **jit_kwargs,
) -> Any:
    """Compiles a training step as ``jax.jit`` does, with approximate activations.

    The loss is exact; what the backward pass needs from the forward pass is kept
    in few bits.  One rewrite is done per signature, when JAX compiles it.

    Args:
      fun: a whole training step, gradients included.  When left out, a decorator
        with these options is returned.
      bits, forward, range, sigma, granularity, group_size, rounding, seed,
        min_fraction, strict: see :func:`approximate`.
      **jit_kwargs: whatever ``jax.jit`` takes.

    Returns:
      A :class:`JitFunction`.

    Raises:
      ValueError: an option has no such value.
    """
    options = dict(
        bits=bits,
        forward=forward,
        range=range,
        sigma=sigma,
        granularity=granularity,
        group_size=group_size,
        rounding=rounding,
        seed=seed,
        min_fraction=min_fraction,
        strict=strict,
    )
    if fun is None:
        Options(**options)
        return functools.partial(jit, **options, **jit_kwargs)
    approximated = approximate(
        fun,
        **options,
        static_argnums=jit_kwargs.get("static_argnums"),
        static_argnames=jit_kwargs.get("static_argnames"),
    )
    return JitFunction(approximated, jit_kwargs)


def _merge(user: dict[str, Any] | None, required: dict[str, Any]) -> dict[str, Any]:
    """The user's compiler options, which win, with the required pass names added."""
    merged = {**required, **(user or {})}
    passes = (user or {}).get("xla_disable_hlo_passes")
    if passes:
        merged["xla_disable_hlo_passes"] = f"{passes},{required['xla_disable_hlo_passes']}"
    return merged
