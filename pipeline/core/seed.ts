import { createHash } from "node:crypto";

export interface TurnKey {
  problemId: string;
  replicate: number;
  candidate: number;
  turn: number;
}

/**
 * The seed of a turn: 48 bits of SHA-256 over the run's seed and the turn's key. Every request has its own, because a
 * request with the same prompt and seed would copy another one, and adjacent seeds overlap where a server adds to them.
 */
export function seedOf(runSeed: number, { problemId, replicate, candidate, turn }: TurnKey): number {
  const digest = createHash("sha256")
    .update(JSON.stringify([runSeed, problemId, replicate, candidate, turn]))
    .digest();
  return digest.readUIntBE(0, 6);
}

/** The seed of a candidate's Python programs: the same for all its turns, since a session runs them together. */
export function pythonSeedOf(runSeed: number, { problemId, replicate, candidate }: Omit<TurnKey, "turn">): number {
  const key = JSON.stringify([runSeed, problemId, replicate, candidate, "python"]);
  return createHash("sha256").update(key).digest().readUIntBE(0, 6);
}

/**
 * A stream of numbers in [0, 1) that depends on its seed alone: mulberry32 (Tommy Ettinger, public domain). For orders
 * and samples that have to come out the same on every machine; not for cryptography.
 */
export function randomStream(seed: number): () => number {
  let state = createHash("sha256").update(String(seed)).digest().readUInt32BE(0);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A copy in random order: Fisher–Yates. */
export function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] as Item, order[last] as Item];
  }
  return order;
}
