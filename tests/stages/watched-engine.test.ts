import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import { wait } from "../../pipeline/adapters/virtual-clock/wait.ts";
import type { Engine, GenerateEvent, GenerationRequest } from "../../pipeline/stages/ports.ts";
import { WatchedEngine } from "../../pipeline/stages/watched-engine.ts";

/** What an engine does with a request, after a second: it serves it, or fails in one of the ways there are. */
type Does = "serves" | "refuses" | "denies" | "is busy" | "fails" | "hangs";

const failures = {
  refuses: { reason: "HTTP 400: I will not", attempts: 1, refusal: "request" },
  denies: { reason: "HTTP 401: Unauthorized", attempts: 1, refusal: "access" },
  "is busy": { reason: "HTTP 429: too many requests", attempts: 6, refusal: "overload" },
  fails: { reason: "HTTP 500: oh", attempts: 6 },
} as const;

/** An engine on virtual time with a patience of 600 s. `server` is what it does, and can be changed on the way. */
function watched() {
  const clock = new VirtualClock();
  const stopping = new AbortController();
  const server = { isAway: false, looks: 0, does: (_request: GenerationRequest): Does => "serves" };
  const asked: GenerationRequest[] = [];
  const events: GenerateEvent[] = [];
  const inner: Engine = {
    async connect() {
      server.looks += 1;
      if (server.isAway) throw new Error("nothing listens there");
      return { kind: "scripted", model: "scripted" };
    },
    async generate(request) {
      asked.push(request);
      const does = server.isAway ? "fails" : server.does(request);
      await wait(clock, does === "hangs" ? 1e9 : 1000, request.signal).catch(() => {});
      if (request.signal?.aborted) return { kind: "aborted" };
      if (does !== "serves" && does !== "hangs") return { kind: "engine-failed", ...failures[does] };
      const { requestId } = request;
      const tokens = { prompt: 1, completion: 1 };
      return { kind: "generation", requestId, text: "", finish: "stop", tokens, milliseconds: 1000 };
    },
    close: async () => {},
  };
  const engine = new WatchedEngine({
    ...{ engine: inner, clock, patienceSeconds: 600, stopping: stopping.signal },
    observe: (event) => events.push(event),
  });
  const generate = (name = "a", rest: Partial<GenerationRequest> = {}) => engine.generate(request(name, rest));
  /** A request that is given up after so many seconds. */
  const within = (seconds: number) => {
    const budget = new AbortController();
    const cancel = clock.after(1000 * seconds, () => budget.abort());
    return generate("a", { signal: budget.signal }).finally(cancel);
  };
  const later = (seconds: number, change: Partial<typeof server>) =>
    clock.after(1000 * seconds, () => Object.assign(server, change));
  const times = (name: string) => asked.filter(({ requestId }) => requestId === `set/${name}:0:0:0`).length;
  return { clock, server, stopping, asked, events, engine, generate, within, later, times };
}

function request(name: string, rest: Partial<GenerationRequest>): GenerationRequest {
  return {
    ...{ requestId: `set/${name}:0:0:0`, statement: name, prompt: name, text: "", maxTokens: 100, seed: 7 },
    ...{ temperature: 0, topP: 1, stop: [], keepStop: false },
    ...rest,
  };
}

/** Does something to the requests of some problems only. */
const to =
  (names: string, does: Does) =>
  ({ statement }: GenerationRequest): Does =>
    names.includes(statement) ? does : "serves";

const lost = { kind: "engine-failed" };
const served = { kind: "generation" };

