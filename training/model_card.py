"""Cards of the tiny models: `python training/model_card.py {collect,render} FOLDER`.

`collect` writes cards.json from what make.py left in out/tiny and the GGUF files in FOLDER; `render` writes README.md from
cards.json alone.
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
    "tiny-cot": ("The model of stage 1: it reasons in words alone, and does its arithmetic in its head.", [OUT / "cot"]),
    "tiny-tir-half": ("Stage 2 stopped half-way.", [OUT / "cot", OUT / "tir" / "checkpoint-400"]),
    "tiny-tir": ("The model of stage 2: it writes Python, reads the output and answers.", [OUT / "cot", OUT / "tir"]),
    "tiny-kto": (
        "The model of stage 2, trained on by KTO with completions of its own that sctir sampled and labelled by answer.",
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
    models = []
    for name, (what, stages) in LINEAGE.items():
        file = folder / f"{name}.gguf"
        card = {"name": name, "what": what, "file": file.name, "bytes": file.stat().st_size, "sha256": sha256(file)}
        models.append({**card, "stages": [stage_card(stage) for stage in stages]})
    packages = {package: version(package) for package in ("torch", "transformers", "trl", "gguf")}
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
    cards = {"machine": machine, "python": platform.python_version(), "packages": packages, "models": models}
    (folder / "cards.json").write_text(json.dumps(cards, indent=1) + "\n")


def loss_table(stages: list[Card]) -> list[str]:
    """The mean loss over ten parts of each stage."""
    lines = ["| stage | " + " | ".join(f"{part}0 %" for part in range(1, 11)) + " |", "| --- |" + " ---: |" * 10]
    for stage in stages:
        points, cells = stage["loss"], []
        for part in range(10):
            inside = [loss for step, loss in points if part < step * 10 / points[-1][0] <= part + 1]
            cells.append(f"{sum(inside) / len(inside):.3f}" if inside else "")
        lines.append(f"| {STAGES[stage['stage']]} | " + " | ".join(cells) + " |")
    return lines


def render(folder: Path) -> None:
    cards = json.loads((folder / "cards.json").read_text())
    packages = ", ".join(f"{package} {number}" for package, number in cards["packages"].items())
    lines = [
        "# Tiny models",
        "",
        "Language models of 2.9 million parameters (Llama architecture, 4 layers of 256, context 1024, vocabulary 960),",
        "trained from nothing for the tiny problems, in 8 bits (GGUF, Q8_0). They solve those and nothing else. Licence:",
        "Apache-2.0. Format: that of the profiles `tir` and `numina-tir`; `tiny-cot` with the profile `cot`.",
        "",
        "This page is made from `cards.json` by `python3 training/model_card.py render models`.",
        "",
        "| model | file | bytes | SHA-256 |",
        "| --- | --- | ---: | --- |",
        *(f"| {card['name']} | `{card['file']}` | {card['bytes']} | `{card['sha256']}` |" for card in cards["models"]),
        "",
        "All come from one run of `python3 training/make.py`, which makes them again. Numbers differ slightly on another",
        f"processor or with other versions; these are from {cards['machine']}, Python {cards['python']}, {packages}.",
        "Settings: `training/configs/tiny/`. Data: `training/data/write_rows.py`, from `training/problems/`, with fixed",
        "seeds; KTO's from the model's own completions. No problem of the sets `tiny` and `tiny-validation` is in them.",
    ]
    for card in cards["models"]:
        lines += ["", f"## {card['name']}", "", card["what"], "", "| stage | rows | steps | tokens | SHA-256 of the rows |"]
        lines += ["| --- | ---: | ---: | ---: | --- |"]
        for stage in card["stages"]:
            numbers = f"{stage['rows']} | {stage['steps']} | {stage['tokens']}"
            lines.append(f"| {STAGES[stage['stage']]} | {numbers} | `{stage['rowsSha256']}` |")
        lines += ["", "Loss, by tenths of a stage:", "", *loss_table(card["stages"])]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the cards of the tiny models.")
    parser.add_argument("what", choices=("collect", "render"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    {"collect": collect, "render": render}[options.what](options.folder)


if __name__ == "__main__":
    main()
