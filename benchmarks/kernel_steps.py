# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs a training step as kernels, in strict mode, and compares with XLA's run of it.

A step is `(params, x, y) -> (loss, params)`.  Both sides run the same rewritten
program.  XLA adds in another order, so an activation that lies on the edge between
two cells may be stored as the one or the other: codes are compared with those that
XLA makes of the very activations that the kernels had, where every bit has to agree.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as jax_export
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func

from approx_act import importer, tool
from models import mlp, resnet


@dataclasses.dataclass
class Model:
    """A step with its arguments `(params, x, y)`."""

    step: Callable
    args: tuple

    @functools.cached_property
    def exported(self) -> jax_export.Exported:
        """The step, exported for arguments of these shapes."""
        return jax_export.export(jax.jit(self.step))(*self.args)

    @functools.cached_property
    def text(self) -> str:
        """The step as StableHLO that the compiler reads."""
        return importer.import_module(self.exported)

    @property
    def leaves(self) -> list[np.ndarray]:
        """All arguments, in the order of the program."""
        return [np.asarray(a) for a in jax.tree.leaves(self.args)]


def sgd(step: Callable, rate: float) -> Callable:
    """`(params, x, y) -> (loss, params)` of a step that gives gradients."""

    def train(params: Any, x: jax.Array, y: jax.Array) -> tuple[jax.Array, Any]:
        loss, gradients = step(params, x, y)
        return loss, jax.tree.map(lambda p, g: p - rate * g, params, gradients)

    return train


def perceptron() -> Model:
    """A perceptron of three layers, batch 32."""
    generator = np.random.default_rng(0)
    params = mlp.init(jax.random.key(0), (64, 96, 80, 10))
    x = generator.standard_normal((32, 64)).astype(np.float32)
    labels = generator.integers(0, 10, 32).astype(np.int32)
    return Model(sgd(mlp.step, 0.1), (params, x, labels))


def residual(depth: int, batch: int, size: int, rate: float = 0.01) -> Model:
    """A pre-activation ResNet for images of `size` x `size`; depth is 9n + 2."""
    config = resnet.Config.of_depth(depth, 10)
    layer = functools.partial(resnet.exact_layer, norm=resnet.BATCH_NORMS["hand"])
    params = resnet.init(jax.random.key(0), config)
    data = resnet.random_batch(jax.random.key(1), batch=batch, config=config, size=size)
    return Model(sgd(resnet.make_step(config, layer=layer), rate), (params, *data))


def opt(text: str, *flags: str) -> str:
    """Runs the compiler on a module, and returns the module in generic form."""
    command = [tool.find_tool(), "-", "--mlir-print-op-generic", "--mlir-print-debuginfo", *flags]
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def rewrite(model: Model, bits: int) -> str:
    """The step with codes of so many bits; exact for 0."""
    return opt(model.text, f"--approx-act-pipeline=bits={bits} target=approx_act")


def lower(codes: str) -> str:
    """A step with codes as host program with kernels for the CPU."""
    linalg = importer.to_linalg(importer.load(codes))
    return opt(linalg, "--approx-act-to-gpu=format=llvm")


def run(kernels: str, leaves: Sequence[np.ndarray], *flags: str) -> list[np.ndarray]:
    """All results of a host program, in strict mode."""
    runner = pathlib.Path(tool.find_tool()).with_name("approx-act-runner")
    with tempfile.TemporaryDirectory() as folder:
        step, inputs, outputs = (pathlib.Path(folder) / n for n in ("s.mlir", "i.npz", "o.npz"))
        step.write_text(kernels)
        np.savez(inputs, *leaves)
        command = [runner, step, f"--input={inputs}", f"--output={outputs}", "--strict"]
        subprocess.run([*command, *flags], check=True)
        with np.load(outputs) as archive:
            return [archive[f"arr_{i}"] for i in range(len(archive.files))]