describe("an engine that goes away", () => {
  it("is asked again when it is back, and the request does not know of it", async () => {
    const { clock, server, generate, later, events } = watched();
    server.isAway = true;
    later(100, { isAway: false });
    expect(await generate()).toMatchObject(served);
    expect(clock.now()).toBeLessThan(110_000);
    expect(events).toEqual([{ kind: "engine-away", reason: "nothing listens there" }, { kind: "engine-back" }]);
  });

  it("ends the run when it stays away for longer than its patience", async () => {
    const { clock, server, generate } = watched();
    server.isAway = true;
    await expect(generate()).rejects.toThrow("The engine went away during the run. nothing listens there");
    expect(clock.now()).toBeGreaterThanOrEqual(600_000);
  });

  it("ends the run too where each request is given up sooner than that", async () => {
    const { clock, server, within } = watched();
    server.isAway = true;
    const problems = async () => {
      for (let problem = 0; problem < 100; problem += 1) await within(60);
    };
    await expect(problems()).rejects.toThrow("The engine went away");
    expect(clock.now()).toBeLessThan(700_000);
  });

  it("ends the run too where requests are given up before it is known whether it serves a single token", async () => {
    const { clock, server, generate, within } = watched();
    await generate();
    server.does = ({ maxTokens }) => (maxTokens === 1 ? "hangs" : "fails");
    const problems = async () => {
      for (let problem = 0; problem < 100; problem += 1) await within(60);
    };
    await expect(problems()).rejects.toThrow("A request for one token has no answer after 600 s");
    expect(clock.now()).toBeLessThan(1_900_000);
  });

  it("has its whole patience again once it has answered", async () => {
    const { server, generate, within } = watched();
    const outage = async () => {
      server.isAway = true;
      for (let problem = 0; problem < 8; problem += 1) await within(60);
      server.isAway = false;
      return generate();
    };
    expect(await outage()).toMatchObject(served);
    expect(await outage()).toMatchObject(served);
  });

  it("is waited for by all at once: one looks", async () => {
    const { server, generate, later, asked } = watched();
    server.isAway = true;
    later(100, { isAway: false });
    const all = await Promise.all(Array.from({ length: 50 }, (_, n) => generate(`p${n}`)));
    expect(all.every(({ kind }) => kind === "generation")).toBe(true);
    expect(asked).toHaveLength(50 + 1 + 50); // a single token was asked for in between
  });

  it("loses a request under which it goes away again and again", async () => {
    const { server, generate, later, times } = watched();
    server.does = (asked) => {
      if (asked.statement !== "poison") return "serves";
      server.isAway = true;
      later(60, { isAway: false });
      return "fails";
    };
    const others = Promise.all(Array.from({ length: 10 }, (_, n) => generate(`p${n}`)));
    expect(await generate("poison")).toMatchObject(lost);
    expect(times("poison")).toBe(8);
    for (const one of await others) expect(one).toMatchObject(served);
  });
});

describe("an engine that fails or refuses every request, and answers when it is looked for", () => {
  it.each<[Does, string]>([
    ["refuses", "The engine refuses every request. HTTP 400: I will not"],
    ["denies", "The engine refuses every request. HTTP 401: Unauthorized"],
  ])("ends the run at once if it has served nothing yet: it %s", async (does, message) => {
    const { clock, server, generate } = watched();
    server.does = () => does;
    const all = await Promise.allSettled(Array.from({ length: 64 }, (_, n) => generate(`p${n}`)));
    for (const one of all) expect(one).toMatchObject({ status: "rejected", reason: { message, exitCode: 3 } });
    expect(clock.now()).toBeLessThan(60_000);
  });

  it.each<Does>(["refuses", "denies", "fails", "hangs"])(
    "is waited for else, and loses nothing: it %s",
    async (does) => {
      const { server, generate, later } = watched();
      expect(await generate("first")).toMatchObject(served);
      Object.assign(server, { does: (asked: GenerationRequest) => (asked.maxTokens > 1 ? "fails" : does) });
      later(300, { does: () => "serves" });
      const all = await Promise.all(Array.from({ length: 64 }, (_, n) => generate(`p${n}`)));
      for (const one of all) expect(one).toMatchObject(served);
    },
  );

  it.each<[Does, string]>([
    ["refuses", "The engine refuses every request. HTTP 400: I will not"],
    ["denies", "The engine refuses every request. HTTP 401: Unauthorized"],
    ["fails", "The engine fails every request. HTTP 500: oh"],
    ["hangs", "The engine fails every request. A request for one token has no answer after 600 s."],
  ])("ends the run when its patience is over, and no candidate is lost: it %s", async (does, message) => {
    const { clock, server, generate } = watched();
    await generate("first");
    server.does = (asked) => (does === "hangs" && asked.maxTokens > 1 ? "fails" : does);
    const all = await Promise.allSettled(Array.from({ length: 64 }, (_, n) => generate(`p${n}`)));
    for (const one of all) expect(one).toMatchObject({ status: "rejected", reason: { message, exitCode: 3 } });
    expect(clock.now()).toBeGreaterThan(600_000);
    expect(clock.now()).toBeLessThan(1_300_000);
  });

  it("ends the run if it serves nothing but single tokens", async () => {
    const { server, generate } = watched();
    await generate("first");
    server.does = ({ maxTokens }) => (maxTokens === 1 ? "serves" : "fails");
    const one = (problem: number) => generate(`p${problem}`);
    for (let problem = 0; problem < 7; problem += 1) {
      for (let candidate = 0; candidate < 5; candidate += 1) expect(await one(problem)).toMatchObject(lost);
    }
    await expect(one(7)).rejects.toThrow("The engine fails every request. HTTP 500: oh");
  });

  it("does not end it if it serves somebody now and then", async () => {
    const { server, generate } = watched();
    server.does = ({ statement, maxTokens }) => (maxTokens === 1 || statement === "good" ? "serves" : "fails");
    for (let problem = 0; problem < 20; problem += 1) {
      expect(await generate(`p${problem}`)).toMatchObject(lost);
      if (problem % 5 === 0) await generate("good");
    }
  });

  it.each<Does>(["fails", "is busy"])(
    "is waited for also before it has served anything, where that may pass: it %s",
    async (does) => {
      const { server, generate, later } = watched();
      server.does = () => does;
      later(300, { does: () => "serves" });
      expect(await generate()).toMatchObject(served);
    },
  );
});

