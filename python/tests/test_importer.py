# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every form of a program comes in, with its locations and shardings, and out."""

import dataclasses
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

import approx_act
from approx_act import importer, tool


def step(w, x):
    def loss(w):
        return jnp.sum(jnp.tanh(x @ w) ** 2)

    return jax.value_and_grad(loss)(w)


# Where the tanh comes from, as locations spell it.
TANH = f'"{__file__}":{step.__code__.co_firstlineno + 2}:'

W, X = jnp.eye(4), jnp.ones((8, 4))


def lowered_module(fun=step, *args):
    return jax.jit(fun).lower(*(args or (W, X))).compiler_ir("stablehlo")


def to_pretty(module):
    return module.operation.get_asm(enable_debug_info=True)


def to_pretty_bytes(module):
    return to_pretty(module).encode()


FORMS = {
    "pretty text": to_pretty,
    "pretty text as bytes": to_pretty_bytes,
    "generic text": importer.to_text,
    "bytecode": importer.to_bytecode,
    "portable artifact": importer.to_portable_artifact,
}


@pytest.mark.parametrize("form", FORMS)
def test_form_is_read_with_locations(form):
    text = approx_act.import_module(FORMS[form](lowered_module()))
    assert '"stablehlo.tanh"' in text
    assert '"func.func"' in text  # the generic form
    assert TANH in text
    assert approx_act.import_module(text) == text


def without_locations(text):
    module = importer.load(text)
    # Pretty text also leaves empty argument attributes out.
    return module.operation.get_asm()


def test_text_and_bytecode_agree():
    """Up to locations, for which pretty text has no place in reductions."""
    texts = [
        without_locations(FORMS[form](lowered_module()))
        for form in FORMS
        if form != "portable artifact"
    ]
    assert len(set(texts)) == 1


def test_module_and_exported_are_read_with_locations():
    exported = jax.export.export(jax.jit(step))(W, X)
    assert TANH in approx_act.import_module(exported)
    assert TANH in approx_act.import_module(lowered_module())


def test_shardings_are_kept():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    x = jax.device_put(X, NamedSharding(mesh, P("data")))
    w = jax.device_put(W, NamedSharding(mesh, P()))
    for form in (importer.to_text, importer.to_bytecode):
        text = approx_act.import_module(form(lowered_module(step, w, x)))
        assert '"sdy.mesh"' in text
        assert '#sdy.sharding<@mesh, [{"data"}, {}]>' in text


def test_chlo_is_legalised():
    module = lowered_module(jax.scipy.special.erf, X)
    assert "chlo.erf" in str(module)
    assert "chlo." not in approx_act.import_module(module).split("#loc")[0]


def test_file(tmp_path):
    path = tmp_path / "step.mlirbc"
    path.write_bytes(importer.to_bytecode(lowered_module()))
    assert approx_act.import_module(path) == approx_act.import_module(lowered_module())


INVALID = {
    "syntax": ('module {\n  "stablehlo.tanh"(%0 : () -> ()\n}', ":2:"),
    "unknown operation": ('module {\n  "stablehlo.no_such"() : () -> ()\n}', ":2:3"),
    "types": (
        "func.func @main(%a: tensor<2xf32>) -> tensor<3xf32> {\n"
        "  %0 = stablehlo.add %a, %a : tensor<2xf32>\n"
        "  return %0 : tensor<2xf32>\n}",
        ":3:",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_text_is_refused_with_location(case):
    text, where = INVALID[case]
    with pytest.raises(approx_act.ApproxActError, match=f"step.mlir{where}") as info:
        approx_act.import_module(text, name="step.mlir")
    assert info.value.diagnostics


@pytest.mark.parametrize(
    "blob", [b"\xff\xfe\xfd", b"ML\xefR", b"ML\xefR\x01StableHLO_v1.0.0\x00", b"\x00" * 64]
)
def test_invalid_bytes_are_refused(blob):
    with pytest.raises(approx_act.ApproxActError, match="program.bin"):
        approx_act.import_module(blob, name="program.bin")


def test_truncated_bytecode_is_refused():
    blob = importer.to_bytecode(lowered_module())
    with pytest.raises(approx_act.ApproxActError):
        approx_act.import_module(blob[: len(blob) // 2])


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="cannot import a int"):
        approx_act.import_module(3)


def random_step(w, x, key):
    mask = jax.random.bernoulli(key, 0.5, x.shape)
    return step(w, jnp.where(mask, x, 0.0))


def test_way_back_runs():
    """A key brings sharding operations into the export, a trap on the way back."""
    args = W, X, jax.random.key(0)
    exported = jax.export.export(jax.jit(random_step))(*args)
    text = approx_act.import_module(exported)
    # Something visible: the tanh becomes a logistic.
    logistic = text.replace("stablehlo.tanh", "stablehlo.logistic")
    rewritten = approx_act.to_exported(logistic, exported)
    same = approx_act.to_exported(text, exported)

    expected = jax.jit(random_step)(*args)
    actual = jax.jit(same.call)(*args)
    jax.tree.map(np.testing.assert_array_equal, actual, expected)
    assert jax.jit(rewritten.call)(*args)[0] != expected[0]


def test_way_back_refuses_another_type():
    exported = jax.export.export(jax.jit(step))(W, X)
    other = lowered_module(step, W, jnp.ones((2, 4)))
    with pytest.raises(approx_act.ApproxActError, match="tensor<2x4xf32>.*tensor<8x4xf32>"):
        approx_act.to_exported(importer.to_text(other), exported)


COMMAND = "import sys; from approx_act.importer import main; sys.exit(main())"


def run_command(*args, stdin=b""):
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, args)],
        input=stdin,
        capture_output=True,
    )