def train(kernels: str, model: Model, steps: int, *flags: str) -> list[np.ndarray]:
    """The loss and the parameters after so many steps."""
    feed = ",".join(f"{i + 1}:{i}" for i in range(len(model.leaves) - 2))
    return run(kernels, model.leaves, f"--repeat={steps}", f"--feed={feed}", *flags)


def train_reference(codes: str, model: Model, steps: int) -> list[np.ndarray]:
    """The same by XLA."""
    text = opt(codes, "--convert-approx-act-to-stablehlo")
    compiled = jax.jit(importer.to_exported(text, model.exported).call)
    params, x, y = model.args
    loss = None
    for _ in range(steps):
        loss, params = compiled(params, x, y)
    return [np.asarray(a) for a in jax.tree.leaves((loss, params))]


def get_worst(actual: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """The greatest relative difference of an array."""
    return max(
        float(np.linalg.norm(a - e) / np.linalg.norm(e))
        for a, e in zip(actual, expected, strict=True)
    )


def get_errors(actual: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> tuple[float, float]:
    """Relative differences of the loss, and of all parameters as one vector.

    (Single parameters say little: sums in another order move a gradient that is
    nearly zero by much of its size, and now and then an element to the other side
    of a ReLU.)
    """
    vectors = [np.concatenate([p.ravel() for p in side[1:]]) for side in (actual, expected)]
    return get_worst(actual[:1], expected[:1]), get_worst(vectors[:1], vectors[1:])


#
# Codes
#


@dataclasses.dataclass
class Packing:
    """Ops that make words of codes or masks, the last of them first, each as text."""

    ops: list[str]
    operands: list[ir.Value]
    types: list[str]
    words: str

    @classmethod
    def ending_in(cls, pack: ir.Operation) -> Packing:
        """From the quantization, or for masks from the mask."""
        ops, op = [], pack
        while True:
            ops.append(_anonymous(op))
            operands = list(op.operands)
            if op.name.startswith("approx_act.quantize") or len(operands) != 1:
                break
            maker = operands[0].owner
            if isinstance(maker, ir.Block):
                break
            op = maker.operation
            if not op.name.startswith(("approx_act.quantize", "tensor.")):
                break
        types = [str(value.type) for value in operands]
        return cls(ops, operands, types, str(pack.results[0].type))


def expose(codes: str, with_operands: bool) -> tuple[str, list[Packing]]:
    """A step that also returns its packed codes, and perhaps what they are made of.

    Packed codes are in memory anyway; operands might not be, and whether that
    changes a bit of the codes is what the two forms are compared for.
    """
    module = importer.load(codes)
    packings: list[Packing] = []
    with module.context, ir.Location.unknown():
        main = next(op for op in module.body.operations if op.operation.name == "func.func")
        block = main.regions[0].blocks[0]
        terminator = block.operations[len(block.operations) - 1]
        results = list(terminator.operands)
        for op in block.operations:
            name = op.operation.name
            is_word = name.startswith("approx_act.quantize") and "xi8>" in str(op.results[0].type)
            if name != "approx_act.pack" and not is_word:
                continue
            packings.append(Packing.ending_in(op.operation))
            results.append(op.results[0])
            if with_operands:
                results.extend(packings[-1].operands)
        count = len(terminator.operands)
        terminator.operation.erase()
        with ir.InsertionPoint(block):
            func.ReturnOp(results)
        kind = ir.FunctionType.get([a.type for a in block.arguments], [r.type for r in results])
        main.attributes["function_type"] = ir.TypeAttr.get(kind)
        if "res_attrs" in main.attributes:
            known = list(main.attributes["res_attrs"])
            more = [ir.DictAttr.get({})] * (len(results) - count)
            main.attributes["res_attrs"] = ir.ArrayAttr.get(known + more)
    for packing in packings:
        packing.operands = []  # They do not outlive the module.
    return importer.to_text(module), packings


def _anonymous(op: ir.Operation) -> str:
    """An op in generic form, with `{result}` and `{operands}` in the place of names."""
    text = op.get_asm(print_generic_op_form=True).replace("{", "{{").replace("}", "}}")
    return re.sub(r'^%\S+ = ("[\w.]+")\([^)]*\)', r"{result} = \1({operands})", text)


def make_codes(packings: Sequence[Packing], operands: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The packed codes that XLA makes of all operands, packing by packing."""
    body, types, results = "", [], []
    for number, packing in enumerate(packings):
        names = ", ".join(f"%a{len(types) + i}" for i in range(len(packing.types)))
        types += packing.types
        for position, op in enumerate(reversed(packing.ops)):
            result = f"%w{number}_{position}"
            body += op.format(result=result, operands=names) + "\n"
            names = result
        results.append(names)
    words = [packing.words for packing in packings]
    arguments = ", ".join(f"%a{i}: {t}" for i, t in enumerate(types))
    text = f"""
"builtin.module"() ({{
  "func.func"() <{{function_type = ({", ".join(types)}) -> ({", ".join(words)}),
                   sym_name = "main", sym_visibility = "public"}}> ({{
  ^bb0({arguments}):
{body}
    "func.return"({", ".join(results)}) : ({", ".join(words)}) -> ()
  }}) : () -> ()
}}) : () -> ()
"""
    text = opt(text, "--convert-approx-act-to-stablehlo")

    def same_types(*args: jax.Array) -> list[jax.Array]:
        shapes = [re.findall(r"\d+(?=x)", word) for word in words]
        return [jnp.zeros([int(size) for size in shape], jnp.int8) for shape in shapes]

    exported = jax_export.export(jax.jit(same_types, keep_unused=True))(*operands)
    made = jax.jit(importer.to_exported(text, exported).call)(*operands)
    return [np.asarray(word) for word in made]


def check_codes(codes: str, model: Model) -> tuple[int, int]:
    """Checks the codes and masks of the first step.

    Returns:
      how many words of codes there are, and how many of them are others in XLA's
      run of the whole step, whose activations differ in the last bits.

    Raises:
      AssertionError: a word is not what XLA makes of the same activation, or its
        activation is not XLA's but for rounding.
    """
    count = len(model.leaves) - 1
    alone, packings = expose(codes, with_operands=False)
    words = run(lower(alone), model.leaves, "--poison")[count:]
    text, _ = expose(codes, with_operands=True)
    exposed = run(lower(text), model.leaves, "--poison")[count:]
    reference = _run_reference(opt(text, "--convert-approx-act-to-stablehlo"), model)[count:]
    operands: list[np.ndarray] = []
    total = differing = 0
    for word, packing in zip(words, packings, strict=True):
        number = len(packing.types)
        assert word.tobytes() == exposed[0].tobytes(), "an operand that is written changes codes"
        total += word.size
        differing += int(np.sum(word != reference[0]))
        for found, expected in zip(exposed[1 : number + 1], reference[1 : number + 1], strict=True):
            if found.dtype.kind == "f":
                np.testing.assert_allclose(
                    found, expected, rtol=1e-3, atol=1e-4 * np.max(np.abs(expected))
                )
        operands += exposed[1 : number + 1]
        exposed, reference = exposed[number + 1 :], reference[number + 1 :]
    for word, expected in zip(words, make_codes(packings, operands), strict=True):
        assert word.tobytes() == expected.tobytes(), "codes differ from XLA's of the same values"
    return total, differing


def _run_reference(text: str, model: Model) -> list[np.ndarray]:
    """The results of a StableHLO program that returns more than the step does."""
    module = importer.load(text)
    shapes = [
        (list(t.shape), str(t.element_type))
        for t in map(ir.RankedTensorType, importer.main_type(module).results)
    ]
    dtypes = {"f32": jnp.float32, "i8": jnp.int8, "i1": jnp.bool_, "i32": jnp.int32}

    def same_types(*args: jax.Array) -> list[jax.Array]:
        return [jnp.zeros(shape, dtypes[kind]) for shape, kind in shapes]

    exported = jax_export.export(jax.jit(same_types, keep_unused=True))(*model.leaves)
    made = jax.jit(importer.to_exported(text, exported).call)(*model.leaves)
    return [np.asarray(a) for a in made]
