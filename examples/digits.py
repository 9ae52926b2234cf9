#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains a residual network on handwritten digits in a fraction of the memory.

The network is a batch-normalised pre-activation ResNet, the data scikit-learn's 1797
images of 8x8 pixels. The same training step is compiled four ways: exact, with
activations kept as 8- and as 4-bit codes (approx_act.jit instead of jax.jit, nothing
else changes), and with jax.checkpoint around every block. All of them see the same
batches from the same initial parameters, in turns, so that the times compare.

At the end: a table of memory, speed, loss and test accuracy over the seeds, and a
picture of the bytes live over the program.
"""

import argparse
import dataclasses
import functools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import live_bytes
import numpy as np
from jax import Array
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Params = dict[str, Any]
Norm = Callable[[Array, Array, Array], Array]

CLASSES = 10
WIDTHS = (32, 64)


# --- The network, as one writes it in JAX --------------------------------------------


def batch_norm(x: Array, scale: Array, shift: Array, *, count: int | None = None) -> Array:
    """Normalises images `x` [N, H, W, C] by the statistics of the first `count` of them."""
    sample = x[:count]
    mean = jnp.mean(sample, (0, 1, 2))
    variance = jnp.mean(jnp.square(sample - mean), (0, 1, 2))
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + shift


def norm_relu(p: Params, x: Array, norm: Norm) -> Array:
    """What goes before every convolution of a block."""
    return jax.nn.relu(norm(x, p["scale"], p["shift"]))


def convolve(x: Array, kernel: Array, stride: int = 1) -> Array:
    """`SAME` convolution of `x` [N, H, W, C] with `kernel` [h, w, C, D]."""
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def residual_block(p: Params, x: Array, *, stride: int, norm: Norm) -> Array:
    """Two 3x3 convolutions beside the identity, or a projection where the shape changes."""
    h = norm_relu(p["first"], x, norm)
    shortcut = convolve(h, p["shortcut"], stride) if "shortcut" in p else x
    h = convolve(h, p["first"]["kernel"], stride)
    return shortcut + convolve(norm_relu(p["second"], h, norm), p["second"]["kernel"])


def logits(
    params: Params, x: Array, *, block: Callable = residual_block, norm: Norm = batch_norm
) -> Array:
    """Logits [N, classes] of images `x` [N, 8, 8, 1]."""
    h = convolve(x, params["stem"])
    for stage, blocks in enumerate(params["stages"]):
        for index, p in enumerate(blocks):
            h = block(p, h, stride=2 if stage and not index else 1, norm=norm)
    head = params["head"]
    return jnp.mean(norm_relu(head, h, norm), (1, 2)) @ head["kernel"] + head["bias"]


def init(key: Array, blocks: int) -> Params:
    """He-normal kernels, batch norms that do nothing; `blocks` in each stage."""
    keys = iter(jax.random.split(key, 2 + 3 * blocks * len(WIDTHS)))

    def kernel(size: int, inputs: int, outputs: int) -> Array:
        deviation = (2 / (size * size * inputs)) ** 0.5
        return deviation * jax.random.normal(next(keys), (size, size, inputs, outputs))

    def norm(channels: int) -> Params:
        return {"scale": jnp.ones(channels), "shift": jnp.zeros(channels)}

    stages = []
    inputs = WIDTHS[0]
    for width in WIDTHS:
        stage = []
        for _ in range(blocks):
            block: Params = {
                "first": {**norm(inputs), "kernel": kernel(3, inputs, width)},
                "second": {**norm(width), "kernel": kernel(3, width, width)},
            }
            if inputs != width:
                block["shortcut"] = kernel(1, inputs, width)
            stage.append(block)
            inputs = width
        stages.append(stage)
    return {
        "stem": kernel(3, 1, WIDTHS[0]),
        "stages": stages,
        "head": {
            **norm(inputs),
            "kernel": kernel(1, inputs, CLASSES)[0, 0],
            "bias": jnp.zeros(CLASSES),
        },
    }


# --- The training step ---------------------------------------------------------------


def loss_of(params: Params, x: Array, y: Array, block: Callable) -> Array:
    """Mean cross-entropy of images `x` against labels `y` [N], a scalar."""
    scores = jax.nn.log_softmax(logits(params, x, block=block))
    return -jnp.mean(jnp.sum(scores * jax.nn.one_hot(y, CLASSES), -1))


def train_step(
    params: Params,
    velocity: Params,
    x: Array,
    y: Array,
    rate: Array,
    *,
    block: Callable = residual_block,
) -> tuple[Array, Params, Params]:
    """One step of gradient descent with momentum: (loss, params, velocity)."""
    loss, grads = jax.value_and_grad(loss_of)(params, x, y, block)
    velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, grads)
    params = jax.tree.map(lambda p, v: p - rate * v, params, velocity)
    return loss, params, velocity


def checkpointed_block(p: Params, x: Array, **static: Any) -> Array:
    """A block that the backward pass computes once more from its input."""
    return jax.checkpoint(functools.partial(residual_block, **static))(p, x)


def compiled_four_ways() -> dict[str, Any]:
    """The jitted training steps by name; without approx_act only those that do not need it."""
    # XLA:CPU drops the barriers that make jax.checkpoint work, unless told not to.
    on_cpu = jax.default_backend() == "cpu"
    options = {"xla_disable_hlo_passes": "cse_barrier_expander"} if on_cpu else None
    checkpointed = functools.partial(train_step, block=checkpointed_block)
    steps = {"exact": jax.jit(train_step, compiler_options=options)}
    try:
        import approx_act
        from approx_act.tool import find_tool

        find_tool()
        steps["8 bit"] = approx_act.jit(train_step, bits=8)
        steps["4 bit"] = approx_act.jit(train_step, bits=4)
    except Exception as error:
        print(f"skipped: 8 bit, 4 bit ({error})", file=sys.stderr)
    steps["jax.checkpoint"] = jax.jit(checkpointed, compiler_options=options)
    return steps


# --- Data and evaluation -------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Digits:
    """Images [N, 8, 8, 1], standardised as a whole, and labels [N]."""

    train_x: np.ndarray
    test_x: np.ndarray
    train_y: np.ndarray
    test_y: np.ndarray

    @staticmethod
    def load() -> "Digits":
        """A quarter of each class is for testing, always the same images."""
        data = load_digits()
        images = data.images[..., None].astype(np.float32)
        images = (images - images.mean()) / images.std()
        labels = data.target.astype(np.int32)
        return Digits(
            *train_test_split(images, labels, test_size=0.25, random_state=0, stratify=labels)
        )

    def batches(self, seed: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Endless random batches of `size` images; an epoch sees an image at most once."""
        random = np.random.default_rng(seed)
        while True:
            order = random.permutation(len(self.train_y))
            for start in range(0, len(order) - size + 1, size):
                chosen = order[start : start + size]
                yield self.train_x[chosen], self.train_y[chosen]


