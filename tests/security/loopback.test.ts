import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { recordingsOf, serve } from "../adapters/replay-engine/replay-fixture.ts";

const elsewhere = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

function reach(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => resolve("connected"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once("close", () => resolve("closed"));
    socket.setTimeout(60_000, () => socket.destroy());
  }).finally(() => undefined) as Promise<string>;
}

describe("the embedded server", () => {
  it.skipIf(elsewhere === undefined)("is reached on loopback, and at no other address of this machine", async () => {
    const server = await serve(recordingsOf({ "What is it?": ["It is $\\boxed{4}$."] }));
    expect(await reach("127.0.0.1", server.port)).toBe("connected");
    expect(await reach(elsewhere ?? "", server.port)).toBe("ECONNREFUSED");
  });
});
