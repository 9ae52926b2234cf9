#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws how many bytes are live at every point of a program.

Reads what `approx-act-opt --approx-act-print-peak-memory` prints, one line per
operation in program order,

    index,op,bytes

and draws one curve per file as PNG. Other lines are ignored, so that whatever else the
tool prints may stay in the file.
"""

import argparse
import dataclasses
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

_LINE = re.compile(r"^(\d+),([\w.]+),(\d+)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Point:
    """Bytes live right after one operation has run; `index` counts operations from 0."""

    index: int
    op: str
    live_bytes: int


def parse(text: str) -> list[Point]:
    """The program points in `text`; raises ValueError where there is none."""
    points = [Point(int(i), op, int(size)) for i, op, size in _LINE.findall(text)]
    if not points:
        raise ValueError("no line of the form index,op,bytes")
    return points


def of_step(jitted: Any, *args: Any) -> list[Point]:
    """The program points of a jitted step for these arguments.

    Raises:
        ApproxActError: there is no approx-act-opt.
        subprocess.CalledProcessError: it refused the program.
    """
    from approx_act import import_module
    from approx_act.tool import find_tool

    done = subprocess.run(
        [find_tool(), "--inline", "--approx-act-print-peak-memory"],
        input=import_module(jitted.lower(*args).compiler_ir("stablehlo")),
        capture_output=True,
        text=True,
        check=True,
    )
    return parse(done.stdout + done.stderr)


def draw(curves: Mapping[str, Sequence[Point]], output: Path, title: str) -> None:
    """Writes a picture of bytes over the program, one curve per entry.

    Programs differ in length, so each is drawn over its own share of operations.
    """
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    for order, (name, points) in enumerate(curves.items()):
        span = max(len(points) - 1, 1)
        x = [100 * position / span for position in range(len(points))]
        y = [p.live_bytes / 1e6 for p in points]
        (line,) = axes.plot(x, y, linewidth=1.3, label=f"{name}: peak {max(y):.1f} MB")
        axes.fill_between(x, y, color=line.get_color(), alpha=0.12, zorder=order)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("position in the program (% of its operations)")
    axes.set_ylabel("live (MB)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(output, dpi=130)
    plt.close(figure)


def main() -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="tool output")
    parser.add_argument("-o", "--output", type=Path, default=Path("live-bytes.png"))
    parser.add_argument("--title", default="Bytes live over the program")
    options = parser.parse_args()
    curves = {path.stem: parse(path.read_text(encoding="utf-8")) for path in options.files}
    draw(curves, options.output, options.title)


if __name__ == "__main__":
    main()
