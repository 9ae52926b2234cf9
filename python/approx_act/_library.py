# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The library that runs programs with kernels, by its C interface.

``libapprox_act_program`` brings an MLIR of its own into the process.  It is loaded
with its symbols to itself, as jaxlib's are, and nothing of one is given to the
other but the addresses of arrays.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import json
import os
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from approx_act import tool
from approx_act.tool import ApproxActError

_Pointer = ctypes.c_void_p

# Results and arguments of the functions in approx-act-c/Program.h.
_FUNCTIONS = {
    "approxActGetError": (ctypes.c_char_p,),
    "approxActProgramLoad": (
        _Pointer,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_char_p,
    ),
    "approxActProgramDestroy": (None, _Pointer),
    "approxActProgramDescribe": (ctypes.c_char_p, _Pointer),
    "approxActProgramAllocate": (_Pointer, _Pointer, ctypes.c_uint64),
    "approxActMemoryGetPointer": (_Pointer, _Pointer),
    "approxActMemoryRelease": (ctypes.c_bool, _Pointer),
    "approxActMemoryExport": (_Pointer, _Pointer, ctypes.c_uint),
    "approxActProgramCopy": (ctypes.c_bool, _Pointer, _Pointer, _Pointer, ctypes.c_uint64),
    "approxActProgramRun": (ctypes.c_bool, _Pointer, ctypes.POINTER(_Pointer)),
    "approxActProgramStatistics": (ctypes.c_char_p, _Pointer),
    "approxActProgramWriteTrace": (ctypes.c_bool, _Pointer, ctypes.c_char_p),
}


@functools.cache
def _load(path: str) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(path)
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise ApproxActError(f"cannot load {path}: {error}") from error
    return library


@dataclasses.dataclass(frozen=True)
class Parameter:
    """An argument or a result of a program.

    Attributes:
      type: NumPy's name of the element type; of types that NumPy does not know,
        that of their bytes.
      shape: its sizes.
      bytes: its size in memory.
    """

    type: str
    shape: tuple[int, ...]
    bytes: int


class Program:
    """A lowered module in this process, ready to run.

    Attributes:
      arguments, results: the parameters of its function, ``main``.
      launches: how often a run launches each kernel, by the kernels' names.
      calls: how often it calls each of the runtime's contractions.
      strict: whether the option of that name is in force, from ``options`` or from
        the environment.

    Methods raise :class:`ApproxActError` when the device does something wrong, or
    when there is none.
    """

    def __init__(self, module: bytes, options: Sequence[str] = ()):
        """Loads ``module``, in MLIR's text or bytecode; ``options`` are the runtime's."""
        self._library = _load(tool.find_library())
        self._handle = self._library.approxActProgramLoad(
            module, len(module), b"main", ",".join(options).encode()
        )
        if not self._handle:
            raise self._error()
        # A run and what is asked of it.
        self._lock = threading.Lock()
        # Also when Python ends, while there is still something to unload it with.
        weakref.finalize(self, self._library.approxActProgramDestroy, self._handle)
        description = json.loads(self._library.approxActProgramDescribe(self._handle))
        self.arguments, self.results = (
            [Parameter(p["type"], tuple(p["shape"]), p["bytes"]) for p in description[key]]
            for key in ("arguments", "results")
        )
        self.launches: dict[str, int] = description["launches"]
        self.calls: dict[str, int] = description["calls"]
        self.strict: bool = description["strict"]

    def _error(self) -> ApproxActError:
        return ApproxActError(self._library.approxActGetError().decode(errors="replace"))

    def allocate(self, size: int) -> Memory:
        """Allocates ``size`` bytes on the device, which are not initialised."""
        handle = self._library.approxActProgramAllocate(self._handle, size)
        if not handle:
            raise self._error()
        return Memory(self, handle)

    def copy(self, to: int, source: int, size: int) -> None:
        """Copies bytes between addresses of the device and the host, in any direction."""
        if not self._library.approxActProgramCopy(self._handle, to, source, size):
            raise self._error()

    def run(self, pointers: Sequence[int]) -> dict[str, Any]:
        """Runs on addresses on the device, of the arguments and then of the results.

        Returns:
          What is known of the run; see ``approxActProgramStatistics``.
        """
        assert len(pointers) == len(self.arguments) + len(self.results)
        with self._lock:
            if not self._library.approxActProgramRun(
                self._handle, (_Pointer * len(pointers))(*pointers)
            ):
                raise self._error()
            return json.loads(self._library.approxActProgramStatistics(self._handle))

    def write_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes a trace of the last run."""
        if not self._library.approxActProgramWriteTrace(self._handle, os.fsencode(path)):
            raise self._error()


class Memory:
    """Memory of a program on its device; it is freed with the object.

    Attributes:
      pointer: its address.
    """

    def __init__(self, program: Program, handle: int):
        self._program = program
        self._handle = handle
        self.pointer: int = program._library.approxActMemoryGetPointer(handle)
        self._finalizer = weakref.finalize(self, program._library.approxActMemoryRelease, handle)

    def release(self) -> None:
        """Frees the memory now, or when what it was exported to has ended.

        Raises:
          ApproxActError: in strict mode, a kernel wrote beside it.
        """
        if self._finalizer.detach() and not self._program._library.approxActMemoryRelease(
            self._handle
        ):
            raise self._program._error()

    def export(self, result: int) -> int | None:
        """Shares the memory, as result number ``result``, by DLPack.

        Returns:
          The address of a ``DLManagedTensor``, or ``None`` where DLPack has no such
          element type.
        """
        return self._program._library.approxActMemoryExport(self._handle, result)
