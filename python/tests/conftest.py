# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests share: devices, stand-ins for the compiler, small models."""

import os

# Before JAX starts: eight devices, so that shardings mean something.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)

import dataclasses  # noqa: E402
import warnings  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

from approx_act import tool  # noqa: E402

_SCRIPT = """#!/bin/sh
echo "$@" >> {log}
for argument in "$@"; do
  case "$argument" in
    --remarks-output-file=*) cp {remarks} "${{argument#*=}}" ;;
  esac
done
{action}
"""


@dataclasses.dataclass
class FakeCompiler:
    """A compiler that does what a test says, and counts its runs."""

    directory: Path
    monkeypatch: pytest.MonkeyPatch

    def install(self, action: str = "exec cat", remarks: str = "") -> None:
        """Makes the fake the compiler; by default it returns its input."""
        script = self.directory / tool.TOOL
        (self.directory / "remarks.yaml").write_text(remarks)
        script.write_text(
            _SCRIPT.format(log=self._log, remarks=self.directory / "remarks.yaml", action=action)
        )
        script.chmod(0o755)
        self.monkeypatch.setenv(tool.ENVIRONMENT_VARIABLE, str(script))

    @property
    def _log(self) -> Path:
        return self.directory / "runs.log"

    @property
    def runs(self) -> list[str]:
        """The command lines so far."""
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture(autouse=True)
def no_warnings():
    """A step that is left exact fails a test that does not expect it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", tool.ApproxActWarning)
        yield


@pytest.fixture(params=["fake", "compiler"])
def any_compiler(request):
    """The stand-in that changes nothing, then the compiler itself."""
    if request.param == "fake":
        request.getfixturevalue("fake")
    return request.param


@pytest.fixture
def fake(tmp_path_factory, monkeypatch):
    """A compiler that changes nothing, for what Python alone is responsible for."""
    compiler = FakeCompiler(tmp_path_factory.mktemp("compiler"), monkeypatch)
    compiler.install()
    return compiler
