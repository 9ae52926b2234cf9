# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiler is found, run and understood."""

import os

import pytest

from approx_act import tool

REMARKS = """--- !Passed
Pass:            approx-act
Name:            quantized
DebugLoc:        { File: step.py, Line: 3, Column: 5 }
Function:        main
Args:
  - value:           'tensor<8x4xf32>'
  - bits:            '4'
  - reason:          operand of a product
...
--- !Missed
Pass:            approx-act
Name:            unchanged
Function:        main
Args:
  - reason:          'control flow: not handled'
...
"""


def test_environment_comes_first(fake):
    assert tool.find_tool() == os.environ[tool.ENVIRONMENT_VARIABLE]


def test_environment_naming_nothing_is_an_error(monkeypatch):
    monkeypatch.setenv(tool.ENVIRONMENT_VARIABLE, "/no/such/file")
    with pytest.raises(tool.ApproxActError, match="/no/such/file is not an executable"):
        tool.find_tool()


def make_executable(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_order_without_environment(monkeypatch, tmp_path):
    monkeypatch.delenv(tool.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(tool, "__file__", str(tmp_path / "python/approx_act/tool.py"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    with pytest.raises(tool.ApproxActError, match="cannot find approx-act-opt"):
        tool.find_tool()
    for place in ("path", "build/bin", "python/approx_act/bin"):
        expected = make_executable(tmp_path / place / tool.TOOL)
        assert tool.find_tool() == expected


def test_order_of_the_library(monkeypatch, tmp_path):
    monkeypatch.delenv(tool.LIBRARY_VARIABLE, raising=False)
    monkeypatch.setattr(tool, "__file__", str(tmp_path / "python/approx_act/tool.py"))
    make_executable(tmp_path / "prefix/bin" / tool.TOOL)
    monkeypatch.setenv("PATH", str(tmp_path / "prefix/bin"))
    with pytest.raises(tool.ApproxActError, match="cannot find libapprox_act_program.so"):
        tool.find_library()
    for place in ("prefix/lib", "build/lib", "python/approx_act/lib"):
        expected = make_executable(tmp_path / place / tool.LIBRARY)
        assert tool.find_library() == expected
    monkeypatch.setenv(tool.LIBRARY_VARIABLE, "/no/such/file")
    with pytest.raises(tool.ApproxActError, match="/no/such/file is not a file"):
        tool.find_library()


def test_order_of_the_toolkit(monkeypatch, tmp_path):
    for variable in ("CUDA_ROOT", "CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(variable, raising=False)
    make_executable(tmp_path / "nvidia/cu13/bin/ptxas")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert tool.find_toolkit() == str(tmp_path / "nvidia/cu13")
    monkeypatch.setenv("CUDA_HOME", "/mine")
    assert tool.find_toolkit() == "/mine"


def test_run_returns_text_and_remarks(fake):
    fake.install(remarks=REMARKS)
    result = tool.run("module {}\n", "bits=8 target=stablehlo")
    assert result.text == "module {}\n"
    assert [(r.kind, r.name) for r in result.remarks] == [
        ("Passed", "quantized"),
        ("Missed", "unchanged"),
    ]
    assert result.remarks[0].args["value"] == "tensor<8x4xf32>"
    assert result.unchanged is result.remarks[1]
    assert result.unchanged.args == {"reason": "control flow: not handled"}
    assert "--approx-act-pipeline=bits=8 target=stablehlo" in fake.runs[0]


def test_failure_shows_diagnostic_and_source_line(fake, tmp_path):
    source = tmp_path / "step.py"
    source.write_text("import jax\nloss = jax.numpy.sum(x)\n")
    fake.install(action=f"echo '{source}:2:8: error: no scalar float result' >&2; exit 1")
    with pytest.raises(tool.ApproxActError) as info:
        tool.run("", "")
    (diagnostic,) = info.value.diagnostics
    assert (diagnostic.file, diagnostic.line, diagnostic.column) == (str(source), 2, 8)
    assert f"{source}:2:8: error: no scalar float result" in str(info.value)
    assert "loss = jax.numpy.sum(x)" in str(info.value)


def test_source_line_is_shown_once():
    text = f"{__file__}:2:1: error: one\n{__file__}:2:9: note: two\nmore of it"
    error = tool.ApproxActError("no", tool.parse_diagnostics(text))
    assert str(error).splitlines() == [
        "no",
        f"{__file__}:2:1: error: one",
        '    """The compiler is found, run and understood."""',
        f"{__file__}:2:9: note: two",
    ]


def test_failure_without_diagnostic_shows_everything(fake):
    fake.install(action="echo 'Unknown command line argument' >&2; exit 2")
    with pytest.raises(tool.ApproxActError, match="Unknown command line argument"):
        tool.run("", "")


def test_crash_is_named(fake):
    fake.install(action="kill -ABRT $$")
    with pytest.raises(tool.ApproxActError, match="ended by signal 6"):
        tool.run("", "")


@pytest.mark.parametrize("action", ["exec cat", "exit 1"])
def test_no_file_is_left_behind(fake, monkeypatch, tmp_path, action):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fake.install(action=action, remarks=REMARKS)
    try:
        tool.run("module {}", "")
    except tool.ApproxActError:
        pass
    assert list(tmp_path.iterdir()) == []


def test_unknown_location():
    (diagnostic,) = tool.parse_diagnostics("<unknown>:0: error: something")
    assert str(diagnostic) == "error: something"
