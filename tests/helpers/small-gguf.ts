import { writeFileSync } from "node:fs";
import { randomStream } from "../../pipeline/core/seed.ts";

export interface SmallModel {
  seed?: number;
  contextLength?: number;
  chatTemplate?: string;
  preTokenizer?: string;
  architecture?: string;
  layers?: number;
  /** How far the logits spread: the larger, the surer is the model of its tokens. */
  sureness?: number;
  hidden?: number;
  feedForward?: number;
  heads?: number;
}

const alignment = 32;

/**
 * Writes a Llama of some 100,000 random weights as GGUF: it says nothing sensible, and does so repeatably. Its tokens are the
 * 256 bytes, three special ones before them and a few pairs behind.
 */
export function writeSmallGguf(path: string, options: SmallModel = {}): string {
  const { seed = 1, contextLength = 512, chatTemplate, layers = 2, sureness = 1 } = options;
  const { preTokenizer = "gpt-2", architecture = "llama", hidden = 64, feedForward = 64, heads = 2 } = options;
  const special = ["<pad>", "<s>", "</s>"];
  const merges = ["` `", "`` `", "o u", "ou t", "p u", "pu t", "out put"];
  const tokens = [...special, ...byteNames(), ...merges.map((pair) => pair.replace(" ", ""))];
  const metadata: [string, Value][] = [
    ["general.architecture", text(architecture)],
    ["general.file_type", u32(0)],
    [`${architecture}.context_length`, u32(contextLength)],
    [`${architecture}.embedding_length`, u32(hidden)],
    [`${architecture}.block_count`, u32(layers)],
    [`${architecture}.feed_forward_length`, u32(feedForward)],
    [`${architecture}.attention.head_count`, u32(heads)],
    [`${architecture}.attention.head_count_kv`, u32(heads)],
    [`${architecture}.attention.layer_norm_rms_epsilon`, f32(1e-5)],
    [`${architecture}.rope.dimension_count`, u32(hidden / heads)],
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text(preTokenizer)],
    ["tokenizer.ggml.tokens", list(tokens.map(text))],
    ["tokenizer.ggml.token_type", list(tokens.map((_, index) => i32(index < special.length ? 3 : 1)))],
    ["tokenizer.ggml.merges", list(merges.map(text))],
    ["tokenizer.ggml.bos_token_id", u32(1)],
    ["tokenizer.ggml.eos_token_id", u32(2)],
    ["tokenizer.ggml.add_bos_token", { type: 7, bytes: Buffer.of(1) }],
    ...(chatTemplate === undefined ? [] : ([["tokenizer.chat_template", text(chatTemplate)]] as [string, Value][])),
  ];
  const random = randomStream(seed);
  const tensors: [string, number[], Buffer][] = [];
  const matrix = (name: string, columns: number, rows: number, scale = columns ** -0.5) => {
    tensors.push([name, [columns, rows], floats(columns * rows, () => 3 * scale * (random() + random() - 1))]);
  };
  const ones = (name: string, scale = 1) => tensors.push([name, [hidden], floats(hidden, () => scale)]);
  matrix("token_embd.weight", hidden, tokens.length, 1);
  ones("output_norm.weight", sureness);
  matrix("output.weight", hidden, tokens.length);
  for (let layer = 0; layer < layers; layer += 1) {
    const name = (part: string) => `blk.${layer}.${part}.weight`;
    ones(name("attn_norm"));
    for (const part of ["attn_q", "attn_k", "attn_v", "attn_output"]) matrix(name(part), hidden, hidden);
    ones(name("ffn_norm"));
    for (const part of ["ffn_gate", "ffn_up"]) matrix(name(part), hidden, feedForward);
    matrix(name("ffn_down"), feedForward, hidden);
  }
  writeFileSync(path, gguf(metadata, tensors));
  return path;
}

interface Value {
  type: number;
  bytes: Buffer;
}

const text = (value: string): Value => ({ type: 8, bytes: string(value) });
const u32 = (value: number): Value => ({ type: 4, bytes: packed(4, (buffer) => buffer.writeUInt32LE(value)) });
const i32 = (value: number): Value => ({ type: 5, bytes: packed(4, (buffer) => buffer.writeInt32LE(value)) });
const f32 = (value: number): Value => ({ type: 6, bytes: packed(4, (buffer) => buffer.writeFloatLE(value)) });

function list(values: readonly Value[]): Value {
  const head = [u32(values[0]?.type ?? 4).bytes, u64(values.length)];
  return { type: 9, bytes: Buffer.concat([...head, ...values.map(({ bytes }) => bytes)]) };
}

function gguf(metadata: readonly [string, Value][], tensors: readonly [string, number[], Buffer][]): Buffer {
  let offset = 0;
  const infos = tensors.map(([name, shape, data]) => {
    const info = [string(name), u32(shape.length).bytes, ...shape.map(u64), u32(0).bytes, u64(offset)];
    offset += data.length + padding(data.length);
    return Buffer.concat(info);
  });
  const head = Buffer.concat([
    ...[Buffer.from("GGUF"), u32(3).bytes, u64(tensors.length), u64(metadata.length)],
    ...metadata.map(([key, { type, bytes }]) => Buffer.concat([string(key), u32(type).bytes, bytes])),
    ...infos,
  ]);
  const parts = [head, ...tensors.map(([, , data]) => data)];
  return Buffer.concat(parts.flatMap((part) => [part, Buffer.alloc(padding(part.length))]));
}

const padding = (length: number) => (alignment - (length % alignment)) % alignment;
const string = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const u64 = (value: number) => packed(8, (buffer) => buffer.writeBigUInt64LE(BigInt(value)));

function packed(bytes: number, write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
}

function floats(count: number, next: () => number): Buffer {
  return Buffer.from(Float32Array.from({ length: count }, next).buffer);
}

/** The characters that stand for the 256 bytes in byte-level vocabularies, as GPT-2 has them. */
function byteNames(): string[] {
  const isShown = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let others = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isShown(byte) ? byte : others++));
}
