import { describe, expect, it } from "vitest";
import { Admission, type Slot } from "../../pipeline/stages/admission.ts";
import type { Clock, EngineLoad } from "../../pipeline/stages/ports.ts";

const never = new AbortController().signal;

/** A gate, and a clock whose timers a test fires. */
async function gate({ slots = 4, maxTokens = 200, load = undefined as EngineLoad | undefined } = {}) {
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    after(_, callback) {
      timers.add(callback);
      return () => timers.delete(callback);
    },
  };
  const told = { load };
  const admission = new Admission({ engine: { load: async () => told.load }, clock, slots, maxTokens });
  await admission.open();
  const admitted: string[] = [];
  const held = new Map<string, Slot>();
  return {
    admission,
    admitted,
    timers,
    ask(name: string, kind: "fresh" | "underWay" = "fresh", promptTokens = 10, signal: AbortSignal = never) {
      return admission.enter(kind, promptTokens, signal).then((slot) => {
        if (!slot) return;
        admitted.push(name);
        held.set(name, slot);
      });
    },
    leave: (name: string, tokens?: number) => held.get(name)?.leave(tokens),
    async hear(load: EngineLoad) {
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
  it("fills the slots, and hands one on when it is left", async () => {
    const { ask, admitted, leave } = await gate({ slots: 2 });
    for (const name of ["a", "b", "c", "d"]) void ask(name);
    await settled();
    expect(admitted).toEqual(["a", "b"]);
    leave("b");
    await settled();
    expect(admitted).toEqual(["a", "b", "c"]);
  });

  it("lets those that are under way go before new ones, each in order of arrival", async () => {
    const { ask, admitted, leave } = await gate({ slots: 1 });
    void ask("first");
    void ask("new 1");
    void ask("old 1", "underWay");
    void ask("new 2");
    void ask("old 2", "underWay");
    const order = ["first", "old 1", "old 2", "new 1", "new 2"];
    for (const name of order) {
      await settled();
      leave(name);
    }
    await settled();
    expect(admitted).toEqual(order);
  });

  it("forgets who has given up waiting, and lets the one behind in", async () => {
    const load = { cacheTokens: 1000 };
    const { ask, admitted } = await gate({ slots: 4, maxTokens: 200, load }); // an answer counts for 100
    const impatient = new AbortController();
    void ask("small");
    const big = ask("big", "fresh", 900, impatient.signal);
    void ask("behind");
    await settled();
    expect(admitted).toEqual(["small"]);
    impatient.abort();
    await big;
    await settled();
    expect(admitted).toEqual(["small", "behind"]);
  });

  it("lets in what the cache has room for, by the mean length of answers", async () => {
    const load = { cacheTokens: 1000 };
    const { ask, admitted, leave } = await gate({ slots: 64, maxTokens: 600, load }); // 300 until it knows better
    for (let index = 0; index < 12; index += 1) void ask(String(index), "fresh", 20);
    await settled();
    expect(admitted).toHaveLength(2); // 320 each, and 950 are handed out
    for (const name of ["0", "1"]) leave(name, 50);
    await settled();
    expect(admitted).toHaveLength(2 + 5); // answers are taken to have (300 + 50) / 2, then (300 + 50 + 50) / 3
  });

  it("lets one request in whatever the engine says", async () => {
    const { ask, admitted, leave } = await gate({ load: { cacheTokens: 5 } });
    void ask("a", "fresh", 4000);
    void ask("b", "fresh", 4000);
    await settled();
    expect(admitted).toEqual(["a"]);
    leave("a");
    await settled();
    expect(admitted).toEqual(["a", "b"]);
  });

  it("lets in fewer while the engine preempts, and more again when it has ceased to", async () => {
    const { ask, admitted, leave, hear } = await gate({ slots: 10, load: { preemptions: 5 } });
    const names = Array.from({ length: 40 }, (_, index) => String(index));
    for (const name of names) void ask(name);
    await settled();
    expect(admitted).toHaveLength(10);
    await hear({ preemptions: 9 });
    for (const name of admitted.slice(0, 10)) leave(name);
    await settled();
    expect(admitted).toHaveLength(18); // eight at a time
    for (let look = 0; look < 12; look += 1) await hear({ preemptions: 9 });
    expect(admitted).toHaveLength(20);
  });

  it("fills the slots of an engine that tells nothing, or no longer", async () => {
    for (const load of [undefined, {}]) {
      const { ask, admitted } = await gate({ slots: 3, load });
      for (const name of ["a", "b", "c", "d"]) void ask(name, "fresh", 1e9);
      await settled();
      expect(admitted).toHaveLength(3);
    }
  });

  it("looks no more once it is closed", async () => {
    const { admission, timers } = await gate({ load: { preemptions: 0 } });
    expect(timers.size).toBe(1);
    admission.close();
    expect(timers.size).toBe(0);
  });
});
