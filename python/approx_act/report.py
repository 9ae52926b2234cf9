# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``residuals``: what a training step keeps for its backward pass, and how."""

from __future__ import annotations

import collections
import dataclasses
import linecache
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from approx_act import _primitive, importer, tool
from approx_act.api import Approximation

# Columns of the printed table given to the user's line.
_LINE_WIDTH = 48

_STORED = {
    "quantized": "code",
    "packed-mask": "mask",
    "kept-exact": "exact",
    "recomputed": "recomputed",
}


@dataclasses.dataclass(frozen=True)
class Residual:
    """One value that the backward pass needs from the forward pass.

    Attributes:
      stored: ``"code"``, ``"mask"``, ``"exact"`` or ``"recomputed"``.
      value: its type, such as ``tensor<32x32x32x64xf32>``.
      op: the operation that makes it.
      bits: bits per element as stored.
      bytes_before: bytes that exact training keeps.
      bytes_after: bytes that are kept now, parameters of grids included.
      reason: why it is stored so.
      source: ``file:line`` of the user's line that made it, or empty.
    """

    stored: str
    value: str
    op: str
    bits: int
    bytes_before: int
    bytes_after: int
    reason: str
    source: str

    @property
    def source_line(self) -> str:
        """The text of the user's line, or an empty string."""
        file, _, line = self.source.rpartition(":")
        return linecache.getline(file, int(line)).strip() if line.isdigit() else ""


@dataclasses.dataclass(frozen=True)
class ResidualTable(Sequence[Residual]):
    """The residuals of a step, in program order; prints as a table.

    Attributes:
      rows: the residuals.
      unchanged: why the step was left as it was, or ``None``.
    """

    rows: tuple[Residual, ...]
    unchanged: str | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]

    def __iter__(self) -> Iterator[Residual]:
        return iter(self.rows)

    @property
    def bytes_before(self) -> int:
        """Bytes that exact training keeps for the backward pass."""
        return sum(row.bytes_before for row in self.rows)

    @property
    def bytes_after(self) -> int:
        """Bytes that are kept now."""
        return sum(row.bytes_after for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Returns the table as plain data, ready for ``json.dumps``."""
        return {
            "residuals": [
                {**dataclasses.asdict(row), "source_line": row.source_line} for row in self.rows
            ],
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "unchanged": self.unchanged,
        }

    def __str__(self) -> str:
        if not self.rows:
            return f"no residuals: {self.unchanged or 'nothing is kept for a backward pass'}"
        # The same line of the user's code often makes many: one row for them all.
        groups: dict[tuple, list[Residual]] = collections.defaultdict(list)
        for row in self.rows:
            groups[row.stored, row.value, row.bits, row.reason, row.source].append(row)
        header = ("stored", "count", "type", "bits", "before", "after", "source", "why")
        body = [
            (
                stored,
                f"{len(rows)}x",
                value.removeprefix("tensor<").removesuffix(">"),
                str(bits) if rows[0].bytes_after else "-",
                format_bytes(sum(r.bytes_before for r in rows)),
                format_bytes(sum(r.bytes_after for r in rows)),
                _describe(source, rows[0].source_line),
                reason,
            )
            for (stored, value, bits, reason, source), rows in groups.items()
        ]
        total = (
            "total",
            f"{len(self.rows)}x",
            "",
            "",
            format_bytes(self.bytes_before),
            format_bytes(self.bytes_after),
            "",
            "",
        )
        lines = _align([header, *body, total], right={1, 3, 4, 5})
        rule = "-" * max(map(len, lines))
        table = "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
        return f"{table}\nunchanged: {self.unchanged}" if self.unchanged else table


def residuals(fun: Callable[..., Any], /, *args, **kwargs) -> ResidualTable:
    """Tells what a training step keeps for its backward pass, and in how many bits.

    Nothing is run or compiled, so arguments may be ``jax.ShapeDtypeStruct``.

    Args:
      fun: the training step, or what :func:`approx_act.jit` or
        :func:`approx_act.approximate` made of it, which brings its options along.
      *args: its arguments.
      **kwargs: options of :func:`approx_act.approximate`, by their names; all
        others are arguments of ``fun``.

    Returns:
      A table with one row per residual, and totals; ``print`` it, or take
      ``to_dict()``.

    Raises:
      ApproxActError: the step is not one that can be rewritten.
      ValueError: an option has no such value.
    """
    made = Approximation.of(fun, kwargs)
    options = made.options
    step = _primitive.trace(made.jitted, args, kwargs)
    forward = _primitive.exact_results(step, options)
    _primitive.require_loss(forward)
    module = importer.load(_primitive.lower_exact(step))
    # The results of the module begin with the tokens of ordered effects.
    tokens = len(importer.main_type(module).results) - step.out_tree.num_leaves
    indices = [tokens + index for index in forward]
    return table(tool.run(importer.to_text(module), options.pipeline(indices)))


def table(result: tool.Result) -> ResidualTable:
    """Returns the table that the compiler's remarks make."""
    rows = tuple(
        Residual(
            stored=_STORED[remark.name],
            value=str(remark.args["value"]),
            op=str(remark.args["op"]),
            bits=int(remark.args["bits"]),
            bytes_before=int(remark.args["bytes_before"]),
            bytes_after=int(remark.args["bytes_after"]),
            reason=str(remark.args["reason"]),
            source=str(remark.args.get("source", "")),
        )
        for remark in result.remarks
        if remark.name in _STORED
    )
    unchanged = result.unchanged
    return ResidualTable(rows, str(unchanged.args["reason"]) if unchanged else None)


def format_bytes(count: int) -> str:
    """Returns a number of bytes for people, in decimal units."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return f"{count} B"


def _describe(source: str, line: str) -> str:
    short = "/".join(source.split("/")[-2:])
    if len(line) > _LINE_WIDTH:
        line = line[: _LINE_WIDTH - 1] + "…"
    return f"{short}  {line}" if line else short


def _align(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
