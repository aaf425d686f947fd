type Packed = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/**
 * A list of numbers that grows, packed: one, four or eight bytes each. What there are a million of, such as turns, is kept
 * as columns side by side; an object each would take ten times as much.
 */
export class NumberColumn {
  #numbers: Packed;
  #length = 0;
  readonly #kind: new (
    length: number,
  ) => Packed;

  constructor(kind: new (length: number) => Packed) {
    this.#kind = kind;
    this.#numbers = new kind(64);
  }

  get length(): number {
    return this.#length;
  }

  /** 0 where nothing was set. */
  at(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  push(value: number): void {
    this.set(this.#length, value);
  }

  /** The list grows up to the index; what lies between is 0. */
  set(index: number, value: number): void {
    if (index >= this.#numbers.length) {
      const larger = new this.#kind(Math.max(index + 1, 2 * this.#numbers.length));
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[index] = value;
    if (index >= this.#length) this.#length = index + 1;
  }

  add(index: number, value: number): void {
    this.set(index, this.at(index) + value);
  }

  /** A copy of the numbers at these indexes, in this order, or of all. */
  values(indexes?: Int32Array): Float64Array<ArrayBuffer> {
    const values = new Float64Array(indexes ? indexes.length : this.#length);
    for (let place = 0; place < values.length; place += 1) values[place] = this.at(indexes?.[place] ?? place);
    return values;
  }
}
