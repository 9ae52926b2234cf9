# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What programs.py measured, as tables for a terminal and for docs/programs.md."""

import math
from collections.abc import Callable
from typing import Any

from resnet import table

MB = 1e6


def megabytes(count: int | None) -> str:
    """For a column headed MB."""
    return "-" if count is None else f"{count / MB:.2f}" if count < MB else f"{count / MB:.1f}"


def row(name: str, figures: dict[str, Any], bits: list[int]) -> list[str]:
    """One line of the table."""
    ways, storage = figures["ways"], figures["storage"]

    def each(prefix: str, value: Callable[[dict[str, Any]], str]) -> str:
        cells = []
        for b in bits:
            try:
                cells.append(value(ways[f"{prefix} {b} bit"]))
            except KeyError:
                cells.append("-")
        return " / ".join(cells)

    def temp(way: str) -> str:
        return megabytes(ways[way].get("temp_bytes")) if way in ways else "-"

    def seconds(way: str) -> str:
        return f"{ways[way].get('ratio_to_exact', math.nan):.2f}" if way in ways else "-"

    def stored(text: Callable[[dict[str, Any]], str]) -> str:
        return " / ".join(text(s) if "error" not in s else "!" for s in map(by_bits, bits))

    def by_bits(b: int) -> dict[str, Any]:
        return storage.get(str(b), {"error": ""})

    return [
        name,
        temp("exact"),
        temp("nothing_saveable"),
        temp("dots_saveable"),
        each("naive", lambda w: megabytes(w["temp_bytes"])),
        each("approx_act", lambda w: megabytes(w["temp_bytes"])),
        stored(lambda s: megabytes((s["bound"] + figures["working_set"]) // figures["devices"])),
        f"{seconds('nothing_saveable')} / {seconds('dots_saveable')}",
        each("approx_act", lambda w: f"{w['ratio_to_exact']:.2f}"),
        each("approx_act", lambda w: f"{w['initial']['loss_error']:.0e}"),
        each("naive", lambda w: f"{w['trained']['gradient_error']:.4f}"),
        each("approx_act", lambda w: f"{w['trained']['gradient_error']:.4f}"),
        each("approx_act", lambda w: f"{w['trained']['gradient_cosine']:.5f}"),
        each("approx_act", lambda w: f"{w['own_training']:.0e}"),
        stored(lambda s: f"{100 * s['eligible_share']:.0f} ({100 * s['float_share']:.0f})"),
    ]


def header(bits: list[int]) -> list[str]:
    """Of `row`; what is given for several bits says so."""
    b = " / ".join(map(str, bits))
    return [
        "temp in MB",
        "exact",
        "nothing",
        "dots",
        f"naive {b}",
        f"ours {b}",
        f"bound {b}",
        "time nothing / dots",
        f"ours {b}",
        "loss",
        "gradient, naive",
        "ours",
        "cosine",
        "trained",
        "covered %",
    ]


def print_programs(
    programs: dict[str, dict[str, Any]], bits: list[int], exact_count: int = 0
) -> None:
    """A line for each program; what concerns many devices; the largest values left exact."""
    print(table(header(bits), (row(name, r, bits) for name, r in programs.items())))
    for name, figures in programs.items():
        if "one_device" in figures:
            print_parallel(name, figures)
        if exact_count:
            print_exact(name, figures, exact_count)


def markdown(programs: dict[str, dict[str, Any]]) -> str:
    """The table of docs/programs.md, of figures at 8 and 4 bits."""
    heads = ["bound, 4 bit", "exact", "`nothing_saveable`", "`dots_saveable`", "naive 4 bit"]
    heads += ["**8 bit**", "**4 bit**", "less, 4 bit", "time, 8 bit", "time, 4 bit"]
    heads += ["gradient, 8 bit", "gradient, 4 bit"]
    lines = [f"| program | {' | '.join(heads)} |", f"|---|{'--:|' * len(heads)}"]
    for name, figures in programs.items():
        ways, storage = figures["ways"], figures["storage"]
        bound = storage["4"]["bound"] + figures["working_set"]
        cells = [f"{bound / figures['devices'] / MB:.1f}"]
        cells += [
            f"{ways[way]['temp_bytes'] / MB:.1f}" if "temp_bytes" in ways.get(way, {}) else "–"
            for way in ("exact", "nothing_saveable", "dots_saveable", "naive 4 bit")
        ]
        ours = [ways[f"approx_act {bits} bit"] for bits in (8, 4)]
        cells += [f"{w['temp_bytes'] / MB:.1f}" for w in ours]
        cells.append(f"{ways['exact']['temp_bytes'] / ours[-1]['temp_bytes']:.1f} ×")
        cells += [f"{w['ratio_to_exact']:.2f} ×" for w in ours]
        cells += [f"{w['trained']['gradient_error']:.4f}" for w in ours]
        lines.append(f"| {name} ({figures['size']}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def print_exact(name: str, figures: dict[str, Any], count: int) -> None:
    """What is left exact of one program, at the fewest bits, largest first."""
    bits, stored = list(figures["storage"].items())[-1]
    print(f"\n{name} ({figures['size']}), {bits} bit")
    if "error" in stored:
        print(stored["error"])
        return
    print(
        f"residuals {megabytes(stored['bytes_before'])} MB, stored in "
        f"{megabytes(stored['bytes_after'])}; {stored['unchanged'] or 'left exact:'}"
    )
    rows = [
        [
            e["reason"],
            f"{e['bytes'] / MB:.3f}",
            f"{e['count']}x",
            e["op"],
            e["type"].removeprefix("tensor<").removesuffix(">"),
            e["source"],
        ]
        for e in stored["exact"][:count]
    ]
    if rows:
        print(table(["why", "MB", "", "op", "type", "source"], rows))


def print_parallel(name: str, figures: dict[str, Any]) -> None:
    """Memory by XLA:CPU's scheduler, agreement with one device, and collectives."""

    def by_scheduler(way: dict[str, Any]) -> str:
        counts = way.get("temp_bytes_by_scheduler", {}).values()
        return " / ".join(map(megabytes, counts)) or "-"

    print(f"\n{name}")
    rows = []
    for way, w in figures["ways"].items():
        alone = figures["one_device"].get(way, {})
        rows.append(
            [
                way,
                by_scheduler(w),
                by_scheduler(alone),
                f"{alone['loss_error']:.0e}" if "loss_error" in alone else "-",
                f"{alone['gradient_error']:.1e}" if "loss_error" in alone else "-",
                str(w.get("output_shardings_kept", "-")),
                ", ".join(f"{n} {k}" for k, n in sorted(w.get("collectives", {}).items())),
            ]
        )
    print(
        table(
            [
                "",
                "MB/device, default / memory",
                "one device",
                "loss",
                "gradient",
                "shardings",
                "collectives",
            ],
            rows,
        )
    )


def failures(figures: dict[str, Any]) -> list[str]:
    """What went wrong in one program, one line each."""
    lines = [f"{way}: {w['error']}" for way, w in figures["ways"].items() if "error" in w] + [
        f"residuals, {b} bit: {s['error']}" for b, s in figures["storage"].items() if "error" in s
    ]
    exact = figures["ways"]["exact"].get("temp_bytes", 0)
    for way, w in figures["ways"].items():
        if not way.startswith("approx_act"):
            continue
        lines += [f"{way}: warned: {text}" for text in w.get("warnings", ())]
        if w.get("temp_bytes", 0) > exact and not figures["is_small"]:
            lines.append(f"{way}: takes more memory than exact")
        added = sum(w.get("collectives", {}).values()) - sum(
            figures["ways"]["exact"].get("collectives", {}).values()
        )
        if added > 0:
            lines.append(f"{way}: {added} collectives more than exact")
        if "initial" in w and not w["initial"]["loss_error"] <= figures["loss_tolerance"]:
            lines.append(f"{way}: loss is off by {w['initial']['loss_error']:.1e}")
        if "trained" in w and not math.isfinite(w["trained"]["gradient_error"]):
            lines.append(f"{way}: gradient is not finite")
    return lines