@functools.partial(jax.jit, static_argnames="count")
def predict(params: Params, images: Array, count: int) -> Array:
    """Classes of `images` [N, 8, 8, 1], normalised by statistics of the first `count`."""
    norm = functools.partial(batch_norm, count=count)
    return jnp.argmax(logits(params, images, norm=norm), -1)


def test_accuracy(params: Params, data: Digits) -> float:
    """Share of test images classified right, with the statistics of the training images."""
    count = len(data.train_y)
    classes = predict(params, np.concatenate([data.train_x, data.test_x]), count)
    return float(np.mean(classes[count:] == data.test_y))


# --- The run -------------------------------------------------------------------------


@dataclasses.dataclass
class Result:
    """What one way of compiling the step came to, over the seeds."""

    temp_bytes: int
    seconds: list[float] = dataclasses.field(default_factory=list)
    losses: list[float] = dataclasses.field(default_factory=list)
    accuracies: list[float] = dataclasses.field(default_factory=list)


class Progress:
    """A line on stderr that is rewritten where it is a terminal."""

    def __init__(self):
        self._redraw = sys.stderr.isatty()
        self._shown = 0.0

    def __call__(self, text: str, done: bool = False) -> None:
        """Shows `text`; intermediate ones a few times a second, or only when `done`."""
        now = time.monotonic()
        if done or (self._redraw and now - self._shown > 0.2):
            self._shown = now
            start, end = ("\r\x1b[K", "") if self._redraw else ("", "\n")
            print(start + text, end="\n" if done else end, file=sys.stderr, flush=True)


