const none = -1;

/**
 * The blocks of a KV cache, as vLLM keeps them (vllm/v1/core/block_pool.py): a block is in use by any number of
 * sequences, or free; a free one keeps what it holds, to be found by its hash, until it is the free block that was
 * given back longest ago and a new one is needed.
 */
export class BlockPool {
  readonly #capacity: number;
  #free: number;
  readonly #users: Int32Array;
  readonly #hashes: Float64Array; // NaN where a block cannot be found
  readonly #found = new Map<number, number>(); // block by hash
  // The free blocks as a ring, the longest free first behind the entry at `capacity`.
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#free = capacity;
    this.#users = new Int32Array(capacity);
    this.#hashes = new Float64Array(capacity).fill(Number.NaN);
    this.#next = Int32Array.from({ length: capacity + 1 }, (_, block) => (block === capacity ? 0 : block + 1));
    this.#previous = Int32Array.from({ length: capacity + 1 }, (_, block) => (block === 0 ? capacity : block - 1));
  }

  /** Blocks that no sequence uses, whatever they hold. */
  get free(): number {
    return this.#free;
  }

  /** The blocks that hold the beginning of a text, by the hashes of its first `most` blocks. */
  find(hashes: readonly number[], most: number): number[] {
    const blocks: number[] = [];
    for (let index = 0; index < most; index += 1) {
      const block = this.#found.get(hashes[index] ?? Number.NaN);
      if (block === undefined) break;
      blocks.push(block);
    }
    return blocks;
  }

  /** How many of these blocks nobody uses. */
  unused(blocks: readonly number[]): number {
    return blocks.reduce((sum, block) => sum + (this.#users[block] === 0 ? 1 : 0), 0);
  }

  /** Adds a user to blocks that were found. */
  share(blocks: readonly number[]): void {
    for (const block of blocks) {
      if (this.#users[block] === 0) this.#unlink(block);
      this.#users[block] = this.#at(this.#users, block) + 1;
    }
  }

  /** Appends free blocks until there are `length`; false, and nothing done, where there are too few. */
  extend(blocks: number[], length: number): boolean {
    if (length - blocks.length > this.#free) return false;
    while (blocks.length < length) {
      const block = this.#at(this.#next, this.#capacity);
      this.#unlink(block);
      this.#forget(block);
      this.#users[block] = 1;
      blocks.push(block);
    }
    return true;
  }

  /** Lets a full block be found. Of several with one hash, the first is found. */
  publish(block: number, hash: number | undefined): void {
    if (hash === undefined || this.#found.has(hash) || !Number.isNaN(this.#hashes[block])) return;
    this.#found.set(hash, block);
    this.#hashes[block] = hash;
  }

  /** Takes a user from a sequence's blocks. The last is reused first: the beginning of a text is worth most. */
  release(blocks: readonly number[]): void {
    for (let index = blocks.length - 1; index >= 0; index -= 1) {
      const block = blocks[index] ?? none;
      const users = this.#at(this.#users, block) - 1;
      this.#users[block] = users;
      if (users === 0) this.#link(block);
    }
  }

  #forget(block: number): void {
    const hash = this.#at(this.#hashes, block);
    if (Number.isNaN(hash)) return;
    this.#found.delete(hash);
    this.#hashes[block] = Number.NaN;
  }

  #link(block: number): void {
    const last = this.#at(this.#previous, this.#capacity);
    this.#next[last] = block;
    this.#previous[block] = last;
    this.#next[block] = this.#capacity;
    this.#previous[this.#capacity] = block;
    this.#free += 1;
  }

  #unlink(block: number): void {
    const previous = this.#at(this.#previous, block);
    const next = this.#at(this.#next, block);
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#free -= 1;
  }

  #at(array: Int32Array | Float64Array, index: number): number {
    return array[index] ?? none;
  }
}
