import { longestTimerMilliseconds } from "./event-stream.ts";
import { exchange } from "./exchange.ts";
import { readServerLoad } from "./server-load.ts";
import type { PooledServer } from "./server-pool.ts";

const looksPerIdleTime = 4;

/** How a server was doing when it was last looked at. */
interface Look {
  /** Looks since it was last heard of, this one included. */
  silent: number;
  progress: number | undefined;
}

interface ServerWatchOptions {
  idleTimeoutSeconds: number;
  now: () => number;
}

/**
 * Notices servers that hang, which silence alone does not tell: a reply comes when a whole text is done, and there may be
 * a queue before it. A server with requests in flight is looked at every quarter of the idle time. It lives if it has
 * answered one; if its counts of tokens move; where it has none, if it answers at all. One that shows no life for the
 * whole time loses its requests, as failures that may pass.
 */
export class ServerWatch {
  readonly #options: ServerWatchOptions;
  readonly #looks: Map<PooledServer, Look>;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(servers: readonly PooledServer[], options: ServerWatchOptions) {
    this.#options = options;
    this.#looks = new Map(servers.map((server) => [server, { silent: 0, progress: undefined }]));
    this.#lookLater();
  }

  /** A server has answered something. */
  heardOf(server: PooledServer): void {
    const look = this.#looks.get(server);
    if (look) look.silent = 0;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  get #lookEverySeconds(): number {
    return Math.min(this.#options.idleTimeoutSeconds / looksPerIdleTime, longestTimerMilliseconds / 1000);
  }

  #lookLater(): void {
    this.#timer = setTimeout(async () => {
      await Promise.all(Array.from(this.#looks, ([server, look]) => this.#lookAt(server, look)));
      if (!this.#closing.signal.aborted) this.#lookLater();
    }, 1000 * this.#lookEverySeconds);
    this.#timer.unref();
  }

  async #lookAt(server: PooledServer, look: Look): Promise<void> {
    if (server.inFlight === 0) return;
    look.silent = (await this.#lives(server, look)) ? 0 : look.silent + 1;
    if (look.silent <= looksPerIdleTime || this.#closing.signal.aborted) return;
    look.silent = 0;
    server.hangs.abort(`it hangs: neither an answer nor a token for ${this.#options.idleTimeoutSeconds} s`);
    server.hangs = new AbortController();
  }

  async #lives(server: PooledServer, look: Look): Promise<boolean> {
    const options = {
      now: this.#options.now,
      signal: this.#closing.signal,
      timeoutSeconds: Math.max(1, this.#lookEverySeconds),
    };
    const load = await readServerLoad(server, options);
    if (load?.progress !== undefined) {
      const before = look.progress;
      look.progress = load.progress;
      return load.progress !== before;
    }
    const answer = await exchange(server, "/models", undefined, options);
    return answer.kind === "reply" || (answer.kind === "failure" && answer.failure.status !== undefined);
  }
}
