import { describe, expect, it } from "vitest";
import { Admission, type Place } from "../../pipeline/stages/admission.ts";
import type { Clock, EngineLoad } from "../../pipeline/stages/ports.ts";

const never = new AbortController().signal;

/** A gate where a candidate is taken to write 100 tokens, so is given 65; and a clock whose timers a test fires. */
async function gate(load: EngineLoad | undefined) {
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    after(_, callback) {
      timers.add(callback);
      return () => timers.delete(callback);
    },
  };
  const told = { load };
  const admission = new Admission({ engine: { load: async () => told.load }, clock, firstGuess: 100 });
  await admission.open();
  const inside = new Map<string, Place>();
  return {
    admission,
    timers,
    names: () => [...inside.keys()],
    async ask(names: string, { tokens = 0, signal = never } = {}) {
      for (const name of names) {
        void admission.enter(tokens, signal).then((place) => place && inside.set(name, place));
      }
      await settled();
    },
    async leave(name: string, tokens: number) {
      inside.get(name)?.leave(tokens);
      inside.delete(name);
      await settled();
    },
    async hear(load: EngineLoad | undefined) {
      told.load = load;
      for (const timer of [...timers]) {
        timers.delete(timer);
        timer();
      }
      await settled();
    },
  };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("admission", () => {
  it("lets in as many candidates as the cache has room for, in order of arrival", async () => {
    const { ask, leave, names } = await gate({ cacheTokens: 200 });
    await ask("abcde");
    expect(names()).toEqual(["a", "b", "c"]);
    await leave("b", 100);
    expect(names()).toEqual(["a", "c", "d"]);
  });

  it("learns how long candidates are", async () => {
    const { ask, leave, names } = await gate({ cacheTokens: 200 });
    await ask("abcdefghij");
    for (const name of ["a", "b", "c"]) await leave(name, 20);
    expect(names()).toEqual(["d", "e", "f", "g", "h", "i"]); // taken to write 60, 47 and 40 tokens, one by one
  });

  it("gives a candidate that has written something already room for that", async () => {
    const { ask, names } = await gate({ cacheTokens: 200 });
    await ask("a", { tokens: 150 });
    await ask("b");
    expect(names()).toEqual(["a"]);
  });

  it("lets one in whatever the engine says", async () => {
    const { ask, leave, names } = await gate({ cacheTokens: 5 });
    await ask("ab", { tokens: 4000 });
    expect(names()).toEqual(["a"]);
    await leave("a", 4000);
    expect(names()).toEqual(["b"]);
  });

  it("forgets who has given up waiting, and lets in the one behind", async () => {
    const { ask, names } = await gate({ cacheTokens: 200 });
    const impatient = new AbortController();
    await ask("a");
    await ask("b", { tokens: 190, signal: impatient.signal });
    await ask("c");
    expect(names()).toEqual(["a"]);
    impatient.abort();
    await settled();
    expect(names()).toEqual(["a", "c"]);
  });

  it("lets all in where the engine does not tell", async () => {
    for (const load of [undefined, {}]) {
      const { ask, names } = await gate(load);
      await ask("abcdef", { tokens: 1e9 });
      expect(names()).toHaveLength(6);
    }
  });

  it("hears of another size of the cache, and keeps to the last one while the engine is away", async () => {
    const { ask, hear, names } = await gate({ cacheTokens: 100 });
    await ask("abcdef");
    expect(names()).toHaveLength(1);
    await hear({ cacheTokens: 200 });
    expect(names()).toHaveLength(3);
    await hear({});
    expect(names()).toHaveLength(3);
  });

  it("asks no more once it is closed", async () => {
    const { admission, timers } = await gate({ cacheTokens: 100 });
    expect(timers.size).toBe(1);
    admission.close();
    expect(timers.size).toBe(0);
  });
});