def train_in_turns(
    steps: dict[str, Any], results: dict[str, Result], data: Digits, seed: int, options: Any
) -> None:
    """Trains one seed with every step, a batch at a time, and adds to `results`."""
    progress = Progress()
    params = init(jax.random.key(seed), options.blocks)
    state = {name: (params, jax.tree.map(jnp.zeros_like, params)) for name in steps}
    tail: dict[str, list[float]] = {name: [] for name in steps}
    batches = data.batches(seed, options.batch)
    for index in range(options.steps):
        x, y = next(batches)
        rate = options.rate * 0.5 * (1 + np.cos(np.pi * index / options.steps))
        for name, step in steps.items():
            start = time.perf_counter()
            loss, *state[name] = jax.block_until_ready(step(*state[name], x, y, np.float32(rate)))
            results[name].seconds.append(time.perf_counter() - start)
            tail[name].append(float(loss))
        text = ", ".join(f"{n} {np.mean(t[-20:]):.4f}" for n, t in tail.items())
        last = index + 1 == options.steps
        progress(f"seed {seed}, step {index + 1}/{options.steps}, loss: {text}", done=last)
    for name, (trained, _) in state.items():
        results[name].losses.append(float(np.mean(tail[name][-20:])))
        results[name].accuracies.append(test_accuracy(trained, data))


def print_table(results: dict[str, Result]) -> None:
    """Prints one row per way of compiling the step."""

    def spread(values: list[float]) -> str:
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        return f"{statistics.mean(values):.4f} ± {deviation:.4f}"

    exact = results["exact"]
    print(
        f"\n{'':<15}{'temp memory':>13}{'':>8}{'s/step':>9}{'':>8}"
        f"{'final loss':>19}{'test accuracy':>19}"
    )
    for name, r in results.items():
        ratio = statistics.median(t / e for t, e in zip(r.seconds, exact.seconds, strict=True))
        print(
            f"{name:<15}{r.temp_bytes / 1e6:>10.1f} MB"
            f"{f'{r.temp_bytes / exact.temp_bytes:.2f} x':>8}"
            f"{statistics.median(r.seconds):>9.3f}{f'{ratio:.2f} x':>8}"
            f"{spread(r.losses):>19}{spread(r.accuracies):>19}"
        )


def draw_live_bytes(steps: dict[str, Any], args: tuple, output: Path) -> None:
    """Writes the picture of live bytes, exact and approximated; says where, or why not."""
    try:
        curves = {
            name: live_bytes.of_step(step, *args)
            for name, step in steps.items()
            if name != "jax.checkpoint"
        }
    except Exception as error:
        print(f"skipped: picture of live bytes ({error})", file=sys.stderr)
        return
    live_bytes.draw(curves, output, "Bytes live over one training step on digits, before XLA fuses")
    print(f"\nbytes live over the program: {output}")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--steps", type=int, default=200, help="of training per seed (default: %(default)s)")
    add("--seeds", type=int, default=3, help="number of runs (default: %(default)s)")
    add("--blocks", type=int, default=3, help="residual blocks per stage (default: %(default)s)")
    add("--batch", type=int, default=64, help="images per step (default: %(default)s)")
    add("--rate", type=float, default=0.1, help="initial learning rate (default: %(default)s)")
    add(
        "--picture",
        type=Path,
        default=Path("live-bytes.png"),
        metavar="FILE",
        help="where to write the picture (default: %(default)s)",
    )
    options = parser.parse_args()
    if min(options.steps, options.seeds, options.blocks, options.batch) < 1:
        parser.error("--steps, --seeds, --blocks and --batch must be at least 1")
    return options


def main() -> None:
    """Command line; see --help."""
    options = parse_arguments()
    data = Digits.load()
    params = init(jax.random.key(0), options.blocks)
    x, y = next(data.batches(0, options.batch))
    args = (params, jax.tree.map(jnp.zeros_like, params), x, y, np.float32(0))
    steps, compiled, results = compiled_four_ways(), {}, {}
    for name, step in steps.items():
        print(f"compiling {name}", file=sys.stderr)
        compiled[name] = step.lower(*args).compile()
        memory = compiled[name].memory_analysis()
        results[name] = Result(memory.temp_size_in_bytes)
        jax.block_until_ready(compiled[name](*args))
    for seed in range(options.seeds):
        train_in_turns(compiled, results, data, seed, options)
    print_table(results)
    draw_live_bytes(steps, args, options.picture)


if __name__ == "__main__":
    main()
