import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import { wait } from "../../pipeline/adapters/virtual-clock/wait.ts";
import { runConfigSchema } from "../../pipeline/artifacts/run-config.ts";
import type { Engine, GenerationRequest } from "../../pipeline/stages/ports.ts";
import { watchedEngine } from "../../pipeline/stages/watched-engine.ts";

const never = new AbortController().signal;

/** An engine with a patience of 600 s, on virtual time; `isAway` while nothing listens there. */
function watched() {
  const clock = new VirtualClock();
  const server = { isAway: true };
  const engine: Engine = {
    async connect() {
      if (server.isAway) throw new Error("nothing listens there");
      return { kind: "scripted", model: "scripted" };
    },
    async generate({ requestId, signal }) {
      await wait(clock, 1000, signal).catch(() => {});
      if (signal?.aborted) return { kind: "aborted" };
      if (server.isAway) return { kind: "engine-failed", reason: "nothing listens there", attempts: 6 };
      return {
        kind: "generation",
        requestId,
        text: "",
        finish: "stop",
        tokens: { prompt: 1, completion: 1 },
        milliseconds: 1000,
      };
    },
    close: async () => {},
  };
  const config = runConfigSchema.shape.engine.parse({
    ...{ kind: "vllm", baseUrl: "http://127.0.0.1:1/v1", model: "scripted", patienceSeconds: 600 },
  });
  return { clock, server, engine: watchedEngine({ engine, clock }, config, never) };
}

function request(signal: AbortSignal): GenerationRequest {
  return {
    ...{
      requestId: "set/p:0:0:0",
      statement: "",
      prompt: "",
      text: "",
      maxTokens: 1,
      temperature: 0,
      topP: 1,
      seed: 0,
    },
    ...{ stop: [], keepStop: false, signal },
  };
}

/** A request that is given up after so many seconds. */
function within(clock: VirtualClock, engine: Engine, seconds: number) {
  const budget = new AbortController();
  const cancel = clock.after(1000 * seconds, () => budget.abort());
  return engine.generate(request(budget.signal)).finally(cancel);
}

describe("an engine that goes away", () => {
  it("is asked again when it is back, and the request does not know of it", async () => {
    const { clock, server, engine } = watched();
    clock.after(100_000, () => {
      server.isAway = false;
    });
    expect(await engine.generate(request(never))).toMatchObject({ kind: "generation" });
    expect(clock.now()).toBeLessThan(110_000);
  });

  it("ends the run when it stays away for longer than its patience", async () => {
    const { clock, engine } = watched();
    await expect(engine.generate(request(never))).rejects.toThrow("The engine went away");
    expect(clock.now()).toBeGreaterThanOrEqual(600_000);
  });

  it("ends the run too where each request is given up sooner than that", async () => {
    const { clock, engine } = watched();
    const problems = async () => {
      for (let problem = 0; problem < 100; problem += 1) await within(clock, engine, 60);
    };
    await expect(problems()).rejects.toThrow("The engine went away");
    expect(clock.now()).toBeLessThan(700_000);
  });

  it("has its whole patience again once it has answered", async () => {
    const { clock, server, engine } = watched();
    const outage = async () => {
      server.isAway = true;
      for (let problem = 0; problem < 8; problem += 1) await within(clock, engine, 60);
      server.isAway = false;
      return engine.generate(request(never));
    };
    expect(await outage()).toMatchObject({ kind: "generation" });
    expect(await outage()).toMatchObject({ kind: "generation" });
  });
});
