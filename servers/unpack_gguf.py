"""Makes a folder that Transformers and vLLM load of a GGUF file: `python servers/unpack_gguf.py FILE.gguf FOLDER`.

For the models that training/export_gguf.py writes: Llama models, with a tokenizer that is split as llama.cpp's
pre-tokenizer `smollm` does it. Of others, take the folder that the GGUF file was made from.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGUFReader, TokenType
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def config_of(reader: GGUFReader) -> LlamaConfig:
    def value(key: str):
        return reader.get_field(f"llama.{key}").contents()

    tokens = len(reader.get_field("tokenizer.ggml.tokens").contents())
    end = reader.get_field("tokenizer.ggml.eos_token_id").contents()
    return LlamaConfig(
        vocab_size=tokens,
        hidden_size=value("embedding_length"),
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=value("attention.head_count"),
        num_key_value_heads=value("attention.head_count_kv"),
        head_dim=value("rope.dimension_count"),
        max_position_embeddings=value("context_length"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("rope.freq_base")},
        tie_word_embeddings=not any(tensor.name == "output.weight" for tensor in reader.tensors),
        bos_token_id=None,
        eos_token_id=end,
        dtype="float32",
    )


def tokenizer_of(reader: GGUFReader, context: int) -> PreTrainedTokenizerFast:
    def value(key: str):
        field = reader.get_field(f"tokenizer.{key}")
        return None if field is None else field.contents()

    if (value("ggml.model"), value("ggml.pre")) != ("gpt2", "smollm"):
        raise SystemExit("The tokenizer is of another kind. Serve the folder that the GGUF file was made from.")
    tokens, types = value("ggml.tokens"), value("ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in value("ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: id_ for id_, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    for token, type_ in zip(tokens, types, strict=True):
        if type_ == TokenType.CONTROL:
            tokenizer.add_special_tokens([token])
        elif type_ == TokenType.USER_DEFINED:
            tokenizer.add_tokens([AddedToken(token, normalized=False)])
    end = tokens[value("ggml.eos_token_id")]
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, model_max_length=context)
    fast.chat_template = value("chat_template")
    return fast


def restored(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp rotates neighbouring values, Transformers the halves of a head: the rows change places."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def weights_of(reader: GGUFReader, config: LlamaConfig) -> dict[str, torch.Tensor]:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    theirs = {names.get_name(name, try_suffixes=(".weight",)): name for name in LlamaForCausalLM(config).state_dict()}
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = {}
    for tensor in reader.tensors:
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        kind = tensor.name.split(".")[-2]
        if kind in heads:
            weight = restored(weight, heads[kind])
        weights[theirs[tensor.name]] = torch.from_numpy(weight.copy())
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes a folder that Transformers and vLLM load of a GGUF file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    reader = GGUFReader(options.file)
    if reader.get_field("general.architecture").contents() != "llama":
        raise SystemExit("It is no Llama model. Serve the folder that the GGUF file was made from.")
    config = config_of(reader)
    model = LlamaForCausalLM(config)
    missing = model.load_state_dict(weights_of(reader, config), strict=False)
    absent = [name for name in missing.missing_keys if not (config.tie_word_embeddings and name == "lm_head.weight")]
    if absent or missing.unexpected_keys:
        raise SystemExit(f"Tensors do not fit: {absent} are missing, {missing.unexpected_keys} unknown.")
    model.save_pretrained(options.folder)
    tokenizer_of(reader, config.max_position_embeddings).save_pretrained(options.folder)
    print(f"{options.folder}: {model.num_parameters():,} parameters")


if __name__ == "__main__":
    main()
