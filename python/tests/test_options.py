# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Options are checked early and reach the compiler."""

import fractions

import jax
import jax.numpy as jnp
import pytest

import approx_act
from approx_act.options import Options


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bits": 3}, "bits must be one of 8, 4, 2, not 3"),
        ({"range": "max"}, "range must be one of 'auto'"),
        ({"granularity": "row"}, "granularity must be one of"),
        ({"rounding": "up"}, "rounding must be one of"),
        ({"sigma": -1.0}, "sigma must be positive"),
        ({"min_fraction": 2}, "min_fraction must be from 0 to 1"),
        ({"sigma": float("inf")}, "sigma must be positive and fit 32 bits"),
        ({"sigma": float("nan")}, "sigma must be positive and fit 32 bits"),
        ({"sigma": 1e40}, "sigma must be positive and fit 32 bits"),
        ({"sigma": True}, "sigma must be positive and fit 32 bits, not True"),
        ({"seed": -1}, "seed must not be negative"),
        ({"seed": 2**32}, "less than 2\\*\\*32"),
        ({"group_size": 0}, "group_size must be positive"),
    ],
)
def test_bad_values_are_refused_when_the_function_is_made(options, message):
    for make in (approx_act.jit, approx_act.approximate):
        with pytest.raises(ValueError, match=message):
            make(lambda x: x, **options)
    with pytest.raises(ValueError, match=message):
        approx_act.jit(**options)  # the decorator


def test_forward_of_another_type_is_refused():
    with pytest.raises(TypeError, match="forward must be a result index"):
        approx_act.jit(lambda x: x, forward=0.5)


def test_pipeline_names_every_option():
    options = Options(
        bits=8,
        range="absmax",
        sigma=4.0,
        granularity="group",
        group_size=32,
        rounding="stochastic",
        seed=7,
        min_fraction=0.1,
    )
    assert options.pipeline([2, 5]) == (
        "bits=8 range=absmax sigma=4.0 granularity=group group-size=32 rounding=stochastic "
        "seed=7 min-fraction=0.1 forward-results=2,5 target=stablehlo"
    )
    assert Options().pipeline([]) == (
        "bits=4 range=auto granularity=auto rounding=nearest seed=0 target=stablehlo"
    )


def test_numbers_are_written_as_the_compiler_reads_them():
    words = Options(sigma=fractions.Fraction(1, 4), min_fraction=1, seed=True).pipeline([])
    assert "sigma=0.25 " in words
    assert "min-fraction=1.0 " in words
    assert "seed=1 " in words


OUT = jax.tree.structure(({"a": 0, "b": [0, 0]}, 0, {"loss": 0}))


@pytest.mark.parametrize(
    "forward, expected",
    [
        (None, ()),
        (3, (3,)),
        (-1, (4,)),
        ([4, 0], (4, 0)),
        (lambda out: out[2]["loss"], (4,)),
        (lambda out: (out[2]["loss"], out[0]["b"]), (4, 1, 2)),
    ],
)
def test_forward_becomes_flat_indices(forward, expected):
    assert Options(forward=forward).forward_indices(OUT) == expected


@pytest.mark.parametrize("forward", [5, -6, lambda out: None, lambda out: 3])
def test_forward_that_names_no_leaf_is_refused(forward):
    with pytest.raises(ValueError, match="forward"):
        Options(forward=forward).forward_indices(OUT)


def test_forward_reaches_the_compiler(fake):
    def step(x):
        return {"metrics": x * 2, "z": jnp.sum(x)}

    approx_act.jit(step, forward=lambda out: out["z"], bits=8)(jnp.ones(3))
    assert "forward-results=1 " in fake.runs[0]
    assert "bits=8 " in fake.runs[0]
