import { describe, expect, it } from "vitest";
import { until } from "../../helpers/scripted-engine.ts";
import { anEngine, aRequest, aServer, instantly } from "./engine-under-test.ts";

const ids = (server: { log: { requestId: string }[] }) => server.log.map(({ requestId }) => requestId);

describe("several servers", () => {
  it("take turns while all are idle, and are named in each generation", async () => {
    const [first, second, third] = [await aServer(), await aServer(), await aServer()];
    const engine = anEngine({ baseUrls: [first.baseUrl, `${second.baseUrl}/`, third.baseUrl] });
    const endpoints: unknown[] = [];
    for (let candidate = 0; candidate < 6; candidate += 1) {
      endpoints.push(await engine.generate(aRequest({ requestId: `set/p:0:${candidate}:0` })));
    }
    const urls = [first.baseUrl, second.baseUrl, third.baseUrl];
    expect(endpoints).toMatchObject([...urls, ...urls].map((endpoint) => ({ endpoint })));
  });

  it("get a new candidate where the fewest requests are in flight", async () => {
    const [busy, idle] = [await aServer(() => ({ hang: true })), await aServer()];
    const engine = anEngine({ baseUrls: [busy.baseUrl, idle.baseUrl] });
    const hung = engine.generate(aRequest({ requestId: "set/p:0:0:0" }));
    await until(() => busy.running === 1);
    for (let candidate = 1; candidate < 5; candidate += 1) {
      await engine.generate(aRequest({ requestId: `set/p:0:${candidate}:0` }));
    }
    expect(idle.log).toHaveLength(4);
    await engine.close();
    expect(await hung).toEqual({ kind: "aborted" });
  });

  it("keep a candidate, whose earlier turns they have in their cache", async () => {
    const servers = [await aServer(), await aServer(), await aServer()];
    const engine = anEngine({ baseUrls: servers.map(({ baseUrl }) => baseUrl) });
    for (let turn = 0; turn < 4; turn += 1) {
      for (const candidate of turn % 2 === 0 ? [0, 1, 2, 3, 4] : [4, 2, 0, 1, 3]) {
        await engine.generate(aRequest({ requestId: `a:b/p:0:${candidate}:${turn}` }));
      }
    }
    for (const server of servers) {
      const candidates = new Set(server.log.map(({ candidate }) => candidate));
      expect(server.log).toHaveLength(4 * candidates.size);
    }
  });

  it("stand in for one another: a failed attempt goes elsewhere, and the candidate stays there", async () => {
    const [bad, good] = [await aServer(() => ({ status: 500 })), await aServer()];
    const engine = anEngine({ baseUrls: [bad.baseUrl, good.baseUrl] });
    const result = await engine.generate(aRequest({ requestId: "set/p:0:0:0" }));
    expect(result).toMatchObject({ kind: "generation", endpoint: good.baseUrl, requestId: "set/p:0:0:0:1" });
    await engine.generate(aRequest({ requestId: "set/p:0:0:1" }));
    expect(ids(good)).toEqual(["set/p:0:0:0:1", "set/p:0:0:1:0"]);
    expect(ids(bad)).toEqual(["set/p:0:0:0:0"]);
  });

  it("rest after a fault, so that an idle dead server does not draw every candidate, and are tried again later", async () => {
    let clock = 0;
    let isDead = true;
    const [lame, good] = [await aServer(() => (isDead ? { status: 503 } : "Back.")), await aServer()];
    const engine = anEngine({ baseUrls: [lame.baseUrl, good.baseUrl] }, { now: () => clock, sleep: async () => {} });
    for (let candidate = 0; candidate < 10; candidate += 1) {
      await engine.generate(aRequest({ requestId: `set/p:0:${candidate}:0` }));
    }
    expect(lame.log).toHaveLength(1);
    isDead = false;
    clock += 60_000;
    for (let candidate = 10; candidate < 20; candidate += 1) {
      await engine.generate(aRequest({ requestId: `set/p:0:${candidate}:0` }));
    }
    expect(lame.log.length).toBeGreaterThan(4);
  });

  it("lose a candidate, if only for a while, to a fault that another candidate met", async () => {
    const [lame, good] = [
      await aServer(({ candidate }) => (candidate === 2 ? { status: 500 } : "Yes.")),
      await aServer(),
    ];
    const engine = anEngine({ baseUrls: [lame.baseUrl, good.baseUrl] }, { now: () => 0, sleep: async () => {} });
    for (const id of ["0:0", "1:0", "2:0", "0:1"]) await engine.generate(aRequest({ requestId: `set/p:0:${id}` }));
    expect(ids(lame)).toEqual(["set/p:0:0:0:0", "set/p:0:2:0:0"]);
    expect(ids(good)).toEqual(["set/p:0:1:0:0", "set/p:0:2:0:1", "set/p:0:0:1:0"]);
  });

  it("stand in for one another also after a wait longer than the rest", async () => {
    let clock = 0;
    const sleep = async () => {
      clock += 60_000;
    };
    const [bad, good] = [await aServer(() => ({ status: 429 })), await aServer()];
    const engine = anEngine({ baseUrls: [bad.baseUrl, good.baseUrl] }, { now: () => clock, sleep });
    expect(await engine.generate(aRequest())).toMatchObject({ endpoint: good.baseUrl });
    expect(bad.log).toHaveLength(1);
  });

  it("are all tried before a generation is given up, and again after a wait", async () => {
    const waits: number[] = [];
    const servers = [await aServer(() => ({ status: 500 })), await aServer(() => ({ status: 500 }))];
    const engine = anEngine({ baseUrls: servers.map(({ baseUrl }) => baseUrl), maxAttempts: 3 }, instantly(waits));
    expect(await engine.generate(aRequest())).toMatchObject({ kind: "engine-failed" });
    expect(waits).toHaveLength(2);
    for (const { log } of servers) expect(log.length).toBeGreaterThan(1);
  });

  it.each([400, 401, 404])("stand in for one that refuses a request with HTTP %i", async (status) => {
    const [bad, good] = [await aServer(() => ({ status })), await aServer()];
    const waits: number[] = [];
    const engine = anEngine({ baseUrls: [bad.baseUrl, good.baseUrl], maxAttempts: 1 }, instantly(waits));
    for (let candidate = 0; candidate < 4; candidate += 1) {
      const result = await engine.generate(aRequest({ requestId: `set/p:0:${candidate}:0` }));
      expect(result).toMatchObject({ kind: "generation", endpoint: good.baseUrl });
    }
    expect(waits).toEqual([]);
  });

  it("stand in for one that hangs, which is tried by one request at a time afterwards", async () => {
    let clock = 0;
    const [bad, good] = [await aServer(() => ({ hang: true })), await aServer()];
    const baseUrls = [bad.baseUrl, good.baseUrl];
    const engine = anEngine({ baseUrls, requestTimeoutSeconds: 2, maxAttempts: 1 }, { now: () => clock });
    const all = (from: number) =>
      Promise.all(
        Array.from({ length: 8 }, (_, n) => engine.generate(aRequest({ requestId: `set/p:0:${from + n}:0` }))),
      );
    expect(await all(0)).toMatchObject(Array.from({ length: 8 }, () => ({ kind: "generation" })));
    expect(bad.log).toHaveLength(4);
    clock += 3_600_000;
    expect(await all(8)).toMatchObject(Array.from({ length: 8 }, () => ({ kind: "generation" })));
    expect(bad.log).toHaveLength(5);
  });
});