def test_command_reads_stdin_and_writes_stdout():
    process = run_command(stdin=importer.to_bytecode(lowered_module()))
    assert process.returncode == 0, process.stderr
    assert process.stderr == b""
    assert process.stdout.decode() == approx_act.import_module(lowered_module())


def test_command_reports_errors_without_traceback(tmp_path):
    path = tmp_path / "bad.mlir"
    path.write_text("module {\n  bad\n}")
    process = run_command(path)
    assert process.returncode == 1
    assert process.stdout == b""
    assert f"{path}:2:3: error:" in process.stderr.decode()
    assert b"Traceback" not in process.stderr


def test_command_without_file(tmp_path, capsys):
    assert importer.main([str(tmp_path / "none.mlir")]) == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["generic", "pretty", "bytecode", "portable"])
def test_command_writes_every_form(form, tmp_path):
    source, target = tmp_path / "in.mlir", tmp_path / "out"
    source.write_text(approx_act.import_module(lowered_module()))
    assert importer.main([str(source), f"--emit={form}", "-o", str(target)]) == 0
    text = approx_act.import_module(target)
    assert '"stablehlo.tanh"' in text
    assert TANH in text


def test_composites_keep_their_decomposition():
    """jax.export makes one of top_k, and what it consists of is a private function."""

    def step(w, x):
        def loss(w):
            best, _ = jax.lax.top_k(jnp.tanh(x @ w), 4)
            return jnp.mean(best**2)

        return jax.value_and_grad(loss)(w)

    exported = jax.export.export(jax.jit(step))(W, X)
    rewritten = tool.run(approx_act.import_module(exported), "bits=4 min-fraction=0")
    assert '"stablehlo.composite"' in rewritten.text
    again = approx_act.to_exported(rewritten.text, exported).call(W, X)
    np.testing.assert_allclose(again[0], step(W, X)[0], rtol=1e-6)


def test_damaged_export_is_an_error():
    exported = jax.export.export(jax.jit(step))(W, X)
    damaged = dataclasses.replace(exported, mlir_module_serialized=b"ML\xefR nothing")
    with pytest.raises(approx_act.ApproxActError, match="is not valid StableHLO"):
        approx_act.import_module(damaged)
    with pytest.raises(approx_act.ApproxActError, match="is not valid StableHLO"):
        approx_act.to_exported(exported, damaged)


def test_command_reads_a_serialized_export(tmp_path):
    path = tmp_path / "step.jax"
    path.write_bytes(jax.export.export(jax.jit(step))(W, X).serialize())
    assert '"stablehlo.tanh"' in approx_act.import_module(path)


def test_command_lowers_to_linalg_but_not_the_ops_of_the_project(tmp_path):
    source, target = tmp_path / "in.mlir", tmp_path / "out"
    source.write_text(
        "func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {\n"
        '  %0 = "stablehlo.tanh"(%x) : (tensor<8xf32>) -> tensor<8xf32>\n'
        '  %1 = "approx_act.barrier"(%0) : (tensor<8xf32>) -> tensor<8xf32>\n'
        "  return %1 : tensor<8xf32>\n"
        "}\n"
    )
    assert importer.main([str(source), "--emit=linalg", "-o", str(target)]) == 0
    text = target.read_text()
    assert '"linalg.generic"' in text
    assert '"math.tanh"' in text
    assert '"approx_act.barrier"' in text
    assert "stablehlo" not in text


@pytest.mark.parametrize("padding", ["", "padding = dense<[[1, -1]]> : tensor<1x2xi64>, "])
def test_gradients_of_poolings_are_left_to_the_compiler(padding):
    windows = "window_dimensions = array<i64: 2>, window_strides = array<i64: 2>"
    text = importer.to_linalg(
        importer.load(f"""
        func.func @main(%x: tensor<8xf32>, %s: tensor<4xf32>, %i: tensor<f32>) -> tensor<8xf32> {{
          %0 = "stablehlo.select_and_scatter"(%x, %s, %i) <{{{padding}{windows}}}> ({{
          ^bb0(%a: tensor<f32>, %b: tensor<f32>):
            %1 = stablehlo.compare GE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
            stablehlo.return %1 : tensor<i1>
          }}, {{
          ^bb0(%a: tensor<f32>, %b: tensor<f32>):
            %1 = stablehlo.add %a, %b : tensor<f32>
            stablehlo.return %1 : tensor<f32>
          }}) : (tensor<8xf32>, tensor<4xf32>, tensor<f32>) -> tensor<8xf32>
          return %0 : tensor<8xf32>
        }}""")
    )
    assert f'"stablehlo.select_and_scatter"(%arg0, %arg1, %arg2) <{{{padding}{windows}}}>' in text
    assert '"linalg.generic"' in text
    assert "hidden" not in text
