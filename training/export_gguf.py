"""Writes a Llama model with its tokenizer as GGUF: `python training/export_gguf.py FOLDER FILE.gguf [--type q8_0]`.

Needs neither llama.cpp nor a GPU. For a tokenizer that is split as llama.cpp's pre-tokenizer `smollm` does it.
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from gguf.quants import quantize
from safetensors.numpy import load_file
from transformers import AutoTokenizer, LlamaConfig, PreTrainedTokenizerBase

TYPES = {
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}


def write_shape(writer: GGUFWriter, config: LlamaConfig, name: str, file_type: LlamaFileType) -> None:
    writer.add_name(name)
    writer.add_file_type(file_type)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


def write_tokenizer(writer: GGUFWriter, tokenizer: PreTrainedTokenizerBase) -> None:
    """Special tokens are control tokens, other added ones are matched in a text before it is split."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    ids = {**state["model"]["vocab"], **{token["content"]: token["id"] for token in state["added_tokens"]}}
    types = dict.fromkeys(ids.values(), TokenType.NORMAL)
    for token in state["added_tokens"]:
        types[token["id"]] = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(sorted(ids, key=lambda token: ids[token]))
    writer.add_token_types([types[id_] for id_ in sorted(types)])
    writer.add_token_merges([" ".join(merge) for merge in state["model"]["merges"]])
    writer.add_bos_token_id(tokenizer.eos_token_id)  # never used: without one, llama.cpp takes token 11 for it
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp rotates neighbouring values, Transformers the halves of a head: the rows change places."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_tensors(
    writer: GGUFWriter, weights: dict[str, np.ndarray], config: LlamaConfig, kind: GGMLQuantizationType
) -> None:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, weight in weights.items():
        projection = name.split(".")[-2]
        if projection in heads:
            weight = permuted(weight, heads[projection])
        type_ = kind if weight.ndim == 2 else GGMLQuantizationType.F32
        target = names.get_name(name, try_suffixes=(".weight",))
        writer.add_tensor(target, quantize(weight.astype(np.float32), type_), raw_dtype=type_)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a Llama model as GGUF.")
    parser.add_argument("folder", type=Path, help="what train.py wrote, or a checkpoint in it")
    parser.add_argument("file", type=Path)
    parser.add_argument("--type", choices=TYPES, default="f16", help="of matrices [f16]; q8_0 is half as large")
    options = parser.parse_args()
    kind, file_type = TYPES[options.type]
    config = LlamaConfig.from_pretrained(options.folder)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = options.file.with_suffix(".tmp")
    writer = GGUFWriter(unfinished, "llama")
    write_shape(writer, config, options.file.stem, file_type)
    write_tokenizer(writer, AutoTokenizer.from_pretrained(options.folder))
    write_tensors(writer, load_file(options.folder / "model.safetensors"), config, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(options.file)
    print(f"{options.file}: {options.file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
