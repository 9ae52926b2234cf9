# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The table of residuals, from the compiler's remarks."""

import json

import jax
import jax.numpy as jnp
import pytest

import approx_act
from approx_act import report

REMARK = """--- !{kind}
Pass:            approx-act
Name:            {name}
Function:        main
Args:
  - value:           'tensor<8x4xf32>'
  - op:              stablehlo.tanh
  - bits:            '{bits}'
  - bytes_before:    '128'
  - bytes_after:     '{after}'
  - reason:          {reason}
  - source:          '{source}'
...
"""


def remarks():
    source = f"{__file__}:{step.__code__.co_firstlineno + 1}"
    code = REMARK.format(
        kind="Passed",
        name="quantized",
        bits=4,
        after=16,
        reason="operand of a product",
        source=source,
    )
    exact = REMARK.format(
        kind="Missed", name="kept-exact", bits=32, after=128, reason="denominator", source=""
    )
    return code * 2 + exact


def step(x):
    return jnp.sum(jnp.tanh(x))


X = jnp.ones((8, 4))


def test_rows_and_totals(fake):
    fake.install(remarks=remarks())
    table = approx_act.residuals(step, X, bits=8)
    assert len(table) == 3
    assert table.bytes_before == 384
    assert table.bytes_after == 160
    assert table[0].stored == "code"
    assert table[0].source_line == "return jnp.sum(jnp.tanh(x))"
    assert table[2].source_line == ""
    assert "bits=8 " in fake.runs[0]


def test_prints_aligned(fake):
    fake.install(remarks=remarks())
    header, rule, code, exact, _, total = str(approx_act.residuals(step, X)).splitlines()
    assert code.split()[:7] == ["code", "2x", "8x4xf32", "4", "256", "B", "32"]
    assert "return jnp.sum(jnp.tanh(x))" in code
    for line in (code, exact):
        assert line.index("operand" if line is code else "denominator") == header.index("why")
    assert total.split() == ["total", "3x", "384", "B", "160", "B"]
    assert set(rule) == {"-"}


def test_is_plain_data(fake):
    fake.install(remarks=remarks())
    table = approx_act.residuals(step, X)
    data = json.loads(json.dumps(table.to_dict()))
    assert data["bytes_after"] == 160
    assert data["residuals"][0]["reason"] == "operand of a product"


def test_options_of_an_approximated_step_come_along(fake):
    for made in (approx_act.jit(step, bits=2), approx_act.approximate(step, bits=2)):
        approx_act.residuals(made, X)
        assert "bits=2 " in fake.runs[-1]
        approx_act.residuals(made, X, bits=8)
        assert "bits=8 " in fake.runs[-1]


def test_static_arguments_and_shapes(fake):
    def powered(x, n):
        return jnp.sum(x**n)

    shape = jax.ShapeDtypeStruct((8, 4), jnp.float32)
    approx_act.residuals(powered, shape, 2, static_argnums=1)
    approx_act.residuals(approx_act.jit(powered, static_argnames="n"), shape, n=2)
    approx_act.residuals(jax.jit(powered, static_argnums=1), shape, 2)
    assert len(fake.runs) == 3


def test_nothing_kept(fake):
    assert str(approx_act.residuals(step, X)).startswith("no residuals")


def test_bytes_for_people():
    assert [report.format_bytes(n) for n in (0, 999, 1000, 12_345_678, 5_000_000_000)] == [
        "0 B",
        "999 B",
        "1.00 kB",
        "12.35 MB",
        "5.00 GB",
    ]


def test_long_lines_are_cut(fake):
    long = report._describe("/home/me/model.py:3", "x = " + "a + " * 50 + "b")
    assert long.startswith("me/model.py:3  x = a + ")
    assert long.endswith("…")
    assert len(long) < 70


def test_unknown_loss_is_an_error(fake):
    with pytest.raises(approx_act.ApproxActError, match="name it with forward="):
        approx_act.residuals(lambda x: (x, x.sum(), x.max()), X)
    assert fake.runs == []
