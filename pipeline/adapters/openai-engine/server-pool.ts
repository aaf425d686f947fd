import type { ServerClient } from "./server-client.ts";

/** A server, and how it has been doing. */
export interface PooledServer extends ServerClient {
  inFlight: number;
  /** Requests of others that it was last heard to have. */
  foreign: number;
  /** Failed attempts since the last that succeeded. */
  failures: number;
  /** Other servers are preferred until then, on the pool's clock. */
  restsUntil: number;
  /** Aborts what is in flight there, once it is found to hang. */
  hangs: AbortController;
  /** False once /tokenize turned out to be missing. */
  tokenizes: boolean;
}

const firstRestMilliseconds = 1000;
const longestRestMilliseconds = 60_000;
const rememberedCandidates = 10_000;

/**
 * Spreads requests over servers. A candidate stays with its server, whose prefix cache holds its earlier turns, until
 * an attempt there fails. A new one goes where the fewest requests are, in turn where that is equal. A server
 * that fails rests for a while: it is idle for no good reason, and would be everyone's choice. Then one request tries it.
 */
export class ServerPool {
  readonly servers: readonly PooledServer[];
  readonly #now: () => number;
  readonly #home = new Map<string, PooledServer>(); // by candidate, oldest first
  #next = 0;

  constructor(servers: readonly ServerClient[], now: () => number) {
    this.servers = servers.map((server) => ({
      ...server,
      inFlight: 0,
      foreign: 0,
      failures: 0,
      restsUntil: Number.NEGATIVE_INFINITY,
      hangs: new AbortController(),
      tokenizes: true,
    }));
    this.#now = now;
  }

  /** The server for a candidate's next request: another one than those to avoid, if there is one. */
  choose(candidate: string, avoid: ReadonlySet<PooledServer> = nobody): PooledServer {
    const home = this.#home.get(candidate);
    const server = home !== undefined && !avoid.has(home) && this.#isWell(home) ? home : this.#leastBusy(avoid);
    this.#home.delete(candidate);
    this.#home.set(candidate, server);
    if (this.#home.size > rememberedCandidates) {
      for (const oldest of this.#home.keys()) {
        this.#home.delete(oldest);
        break;
      }
    }
    return server;
  }

  /** Whether a server beside these is worth asking at once. */
  hasWellBeside(avoid: ReadonlySet<PooledServer>): boolean {
    return this.servers.some((server) => !avoid.has(server) && this.#isWell(server));
  }

  /** How many requests a server says that it has: those that are not ours count too. */
  heard(server: PooledServer, requests: number | undefined): void {
    server.foreign = requests === undefined ? 0 : Math.max(0, requests - server.inFlight);
  }

  succeeded(server: PooledServer): void {
    server.failures = 0;
    server.restsUntil = Number.NEGATIVE_INFINITY;
  }

  failed(server: PooledServer): void {
    const rest = Math.min(longestRestMilliseconds, firstRestMilliseconds * 2 ** server.failures);
    server.failures += 1;
    server.restsUntil = this.#now() + rest;
  }

  #isWell({ restsUntil, failures, inFlight }: PooledServer): boolean {
    return restsUntil <= this.#now() && (failures === 0 || inFlight === 0);
  }

  #leastBusy(avoid: ReadonlySet<PooledServer>): PooledServer {
    const others = this.servers.filter((server) => !avoid.has(server));
    const eligible = others.length > 0 ? others : this.servers;
    const well = eligible.filter((server) => this.#isWell(server));
    const choices = well.length > 0 ? well : eligible;
    const fewest = Math.min(...choices.map(requestsAt));
    const count = this.servers.length;
    for (let step = 0; step < count; step += 1) {
      const server = this.servers[(this.#next + step) % count];
      if (server === undefined || requestsAt(server) > fewest || !choices.includes(server)) continue;
      this.#next = (this.#next + step + 1) % count;
      return server;
    }
    throw new Error("A pool needs a server.");
  }
}

const nobody: ReadonlySet<PooledServer> = new Set();

function requestsAt({ inFlight, foreign }: PooledServer): number {
  return inFlight + foreign;
}
