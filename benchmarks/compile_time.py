#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How long it takes to compile training steps from StableHLO to a fatbin, by stages.

Times are of processors, children included, so that they hold on a machine that does
other things too; the last column is the clock's. The stages of the compiler are told
apart by stopping after them: each is what it takes longer than the one before.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from approx_act import importer, tool
from gpu import sgd_text

# Formats of --approx-act-to-gpu, in the order in which one goes through the other.
FORMATS = {"kernels": "gpu", "nvvm": "llvm", "ptx": "isa", "machine code": "fatbin"}
STAGES = ("import", "rewrite", "linalg", *FORMATS)


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def compiler(text: str, *flags: str) -> str:
    """Runs the compiler; ends the program if it fails."""
    command = [tool.find_tool(), "-", "--mlir-print-op-generic", "--mlir-print-debuginfo", *flags]
    # A file, for to read the text of a pipe takes this process as long as to write it.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(command, input=text, stdout=output, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        output.seek(0)
        return output.read()


def measure(depth: int, batch: int, bits: int, chips: list[str], repetitions: int) -> dict:
    """The figures of a network, each the least of some repetitions."""
    source = sgd_text("resnet", depth, batch)
    toolkit = tool.find_toolkit()
    seconds: dict[str, float] = {}
    clock: dict[str, float] = {}

    def take(stage: str, work: Callable[[], Any]) -> Any:
        for _ in range(repetitions):
            begin, begin_clock = processor_seconds(), time.monotonic()
            result = work()
            spent, waited = processor_seconds() - begin, time.monotonic() - begin_clock
            seconds[stage] = min(spent, seconds.get(stage, spent))
            clock[stage] = min(waited, clock.get(stage, waited))
        return result

    text = take("import", lambda: importer.import_module(source))
    pipeline = f"--approx-act-pipeline=bits={bits} target=approx_act"
    text = take("rewrite", lambda: compiler(text, pipeline))
    linalg = take("linalg", lambda: importer.to_linalg(importer.load(text)))
    total = sum(seconds.values())
    total_clock = sum(clock.values())
    before = 0.0
    kernels = 0
    for stage, name in FORMATS.items():
        chip = ",".join(chips) if name == "fatbin" else chips[0]
        options = f"format={name} chip={chip} toolkit={{{toolkit}}}"
        module = take(stage, lambda o=options: compiler(linalg, f"--approx-act-to-gpu={o}"))
        kernels = kernels or module.count('"gpu.func"')
        spent = seconds[stage]
        seconds[stage] = spent - before
        before = spent
    return {
        "depth": depth,
        "bits": bits or 32,
        "chips": chips,
        "ops": source.count('"stablehlo.'),
        "kernels": kernels,
        "seconds": {stage: round(seconds[stage], 3) for stage in STAGES},
        "total_seconds": round(total + before, 3),
        "clock_seconds": round(total_clock + clock["machine code"], 3),
    }


def main() -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depths", type=int, nargs="*", default=[29, 56, 110], help="9n + 2")
    parser.add_argument("--batch", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--bits", type=int, nargs="*", default=[0, 4], help="0 is exact")
    parser.add_argument("--chips", nargs="*", default=["sm_90"])
    parser.add_argument("--repetitions", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--json", type=argparse.FileType("w"), help="write all figures")
    options = parser.parse_args()
    if tool.find_toolkit() is None:
        parser.error("there is no CUDA toolkit")
    header = ("layers", "bits", "ops", "kernels", *STAGES, "total s", "us an op", "clock s")
    print(" | ".join(header))
    results = []
    for bits in options.bits:
        for depth in options.depths:
            row = measure(depth, options.batch, bits, options.chips, options.repetitions)
            results.append(row)
            print(
                " | ".join(
                    [
                        *(str(row[key]) for key in ("depth", "bits", "ops", "kernels")),
                        *(f"{row['seconds'][stage]:.2f}" for stage in STAGES),
                        f"{row['total_seconds']:.2f}",
                        f"{row['total_seconds'] / row['ops'] * 1e6:.0f}",
                        f"{row['clock_seconds']:.2f}",
                    ]
                ),
                flush=True,
            )
    if options.json:
        json.dump(results, options.json, indent=1)


if __name__ == "__main__":
    main()
