import { sum } from "./sum.ts";

type Packed = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

const bits = 14;
const chunkLength = 1 << bits;

/**
 * A list of numbers that grows, packed: one, four or eight bytes each. What there are a million of, such as turns, is kept
 * as columns side by side; an object each would take ten times as much. It grows by chunks, so that nothing is copied.
 */
export class NumberColumn {
  readonly #kind: new (
    length: number,
  ) => Packed;
  readonly #chunks: Packed[] = [];
  #length = 0;

  constructor(kind: new (length: number) => Packed) {
    this.#kind = kind;
  }

  get length(): number {
    return this.#length;
  }

  /** 0 where nothing was set. */
  at(index: number): number {
    return this.#chunks[index >>> bits]?.[index & (chunkLength - 1)] ?? 0;
  }

  push(value: number): void {
    this.set(this.#length, value);
  }

  /** The list grows up to the index; what lies between is 0. */
  set(index: number, value: number): void {
    while (index >= this.#chunks.length * chunkLength) this.#chunks.push(new this.#kind(chunkLength));
    const chunk = this.#chunks[index >>> bits];
    if (chunk) chunk[index & (chunkLength - 1)] = value;
    if (index >= this.#length) this.#length = index + 1;
  }

  add(index: number, value: number): void {
    this.set(index, this.at(index) + value);
  }

  /** A copy of the numbers at these indexes, in this order. */
  values(indexes: readonly Int32Array[]): Float64Array<ArrayBuffer> {
    const values = new Float64Array(sum(indexes.map(({ length }) => length)));
    let place = 0;
    for (const some of indexes) {
      for (const index of some) {
        values[place] = this.at(index);
        place += 1;
      }
    }
    return values;
  }
}
