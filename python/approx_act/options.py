# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The options of the compiler, as Python sees them."""

from __future__ import annotations

import dataclasses
import numbers
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

Forward = int | Sequence[int] | Callable[[Any], Any] | None

_CHOICES = {
    "bits": (8, 4, 2),
    "range": ("auto", "normalised", "minmax", "absmax"),
    "granularity": ("auto", "tensor", "channel", "group"),
    "rounding": ("nearest", "stochastic"),
}

# What a half width can be: the compiler computes with it in f32, and with its double.
_LEAST, _MOST = float(np.finfo(np.float32).smallest_normal), float(np.finfo(np.float32).max) / 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How residuals are stored; checked when made, hashable.

    Attributes:
      bits: width of a stored code: 8, 4 or 2.
      forward: which results stay exact, the loss first: a flat index, several,
        or a function that picks leaves out of the result pytree.  ``None``: the
        first result if it is a scalar float, else the only scalar float.
      range: how the range of the codes is found: ``"auto"``, ``"normalised"``
        (a multiple of the known standard deviation), ``"minmax"``, ``"absmax"``.
      sigma: half width of the normalised range in standard deviations; ``None``
        leaves the choice, by bits, to the compiler.
      granularity: what shares one scale: ``"auto"``, ``"tensor"``,
        ``"channel"`` or ``"group"``.
      group_size: elements of a group; ``None`` leaves it to the compiler.
      rounding: ``"nearest"`` or ``"stochastic"``.
      seed: seed of the stochastic rounding.
      min_fraction: the smallest residuals stay exact, as many sizes of them as
        together make at most this fraction of the bytes of all; ``None`` leaves
        the choice to the compiler.
      strict: raise where a step would otherwise be left exact with a warning.
    """

    bits: int = 4
    forward: Forward = None
    range: str = "auto"
    sigma: float | None = None
    granularity: str = "auto"
    group_size: int | None = None
    rounding: str = "nearest"
    seed: int = 0
    min_fraction: float | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                expected = ", ".join(map(repr, choices))
                raise ValueError(f"{name} must be one of {expected}, not {value!r}")
        self._check_number("sigma", lambda x: _LEAST <= x <= _MOST, "positive and fit 32 bits")
        self._check_number("min_fraction", lambda x: 0 <= x <= 1, "from 0 to 1")
        if self.group_size is not None and operator.index(self.group_size) <= 0:
            raise ValueError(f"group_size must be positive, not {self.group_size}")
        operator.index(self.bits)  # 8.0 would not do.
        if not 0 <= operator.index(self.seed) < 2**32:
            raise ValueError(
                f"seed must not be negative and must be less than 2**32, not {self.seed}"
            )
        forward = self.forward
        if forward is not None and not callable(forward):
            indices = forward if isinstance(forward, Sequence) else (forward,)
            try:
                indices = tuple(map(operator.index, indices))
            except TypeError:
                raise TypeError(
                    "forward must be a result index, several, or a function that "
                    f"picks leaves of the result, not {forward!r}"
                ) from None
            object.__setattr__(self, "forward", indices)

    def _check_number(self, name: str, accept: Callable[[float], bool], expected: str) -> None:
        """Makes an option that is a number a float, which is how the compiler reads it."""
        value = getattr(self, name)
        if value is None:
            return
        if not isinstance(value, numbers.Real) or isinstance(value, bool) or not accept(value):
            raise ValueError(f"{name} must be {expected}, not {value!r}")
        object.__setattr__(self, name, float(value))

    def forward_indices(self, out_tree: jax.tree_util.PyTreeDef) -> tuple[int, ...]:
        """Returns the flat indices of the results that must be exact.

        Args:
          out_tree: structure of the function's result.

        Returns:
          The indices, the loss first; empty when ``forward`` is ``None``.

        Raises:
          ValueError: an index is out of range, or ``forward`` returned something
            that is no leaf of the result.
        """
        count = out_tree.num_leaves
        if self.forward is None:
            return ()
        if callable(self.forward):
            # Opaque leaves: picking is all that the function can do with them.
            leaves = [_Leaf(i) for i in range(count)]
            picked = jax.tree.leaves(self.forward(jax.tree.unflatten(out_tree, leaves)))
            if not picked or not all(isinstance(leaf, _Leaf) for leaf in picked):
                raise ValueError(
                    "forward must return one or more leaves of the result it is "
                    f"given, unchanged; it returned {picked!r}"
                )
            return tuple(leaf.index for leaf in picked)
        for index in self.forward:
            if not -count <= index < count:
                raise ValueError(
                    f"forward={index} is out of range: the function has {count} "
                    "results (leaves of its result pytree)"
                )
        return tuple(index % count for index in self.forward)

    def pipeline(self, forward: Sequence[int], target: str = "stablehlo") -> str:
        """Returns the compiler's pipeline options as one string.

        Args:
          forward: flat indices of the exact results; empty for the default.
          target: the dialect to end in, ``"stablehlo"`` or ``"approx_act"``.
        """
        words = {
            "bits": self.bits,
            "range": self.range,
            "sigma": self.sigma,
            "granularity": self.granularity,
            "group-size": self.group_size,
            "rounding": self.rounding,
            "seed": int(self.seed),
            "min-fraction": self.min_fraction,
            "forward-results": ",".join(map(str, forward)) or None,
            "target": target,
        }
        return " ".join(f"{k}={v}" for k, v in words.items() if v is not None)


@dataclasses.dataclass(frozen=True)
class _Leaf:
    """Stands for one leaf of a result when ``forward`` picks from it."""

    index: int
