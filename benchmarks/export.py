#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the training step of a benchmark model as StableHLO text for approx-act-opt.

The text is MLIR's generic form with source locations. Only shapes matter, so nothing
is computed and the deepest networks take seconds.
"""

import argparse
import functools
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxlib.mlir.dialects import stablehlo
from jaxlib.mlir.passmanager import PassManager

from models import mlp, resnet

stablehlo.register_stablehlo_passes()


def stablehlo_text(step: Callable, *args: Any) -> str:
    """Generic StableHLO of `jax.jit(step)` for arguments of the shapes of `args`."""
    module = jax.jit(step).lower(*args).compiler_ir("stablehlo")
    with module.context:
        # As jax.export does: the lowering still has composite ops such as chlo.square.
        pipeline = "builtin.module(func.func(chlo-legalize-to-stablehlo))"
        PassManager.parse(pipeline).run(module.operation)
    return module.operation.get_asm(print_generic_op_form=True, enable_debug_info=True)


def resnet_shapes(config: resnet.Config, batch: int, size: int = 32) -> tuple:
    """Shapes of the arguments `(params, x, y)` of a network's step."""
    key = jax.random.key(0)
    params = jax.eval_shape(functools.partial(resnet.init, config=config), key)
    return params, *jax.eval_shape(
        functools.partial(resnet.random_batch, batch=batch, config=config, size=size), key
    )


def mlp_shapes(batch: int) -> tuple:
    """Shapes of the arguments `(params, x, y)` of a three-layer perceptron's step."""
    params = jax.eval_shape(lambda: mlp.init(jax.random.key(0), (64, 256, 256, 10)))
    return (
        params,
        jax.ShapeDtypeStruct((batch, 64), jnp.float32),
        jax.ShapeDtypeStruct((batch,), jnp.int32),
    )


def main() -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=["resnet", "mlp"])
    parser.add_argument("--depth", type=int, default=56, help="9n + 2 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--classes", type=int, default=10, help="default: %(default)s")
    parser.add_argument(
        "--norm",
        choices=resnet.BATCH_NORMS,
        default="hand",
        help="how batch norm writes its variance: centred, or as flax (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", type=argparse.FileType("w"), default=sys.stdout)
    options = parser.parse_args()
    if options.model == "mlp":
        text = stablehlo_text(mlp.step, *mlp_shapes(options.batch))
    else:
        config = resnet.Config.of_depth(options.depth, options.classes)
        layer = functools.partial(resnet.exact_layer, norm=resnet.BATCH_NORMS[options.norm])
        step = resnet.make_step(config, layer=layer)
        text = stablehlo_text(step, *resnet_shapes(config, options.batch))
    options.output.write(text)


if __name__ == "__main__":
    main()