describe("a request that fails while the engine serves others", () => {
  it.each<Does>(["refuses", "fails"])("is lost after a third try: it %s it", async (does) => {
    const { server, generate, times } = watched();
    server.does = to("bad", does);
    const others = Promise.all(Array.from({ length: 5 }, (_, n) => generate(`p${n}`)));
    expect(await generate("bad")).toMatchObject(lost);
    expect(times("bad")).toBe(3);
    for (const one of await others) expect(one).toMatchObject(served);
  });

  it("is lost also where it is the only one that is left, and nothing was served before", async () => {
    const { clock, server, generate } = watched();
    server.does = to("bad", "refuses");
    expect(await generate("bad")).toMatchObject(lost);
    expect(clock.now()).toBeLessThan(60_000);
    server.does = to("0123456789", "refuses");
    for (let problem = 0; problem < 10; problem += 1) expect(await generate(String(problem))).toMatchObject(lost);
  });

  it("is not lost where the third try goes well", async () => {
    const { server, generate } = watched();
    let tries = 0;
    server.does = ({ maxTokens }) => (maxTokens > 1 && tries++ < 2 ? "refuses" : "serves");
    expect(await generate("bad")).toMatchObject(served);
  });

  it.each<Does>(["refuses", "denies"])("is not blamed for what was before an outage: it %s it", async (does) => {
    const { clock, server, generate, later } = watched();
    let tries = 0;
    server.does = ({ maxTokens }) => {
      if (maxTokens === 1) return "serves";
      tries += 1;
      if (tries === 3) {
        server.isAway = true;
        later(599, { isAway: false });
        return "fails";
      }
      return tries < 6 ? does : "serves";
    };
    expect(await generate()).toMatchObject(served);
    expect(clock.now()).toBeGreaterThan(600_000);
  });

  it.each<Does>(["denies", "is busy"])(
    "is sent again until patience is over where it is not about it: it %s",
    async (does) => {
      const { clock, server, generate, later, times } = watched();
      server.does = to("bad", does);
      expect(await generate("bad")).toMatchObject(lost);
      expect(clock.now()).toBeGreaterThanOrEqual(600_000);
      expect(times("bad")).toBeLessThan(130); // and not all the time
      server.does = to("poor", does);
      later(300, { does: () => "serves" });
      expect(await generate("poor")).toMatchObject(served);
    },
  );

  it("hears of it when another one is served: the engine need not be tried", async () => {
    const { clock, server, generate, asked } = watched();
    await generate("first");
    server.does = ({ statement, maxTokens }) =>
      statement === "bad" ? "refuses" : maxTokens === 1 ? "hangs" : "serves";
    const bad = generate("bad");
    const others = (async () => {
      for (let n = 0; n < 10; n += 1) await generate(`p${n}`);
    })();
    expect(await bad).toMatchObject(lost);
    expect(clock.now()).toBeLessThan(10_000);
    await others;
    expect(asked.filter(({ maxTokens, signal }) => maxTokens === 1 && !signal?.aborted)).toEqual([]);
  });
});

