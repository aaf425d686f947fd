"""8-bit GPTQ for vLLM: `python training/quantize_gptq.py training/configs/7b/gptq.yaml`. Needs gptqmodel; a GPU for 7B.

gptqmodel is not in requirements.txt: it is built against what GPU there is, and asks for another numpy. It takes an
environment of its own: `pip install torch==2.13.0 trl==1.16.0 datasets==5.2.0 pyyaml==6.0.4 gptqmodel==7.6.0` (7.7.0 wants
a newer torch). With two cores and no GPU it also wants GPTQMODEL_CPU_WORKERS=4 in the environment.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

import yaml
from transformers import AutoTokenizer

from train import HERE, load_rows, segments_of


def calibration_texts(config: dict[str, Any]) -> list[str]:
    """Whole rows in the form they are trained on, those that are not cut off first."""
    tokenizer = AutoTokenizer.from_pretrained(HERE / config["model"])
    texts = ("".join(segments_of(row)) for row in load_rows(config["rows"]))
    short = (text for text in texts if len(tokenizer(text)["input_ids"]) <= config["max_length"])
    return list(itertools.islice(short, config["samples"]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Quantises a model by GPTQ.")
    parser.add_argument("config", type=Path)
    config = yaml.safe_load(parser.parse_args().config.read_text())
    texts = calibration_texts(config)

    from gptqmodel import GPTQModel, QuantizeConfig  # takes seconds

    quantization = QuantizeConfig(bits=config["bits"], group_size=config["group_size"])
    model = GPTQModel.load(str(HERE / config["model"]), quantization)
    model.quantize(texts, batch_size=config["batch_size"])
    model.save(str(HERE / config["output"]))


if __name__ == "__main__":
    main()
