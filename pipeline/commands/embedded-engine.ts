import { openEngine } from "../adapters/openai-engine/open-engine.ts";
import { recordedSandbox } from "../adapters/replay-engine/recorded-sandbox.ts";
import { loadRecordings } from "../adapters/replay-engine/recordings.ts";
import { type ReplayServerOptions, startReplayServer } from "../adapters/replay-engine/replay-server.ts";
import { TimedModel } from "../adapters/replay-engine/timed-model.ts";
import { Transit } from "../adapters/replay-engine/transit.ts";
import { journalOnVirtualTime, sandboxOnVirtualTime } from "../adapters/virtual-clock/on-virtual-time.ts";
import { scaledClock } from "../adapters/virtual-clock/scaled-clock.ts";
import { VirtualClock } from "../adapters/virtual-clock/virtual-clock.ts";
import type { EngineCard } from "../artifacts/engine-card.ts";
import type { Profile } from "../artifacts/profile.ts";
import type { EngineConfig } from "../artifacts/run-config.ts";
import { kvTokens } from "../core/engine-arithmetic.ts";
import { engineModelOf } from "../core/engine-model/of-card.ts";
import { UserError } from "../core/user-error.ts";
import type { Clock, Engine } from "../stages/ports.ts";
import type { ConfiguredEngine } from "./configured-engine.ts";
import { loadEngineCard } from "./engine-card-file.ts";
import { printNote } from "./output.ts";

type ReplayConfig = Extract<EngineConfig, { kind: "replay" }>;

/** The embedded replay engine, behind a server of its own; with `timing`, as fast as the engine of a card would be. */
export async function openEmbeddedEngine(config: ReplayConfig, profile: Profile): Promise<ConfiguredEngine> {
  const { timing, model, maxModelLen } = config;
  const recordings = await loadRecordings(config.recordings, printNote);
  if (timing === undefined) return { engine: await openReplay({ recordings, model, maxModelLen }, profile) };

  const clock = timing.clock === "virtual" ? new VirtualClock() : scaledClock(timing.clock.speedUp);
  const virtual = clock instanceof VirtualClock ? clock : undefined;
  const transit = virtual && new Transit(virtual);
  const { card, timed } = await emulate(timing.card, clock);
  const options = { recordings, model, maxModelLen: Math.min(maxModelLen, card.maxModelLen) };
  const served = { ...options, timed, ...(transit ? { transit } : {}) };
  const engine = await openReplay(served, profile, clock);
  const isRecorded = timing.python === "recorded";
  const programs = isRecorded ? recordedSandbox({ clock, recordings, profile }) : undefined;
  return {
    engine: transit?.client(engine) ?? engine,
    time: {
      clock,
      runsPrograms: !isRecorded,
      ports: ({ sandbox, journal }) => ({
        sandbox: programs ?? (virtual ? sandboxOnVirtualTime(sandbox, virtual) : sandbox),
        journal: virtual ? journalOnVirtualTime(journal, virtual) : journal,
      }),
    },
  };
}

/** A server, and its client. `clock` measures what the client's requests take. */
async function openReplay(
  options: Omit<ReplayServerOptions, "templates">,
  profile: Profile,
  clock?: Clock,
): Promise<Engine> {
  const server = await startReplayServer({ ...options, templates: [profile.prompt] });
  const client = openEngine(
    {
      kind: "replay",
      baseUrls: [server.url],
      model: options.model,
      dialect: "vllm",
      transport: "completions",
      chat: profile.chat,
      requestTimeoutSeconds: clock ? 86_400 : 60, // an emulated engine's queue may be long
      maxAttempts: 3,
    },
    clock ? { now: () => clock.now() } : {},
  );
  return {
    ...client,
    async connect() {
      const { baseUrl: _, ...description } = await client.connect(); // its port differs from run to run
      return description;
    },
    async close() {
      await client.close();
      await server.close();
    },
  };
}

/** Each has a place in memory here. Eight H100 with a 7B model have less than a million. */
const blocksAtMost = 2 ** 24;

/** A card's model on a clock. A card whose cache does not hold a whole context is a UserError, as vLLM would not start. */
export async function emulate(nameOrPath: string, clock: Clock): Promise<{ card: EngineCard; timed: TimedModel }> {
  const card = await loadEngineCard(nameOrPath);
  if (kvTokens(card) / card.blockSize > blocksAtMost) {
    throw new UserError(`The KV cache of engine card ${card.name} would have more than ${blocksAtMost} blocks.`, {
      hint: "Is its memory in GiB, and the model as large as it is? docs/plan.md shows a card.",
    });
  }
  if (kvTokens(card) >= card.maxModelLen) return { card, timed: new TimedModel(engineModelOf(card), clock) };
  throw new UserError(
    `The KV cache of engine card ${card.name} holds ${kvTokens(card)} tokens, less than its context of ${card.maxModelLen}.`,
    { hint: "Lower maxModelLen in the card, or give it more memory, more GPUs or smaller weights." },
  );
}
