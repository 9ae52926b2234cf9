#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a further layer of a language model costs, unrolled and as a scan over layers.

The model is "lm layernorm gelu" of programs.py with the numbers of layers asked for. The
step returns the loss and the new state, which is donated, and no gradients: XLA would
keep some codes where they are returned, which is not temporary memory. Figures are MB
for each layer between one number of layers and the next:

  temp       memory_analysis().temp_size_in_bytes of the compiled step
  stored     bytes of all residuals, as approx_act.residuals gives them
  gradients  bytes of the parameters. A scan holds the gradients of all layers beside what
             it has stored, exact or not; unrolled, they take the place of codes that have
             been read.
"""

import argparse
import itertools
from typing import Any

import jax

import approx_act
from models import transformer
from models.training import Outcome, Way
from program_tables import MB
from programs import compile_step
from resnet import table


def measure(layers: int, bits: int, scanned: bool) -> tuple[int, int, int]:
    """(temp, stored, gradients) in bytes; `bits` 0 is exact."""
    program = transformer.program(small=False, layers=layers, scanned=scanned)
    keys = jax.random.split(jax.random.key(0))
    args = program.init(keys[0]), *program.batch(keys[1])
    whole = program.make_step(Way())

    def step(state: Any, *batch: Any) -> Outcome:
        return whole(state, *batch)._replace(grads=None)

    compiled = approx_act.approximate(step, bits=bits) if bits else step
    residuals = approx_act.residuals(step, *args, bits=bits or 8)
    return (
        compile_step(compiled, args, ["default"])[0].temp_bytes,
        residuals.bytes_after if bits else residuals.bytes_before,
        sum(leaf.nbytes for leaf in jax.tree.leaves(args[0].params)),
    )


def main() -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--layers", type=int, nargs="+", default=[6, 12, 18], help="default: 6 12 18")
    add("--bits", type=int, nargs="+", choices=[0, 8, 4, 2], default=[0, 8, 4], help="0 is exact")
    options = parser.parse_args()
    if len(options.layers) < 2 or options.layers != sorted(set(options.layers)):
        parser.error("--layers needs two numbers or more, rising")
    rows = []
    for bits in options.bits:
        for scanned in (False, True):
            figures = {n: measure(n, bits, scanned) for n in options.layers}
            for first, last in itertools.pairwise(options.layers):
                added = [
                    f"{(b - a) / (last - first) / MB:.2f}"
                    for a, b in zip(figures[first], figures[last], strict=True)
                ]
                way = f"{bits} bit" if bits else "exact"
                form = "scan" if scanned else "unrolled"
                rows.append([way, form, f"{first} to {last}", *added])
    print(table(["", "form", "layers", "temp", "stored", "gradients"], rows))


if __name__ == "__main__":
    main()
