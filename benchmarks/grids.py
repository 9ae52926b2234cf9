# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gradient error of ResNet-29 by bits and by the interval that grids divide.

The figures behind the defaults of `sigma` and `range`: relative L2 error of the gradient
against exact, all parameters as one vector, at initial parameters and after 20 steps.
"""

import argparse

import jax
import numpy as np

import approx_act
import variants
from models import resnet

GRIDS = {
    8: [{"range": "minmax"}] + [{"range": "normalised", "sigma": s} for s in (4.0, 5.0, 6.0)],
    4: [{"range": "minmax"}] + [{"range": "normalised", "sigma": s} for s in (2.5, 3.0, 3.5)],
    2: [{"range": "minmax"}] + [{"range": "normalised", "sigma": s} for s in (1.6, 2.0, 2.5)],
}


def as_vector(gradient: resnet.Params) -> np.ndarray:
    """All parameters' gradients as one f64 vector."""
    leaves = [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(gradient)]
    return np.concatenate(leaves)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=29, help="9n + 2 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="default: %(default)s")
    options = parser.parse_args()

    config = resnet.Config.of_depth(options.depth)
    initial = resnet.init(jax.random.key(0), config)
    x, y = resnet.random_batch(jax.random.key(1), options.batch, config)
    step = resnet.make_step(config)
    exact = jax.jit(step)
    trained = initial
    for _ in range(20):
        _, gradient = exact(trained, x, y)
        trained = jax.tree.map(lambda p, g: p - 0.05 * g, trained, gradient)
    points = {"initial": initial, "trained": trained}
    expected = {name: as_vector(exact(p, x, y)[1]) for name, p in points.items()}

    def report(name: str, jitted: object) -> None:
        errors = []
        for point, params in points.items():
            error = as_vector(jitted(params, x, y)[1]) - expected[point]
            errors.append(np.linalg.norm(error) / np.linalg.norm(expected[point]))
        print(f"{name:32s}" + "".join(f"{error:10.4f}" for error in errors), flush=True)

    print(f"{'':32s}" + "".join(f"{point:>10s}" for point in points))
    for variant in variants.peers(config):
        if variant.name.startswith(("naive", "paper")):
            report(variant.name, variant.jitted)
    for bits, grids in GRIDS.items():
        for grid in grids:
            name = " ".join(str(value) for value in grid.values())
            report(f"{bits} bit, {name}", approx_act.jit(step, bits=bits, **grid))


if __name__ == "__main__":
    main()
