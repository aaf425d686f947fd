"""Cards of the tiny models: `python training/model_card.py {collect,render} FOLDER`.

`collect` writes cards.jsonl from what make.py left in out/tiny and the GGUF files in FOLDER; `render` writes README.md
from cards.jsonl alone.
"""

import argparse
import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

TRAINING = Path(__file__).parent
OUT = TRAINING / "out" / "tiny"
STAGES = {"cot": "1, CoT", "tir": "2, TIR", "kto": "3, KTO"}
LINEAGE = {
    "tiny-cot": (
        "The model of stage 1: it reasons in words alone, and does its arithmetic in its head.",
        [OUT / "cot"],
    ),
    "tiny-tir-half": ("Stage 2 stopped half-way.", [OUT / "cot", OUT / "tir" / "checkpoint-120"]),
    "tiny-tir": ("The model of stage 2: it writes Python, reads the output and answers.", [OUT / "cot", OUT / "tir"]),
    "tiny-kto": (
        "Stage 2, then KTO on completions of its own that sctir sampled and labelled by their answers.",
        [OUT / "cot", OUT / "tir", OUT / "kto"],
    ),
}

Card = dict[str, Any]


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def stage_card(folder: Path) -> Card:
    state = json.loads((folder / "trainer_state.json").read_text())
    stage = next(part for part in reversed(folder.parts) if part in STAGES)
    rows = OUT / "rows" / f"{stage}.jsonl"
    history = [entry for entry in state["log_history"] if "loss" in entry]
    return {
        "stage": stage,
        "rows": len(rows.read_bytes().splitlines()),
        "rowsSha256": sha256(rows),
        "steps": state["global_step"],
        "tokens": int(history[-1]["num_tokens"]),
        "loss": [[entry["step"], round(float(entry["loss"]), 4)] for entry in history],
    }


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def collect(folder: Path) -> None:
    made_with = {
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "packages": {package: version(package) for package in ("torch", "transformers", "trl", "gguf")},
    }
    lines = []
    for name, (what, stages) in LINEAGE.items():
        file = folder / f"{name}.gguf"
        card = {"name": name, "what": what, "file": file.name, "bytes": file.stat().st_size, "sha256": sha256(file)}
        lines.append(json.dumps({**card, "stages": [stage_card(stage) for stage in stages], **made_with}) + "\n")
    (folder / "cards.jsonl").write_text("".join(lines))


def loss_table(stages: list[Card]) -> list[str]:
    lines = ["| stage | " + " | ".join(f"{part}0 %" for part in range(1, 11)) + " |", "| --- |" + " ---: |" * 10]
    for stage in stages:
        points, cells = stage["loss"], []
        for part in range(10):
            inside = [loss for step, loss in points if part < step * 10 / points[-1][0] <= part + 1]
            cells.append(f"{sum(inside) / len(inside):.3f}" if inside else "")
        lines.append(f"| {STAGES[stage['stage']]} | " + " | ".join(cells) + " |")
    return lines


def render(folder: Path) -> None:
    cards = [json.loads(line) for line in (folder / "cards.jsonl").read_text().splitlines()]
    packages = ", ".join(f"{package} {number}" for package, number in cards[0]["packages"].items())
    lines = [
        "# Tiny models",
        "",
        "Language models of 2.9 million parameters (Llama architecture, 4 layers of 256, context 1024, vocabulary 960),",
        "trained from nothing for the tiny problems, in 8 bits (GGUF, Q8_0). They solve those and nothing else.",
        "Licence: Apache-2.0. Profiles: `tir` and `numina-tir`; `cot` for `tiny-cot`.",
        "",
        "| model | what | file | bytes | SHA-256 |",
        "| --- | --- | --- | ---: | --- |",
    ]
    for card in cards:
        lines.append("| {name} | {what} | `{file}` | {bytes} | `{sha256}` |".format_map(card))
    lines += [
        "",
        "`python3 training/make.py` made them, and makes them again: settings in `training/configs/tiny/`, rows by",
        "`training/data/` with fixed seeds, KTO's from the model's own completions. No problem of the sets `tiny` and",
        "`tiny-validation` is in the rows. Weights differ slightly on another processor or with other versions; these are",
        f"from {cards[0]['machine']}, Python {cards[0]['python']}, {packages}.",
    ]
    for card in cards:
        lines += ["", f"## {card['name']}", "", "| stage | rows | steps | tokens | SHA-256 of the rows |"]
        lines.append("| --- | ---: | ---: | ---: | --- |")
        for stage in card["stages"]:
            numbers = f"{stage['rows']} | {stage['steps']} | {stage['tokens']}"
            lines.append(f"| {STAGES[stage['stage']]} | {numbers} | `{stage['rowsSha256']}` |")
        lines += ["", "Mean loss in each tenth of a stage:", "", *loss_table(card["stages"])]
    lines += [
        "",
        "`python3 training/model_card.py render models` makes this page from `cards.jsonl`, which has the whole curves.",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the cards of the tiny models.")
    parser.add_argument("what", choices=("collect", "render"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    {"collect": collect, "render": render}[options.what](options.folder)


if __name__ == "__main__":
    main()
