import { once } from "node:events";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { recordingsOf, serve } from "../adapters/replay-engine/replay-fixture.ts";

const elsewhere = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

async function reach(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect");
    return "connected";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    socket.destroy();
  }
}

describe("the embedded server", () => {
  it.skipIf(elsewhere === undefined)("is reached on loopback, and at no other address of this machine", async () => {
    const server = await serve(recordingsOf({ "What is it?": ["It is $\\boxed{4}$."] }));
    expect(await reach("127.0.0.1", server.port)).toBe("connected");
    expect(await reach(elsewhere ?? "", server.port)).toBe("ECONNREFUSED");
  });
});
