import { setImmediate as turnOfTheEventLoop } from "node:timers/promises";
import { Agent, fetch as undiciFetch } from "undici";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { startScriptedEngine } from "../../helpers/scripted-engine.ts";
import { anEngine, aRequest } from "./engine-under-test.ts";

/** `until`, where time stands still. */
async function happens(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns += 1) {
    if (turns > 1e6) throw new Error(`It did not happen: ${condition}`);
    await turnOfTheEventLoop();
  }
}

describe("a server that is silent for longer than Node waits for headers", () => {
  // In one test: undici keeps its first timer for good.
  it("has its answer read all the same, streamed or not", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { promise: silence, resolve: answer } = Promise.withResolvers<void>();
    const server = await startScriptedEngine(() => silence.then(() => "At last."));
    onTestFinished(() => server.close());
    const generations = [false, true].map((streaming) =>
      anEngine({ baseUrls: [server.baseUrl], requestTimeoutSeconds: 1800, streaming }).generate(aRequest()),
    );

    const agent = new Agent();
    onTestFinished(() => agent.destroy());
    const url = `${server.baseUrl}/completions`;
    let impatient = "";
    void undiciFetch(url, { method: "POST", body: "{}", dispatcher: agent }).catch(({ cause }: Error) => {
      impatient = String(cause);
    });

    await happens(() => server.log.length === 3);
    await vi.advanceTimersByTimeAsync(1_500_000);
    await happens(() => impatient !== "");
    expect(impatient).toContain("HeadersTimeoutError");
    answer();
    expect(await Promise.all(generations)).toMatchObject([{ text: "At last." }, { text: "At last." }]);
  });
});
