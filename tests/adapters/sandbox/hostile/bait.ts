import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmod, lstat, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { homedir, hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { newMarker, processesMarked } from "../processes-by-marker.ts";

const repository = fileURLToPath(new URL("../../../..", import.meta.url));
const repositoryText = "Evaluate math models by self-consistency"; // of package.json

/** Stands in the environment of the process that opens the sandbox, as an API key would. */
const environmentSecret = `secret-${randomUUID()}`;
process.env.SCTIR_HOSTILE_SECRET = environmentSecret;

/** Where a program could leave something on this machine. */
const places = [
  ...["/", "/tmp", "/var/tmp", "/dev/shm", "/dev", "/run", "/usr", "/usr/local", "/usr/lib", "/etc", "/srv"],
  ...[homedir(), repository, join(repository, ".venv"), join(repository, "pipeline/adapters/sandbox/worker")],
];

/**
 * Things outside the sandbox that a hostile program would like to get at, and what it has done to them: listeners on
 * every kind of address, a folder that everybody may change, a process that may be hurt, a secret in each of them.
 */
export class Bait {
  readonly marker = newMarker();
  readonly secret = `secret-${randomUUID()}`;
  readonly #contacts: string[] = [];
  readonly #places: readonly string[];
  readonly #closing: (() => Promise<void>)[] = [];
  readonly #variables: Record<string, string | number | boolean | string[]> = {};
  #folder = "";
  #victim = 0;
  #before: { folder: string; victim: string } = { folder: "", victim: "" };

  /** `harmless` offers no place to write to but a folder that is removed with the bait. */
  static async lay({ harmless = false } = {}): Promise<Bait> {
    const bait = new Bait(harmless ? [] : places);
    bait.#variables.HARMLESS = harmless;
    await bait.#lay();
    return bait;
  }

  private constructor(places: readonly string[]) {
    this.#places = places;
  }

  async #lay(): Promise<void> {
    const { marker, secret } = this;
    this.#folder = await mkdtemp(join(tmpdir(), "bait-"));
    this.#closing.push(() => rm(this.#folder, { recursive: true, force: true }));
    await chmod(this.#folder, 0o777); // nothing but the sandbox protects it
    for (const name of ["private", "writable"]) {
      await writeFile(join(this.#folder, name), `${secret}\n`);
      await chmod(join(this.#folder, name), 0o666);
    }

    const victim = execFile("sleep", ["1000"], { env: { PATH: "/usr/bin:/bin", SECRET: secret } });
    const ended = once(victim, "exit");
    this.#victim = victim.pid ?? 0;
    this.#closing.push(async () => {
      victim.kill("SIGKILL");
      await ended;
    });

    const unixPath = join(this.#folder, "socket");
    const abstractName = `hostile-${marker}`;
    const tcp = await this.#listen("TCP", { port: 0, host: "127.0.0.1" });
    await this.#listen("a Unix socket", { path: unixPath });
    await chmod(unixPath, 0o777);
    if (process.platform === "linux") await this.#listen("an abstract socket", { path: `\0${abstractName}` });
    const udp = createSocket("udp4", () => this.#contacts.push("UDP"));
    udp.bind(0, "127.0.0.1");
    await once(udp, "listening");
    this.#closing.push(async () => void udp.close());
    const onSignal = () => this.#contacts.push("a signal to the test");
    process.on("SIGURG", onSignal);
    this.#closing.push(async () => void process.off("SIGURG", onSignal));

    const address = tcp.address();
    Object.assign(this.#variables, {
      MARKER: marker,
      FOLDER: this.#folder,
      PLACES: [this.#folder, ...this.#places],
      HOME: homedir(),
      REPOSITORY: repository,
      VICTIM: this.#victim,
      TEST: process.pid,
      TCP_PORT: typeof address === "object" ? (address?.port ?? 0) : 0,
      UDP_PORT: udp.address().port,
      UNIX_PATH: unixPath,
      ABSTRACT_NAME: abstractName,
    });
    await this.#untilVictimSleeps();
    this.#before = { folder: await contents(this.#folder), victim: await stateOf(this.#victim) };
  }

  /** Assignments, in Python, that tell a program where everything is. */
  get variables(): string {
    const literal = (value: unknown) => (typeof value === "boolean" ? Number(value) : JSON.stringify(value));
    return Object.entries(this.#variables)
      .map(([name, value]) => `${name} = ${literal(value)}\n`)
      .join("");
  }

  /** What a program that has ended, and has written `output`, got hold of. Empty if it was stopped. */
  async evidence(output: string): Promise<string[]> {
    const found = this.#contacts.map((contact) => `reached ${contact}`);
    if (output.includes(this.secret)) found.push("read the secret");
    if (output.includes(environmentSecret)) found.push("read the environment of the test");
    if (output.includes(repositoryText)) found.push("read the repository");
    found.push(...(output.match(/^ESCAPED: .*$/gmu) ?? []));

    const folder = await contents(this.#folder);
    if (folder !== this.#before.folder) found.push(`changed the folder from\n${this.#before.folder}\nto\n${folder}`);
    for (const place of this.#places) {
      for (const name of await readdir(place).catch(() => [])) {
        if (!name.includes(this.marker)) continue;
        found.push(`left ${join(place, name)}`);
        await rm(join(place, name), { recursive: true });
      }
    }

    const victim = await stateOf(this.#victim);
    if (victim !== this.#before.victim) found.push(`changed the process from\n${this.#before.victim}\nto\n${victim}`);
    const processes = await processesMarked(this.marker);
    if (processes.length > 0) found.push(`left processes ${processes}`);
    if (hostname().includes(this.marker)) found.push("changed the host's name");
    return found;
  }

  async remove(): Promise<void> {
    // Of a sandbox nothing is left, or the test has failed.
    if (this.#variables.HARMLESS) for (const pid of await processesMarked(this.marker)) process.kill(pid, "SIGKILL");
    for (const close of this.#closing.toReversed()) await close();
  }

  async #listen(kind: string, at: Parameters<Server["listen"]>[0] & object): Promise<Server> {
    const server = createServer((connection) => {
      this.#contacts.push(kind);
      connection.on("error", () => {}).end(this.secret);
    });
    server.listen(at);
    await once(server, "listening");
    this.#closing.push(async () => void server.close());
    return server;
  }

  async #untilVictimSleeps(): Promise<void> {
    for (let attempt = 0; attempt < 400; attempt++) {
      if (/^State:\tS/mu.test(await stateOf(this.#victim)) && (await stateOf(this.#victim)).includes("Name:\tsleep"))
        return;
      await sleep(5);
    }
  }
}

/** Names, modes, times and texts of all there is in a folder. */
async function contents(folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true }).catch(() => [])).toSorted();
  const lines = await Promise.all(
    ["", ...names].map(async (name) => {
      const path = join(folder, name);
      const { mode, mtimeMs, uid, nlink, isFile } = await lstat(path).then((status) => ({
        ...status,
        isFile: status.isFile(),
      }));
      return [name, mode.toString(8), mtimeMs, uid, nlink, isFile ? await readFile(path, "utf8") : ""].join(" ");
    }),
  );
  return lines.join("\n");
}

/** What others may have changed in a process: whether it runs, its priority, cores, limits and surroundings. */
export async function stateOf(pid: number): Promise<string> {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
  const [status, stat, limits, environment, score] = await Promise.all(
    ["status", "stat", "limits", "environ", "oom_score_adj"].map(read),
  );
  const lines = status?.match(/^(?:Name|State|TracerPid|Cpus_allowed|PPid|SigPnd|ShdPnd):.*$/gmu) ?? ["gone"];
  const [priority, nice] = (stat?.slice(stat.lastIndexOf(")")).split(" ") ?? []).slice(16, 18);
  return [...lines, priority, nice, score, limits, environment].join("\n");
}
