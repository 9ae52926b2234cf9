# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs modules one after the other in one process, and says how each ended.

sessions.py [thread] [limit] MODULE ...

`thread` before a module runs it in a thread of its own, `limit` with a gigabyte of
addresses more than there are. Arguments and results are zeros.
"""

import resource
import sys
import threading
from pathlib import Path

from approx_act import ApproxActError, _library


def run(path: str) -> None:
    """Loads a module, and runs it once."""
    try:
        program = _library.Program(Path(path).read_bytes())
        parameters = (*program.arguments, *program.results)
        memories = [program.allocate(p.bytes) for p in parameters]
        for memory, p in zip(memories, parameters, strict=True):
            program.copy(memory.pointer, bytes(p.bytes), p.bytes)
        program.run([memory.pointer for memory in memories])
    except ApproxActError as error:
        print(f"{Path(path).stem}: {error}", flush=True)
    else:
        print(f"{Path(path).stem}: runs", flush=True)


def run_limited(path: str) -> None:
    """Runs it where not much more memory can be had."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limits[1]))
    run(path)
    resource.setrlimit(resource.RLIMIT_AS, limits)


words = set()
for word in sys.argv[1:]:
    if word in ("thread", "limit"):
        words.add(word)
        continue
    work = run_limited if "limit" in words else run
    if "thread" in words:
        thread = threading.Thread(target=work, args=(word,))
        thread.start()
        thread.join()
    else:
        work(word)
    words.clear()