describe("what is asked of an engine to see whether it serves", () => {
  it("is one token: of the last request that was served, or else of nothing in particular", async () => {
    const { server, generate, asked } = watched();
    server.does = to("bad", "refuses");
    const onText = () => {};
    await generate("bad", { onText, text: "long", promptTokensAtMost: 99 });
    await generate("good", { onText, text: "so far", seed: 8 });
    await generate("bad");
    const control = { maxTokens: 1, onText: undefined, promptTokensAtMost: undefined };
    const probes = asked.filter(({ maxTokens }) => maxTokens === 1);
    expect(probes).toMatchObject([
      ...Array.from({ length: 3 }, () => ({ prompt: "1 + 1 =", text: "", seed: 7 })),
      ...Array.from({ length: 3 }, () => ({ requestId: "set/good:0:0:0", prompt: "good", text: "so far", seed: 8 })),
    ]);
    for (const probe of probes) expect({ ...control, ...probe }).toMatchObject(control);
  });
});

describe("a request that waits for an engine", () => {
  it("ends when it is not wanted any more, and nobody looks then", async () => {
    const { clock, server, within } = watched();
    server.isAway = true;
    expect(await within(12)).toEqual({ kind: "aborted" });
    const { looks } = server;
    await wait(clock, 1e6);
    expect(server.looks).toBe(looks);
  });

  it("ends when the run is to stop", async () => {
    const { clock, server, generate, stopping } = watched();
    server.isAway = true;
    clock.after(12_000, () => stopping.abort());
    expect(await generate()).toEqual({ kind: "aborted" });
    expect(clock.now()).toBe(12_000);
  });
});

describe("when an engine was away", () => {
  const seconds = (engine: WatchedEngine, moments: number[]) =>
    moments.filter((moment) => engine.absenceAt(1000 * moment) !== undefined);

  it("is from the last that it served to the next, once the absence is found out", async () => {
    const { clock, server, engine, generate, within, later } = watched();
    await generate(); // until second 1
    await wait(clock, 20_000);
    server.isAway = true;
    expect(await within(30)).toEqual({ kind: "aborted" }); // until 51
    expect(seconds(engine, [0, 1, 10, 30, 51, 1000])).toEqual([1, 10, 30, 51, 1000]);
    later(10, { isAway: false });
    expect(await generate()).toMatchObject(served);
    const back = clock.now() / 1000;
    await wait(clock, 100_000);
    expect(seconds(engine, [0, 10, 51, back + 1, 120])).toEqual([10, 51]);
    expect(engine.absenceAt(10_000)).toBe("nothing listens there");
  });

  it("is from the last that it served also where a request failed, and it is not known yet whether it serves others", async () => {
    const { clock, server, engine, generate, within } = watched();
    await generate();
    server.does = ({ maxTokens }) => (maxTokens === 1 ? "hangs" : "fails");
    await within(60);
    expect(engine.absenceAt(clock.now())).toBeUndefined();
    await engine.settle(clock.now());
    expect(engine.absenceAt(clock.now())).toBe("HTTP 500: oh");
  });

  it("is not known of requests that were given up before it was, unless it is looked for at the end", async () => {
    const { clock, server, engine, generate, within } = watched();
    await generate();
    server.does = () => "hangs";
    await within(60);
    await engine.settle(clock.now());
    expect(engine.absenceAt(clock.now())).toBeUndefined(); // it is there, and may have been slow
    server.isAway = true;
    await engine.settle(500); // something was served after that
    expect(engine.absenceAt(clock.now())).toBeUndefined();
    await engine.settle(clock.now());
    expect(engine.absenceAt(clock.now())).toBe("nothing listens there");
  });
});
