import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UserError } from "../../core/user-error.ts";

/** A value of a GGUF file's metadata. Of an array of texts only the length is kept: vocabularies are large. */
export type MetadataValue = number | boolean | string | readonly (number | boolean)[] | { length: number };

export interface GgufFile {
  bytes: number;
  metadata: ReadonlyMap<string, MetadataValue>;
}

const chunkBytes = 2 ** 20;
const longestText = 2 ** 26; // bytes; anything longer is no length

/**
 * Reads the metadata at the beginning of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Throws a
 * UserError where the file is missing, is none, or ends too early.
 */
export function readGgufMetadata(path: string): GgufFile {
  const file = openFile(path);
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) {
      throw new UserError(`${path} is a folder, not a GGUF file.`, {
        hint: "Name the .gguf file in engine.model. A folder in the Hugging Face format has to be converted first.",
      });
    }
    const reader = new Reader(file);
    if (stats.size < 4 || reader.text(4) !== "GGUF") throw notGguf(path, stats.size);
    const version = reader.u32();
    if (version < 2 || version > 3) {
      throw new UserError(`${path} is GGUF of version ${version}, and llama.cpp reads versions 2 and 3.`, {
        hint: "Convert the model again with a current llama.cpp.",
      });
    }
    reader.u64(); // tensors
    const count = reader.u64();
    const metadata = new Map<string, MetadataValue>();
    for (let index = 0; index < count; index += 1) metadata.set(reader.string(), reader.value(reader.u32()));
    return { bytes: stats.size, metadata };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new UserError(`${path} is cut off or damaged: ${error.message}.`, {
      hint: "Copy or download the file again; compare its size and checksum with the source's.",
      cause: error,
    });
  } finally {
    closeSync(file);
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    throw new UserError(code === "ENOENT" ? `There is no file ${path}.` : `${path} cannot be read (${code}).`, {
      hint: "engine.model is the path of a GGUF file, relative to the config.",
      cause,
    });
  }
}

function notGguf(path: string, size: number): UserError {
  return new UserError(size === 0 ? `${path} is empty.` : `${path} is not a GGUF file.`, {
    hint: "engine.model is a model in llama.cpp's format, which begins with GGUF. Its tools convert others.",
  });
}

/** What is read cannot be metadata. */
class Malformed extends Error {}

const textType = 8;
const arrayType = 9;

class Reader {
  readonly #file: number;
  #chunk = Buffer.alloc(0);
  #at = 0; // in the chunk
  #next = 0; // in the file

  constructor(file: number) {
    this.#file = file;
  }

  u32(): number {
    return this.#take(4).readUInt32LE();
  }

  u64(): number {
    return Number(this.#take(8).readBigUInt64LE());
  }

  text(bytes: number): string {
    return this.#take(bytes).toString("utf8");
  }

  string(): string {
    const bytes = this.u64();
    if (bytes > longestText) throw new Malformed(`a text of ${bytes} bytes in its metadata`);
    return this.text(bytes);
  }

  value(type: number): MetadataValue {
    if (type === textType) return this.string();
    if (type !== arrayType) return this.#scalar(type);
    const itemType = this.u32();
    const length = this.u64();
    if (itemType === textType) {
      for (let index = 0; index < length; index += 1) this.string();
      return { length };
    }
    if (length > longestText) throw new Malformed(`an array of ${length} items in its metadata`);
    return Array.from({ length }, () => this.#scalar(itemType));
  }

  #scalar(type: number): number | boolean {
    switch (type) {
      case 0:
        return this.#take(1).readUInt8();
      case 1:
        return this.#take(1).readInt8();
      case 2:
        return this.#take(2).readUInt16LE();
      case 3:
        return this.#take(2).readInt16LE();
      case 4:
        return this.u32();
      case 5:
        return this.#take(4).readInt32LE();
      case 6:
        return this.#take(4).readFloatLE();
      case 7:
        return this.#take(1).readUInt8() !== 0;
      case 10:
        return this.u64();
      case 11:
        return Number(this.#take(8).readBigInt64LE());
      case 12:
        return this.#take(8).readDoubleLE();
      default:
        throw new Malformed(`a value of type ${type} in its metadata`);
    }
  }

  #take(bytes: number): Buffer {
    while (this.#chunk.length - this.#at < bytes) {
      const more = Buffer.alloc(Math.max(chunkBytes, bytes));
      const read = readSync(this.#file, more, 0, more.length, this.#next);
      if (read === 0) throw new Malformed("it ends within its metadata");
      this.#next += read;
      this.#chunk = Buffer.concat([this.#chunk.subarray(this.#at), more.subarray(0, read)]);
      this.#at = 0;
    }
    this.#at += bytes;
    return this.#chunk.subarray(this.#at - bytes, this.#at);
  }
}
