import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextRound } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  journalOnVirtualTime,
  sandboxOnVirtualTime,
} from "../../../pipeline/adapters/virtual-clock/on-virtual-time.ts";
import { scaledClock } from "../../../pipeline/adapters/virtual-clock/scaled-clock.ts";
import { VirtualClock } from "../../../pipeline/adapters/virtual-clock/virtual-clock.ts";
import { wait } from "../../../pipeline/adapters/virtual-clock/wait.ts";
import type { Turn } from "../../../pipeline/artifacts/turn.ts";
import type { PythonExecution, PythonSandbox } from "../../../pipeline/stages/ports.ts";

/** Resolves once the clock has nothing left to fire and stands still. */
async function quiet(): Promise<void> {
  for (let round = 0; round < 50; round += 1) await nextRound();
}

describe("timers", () => {
  it("fire by time, then in the order they were set, each at its time exactly", async () => {
    const clock = new VirtualClock(1000);
    const fired: [string, number][] = [];
    const note = (name: string) => () => void fired.push([name, clock.now()]);
    clock.after(20, note("late"));
    clock.after(5, note("a"));
    clock.after(5, note("b"));
    clock.after(86_400_000, note("a day"));
    clock.after(-3, note("overdue"));
    clock.after(5, note("c"));
    expect(fired).toEqual([]); // never within `after`
    await quiet();
    expect(fired).toEqual([
      ["overdue", 1000],
      ["a", 1005],
      ["b", 1005],
      ["c", 1005],
      ["late", 1020],
      ["a day", 86_401_000],
    ]);
  });

  it("do not fire once they are cancelled, by another timer of the same moment too", async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.after(5, () => {
      fired.push("first");
      cancelSecond();
    });
    const cancelSecond = clock.after(5, () => void fired.push("second"));
    clock.after(3, () => void fired.push("never"))();
    await quiet();
    expect(fired).toEqual(["first"]);
    cancelSecond(); // again: no harm
    expect(clock.now()).toBe(5);
  });

  it("fire alone: all that one sets off goes on as far as it can before the next, however many steps it takes", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const chain = async (name: string) => {
      for (let step = 0; step < 100; step += 1) await Promise.resolve();
      await new Promise((resolve) => process.nextTick(resolve));
      log.push(`${name} settled at ${clock.now()}`);
      clock.after(0, () => void log.push(`${name} again at ${clock.now()}`));
    };
    clock.after(1, () => void chain("a"));
    clock.after(1, () => void chain("b"));
    clock.after(2, () => void log.push("later"));
    await quiet();
    expect(log).toEqual(["a settled at 1", "b settled at 1", "a again at 1", "b again at 1", "later"]);
  });

  it("that set one another need nobody else, and starve nobody", async () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const tick = () => {
      ticks += 1;
      if (!isOver) clock.after(0, tick);
    };
    let isOver = false;
    clock.after(0, tick);
    const folder = await mkdtemp(join(tmpdir(), "clock-")); // real input and output go on beside them
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "file"), "written");
    expect(await readFile(join(folder, "file"), "utf8")).toBe("written");
    await new Promise((resolve) => setTimeout(resolve, 5));
    isOver = true;
    expect(ticks).toBeGreaterThan(1);
    expect(clock.now()).toBe(0);
  });

  it("go on after one has thrown, which is an uncaught exception", async () => {
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
    onTestFinished(() => {
      for (const listener of listeners) process.on("uncaughtException", listener);
    });
    const clock = new VirtualClock();
    const fault = new Error("in a timer");
    clock.after(1, () => {
      throw fault;
    });
    const next = wait(clock, 2);
    expect(await thrown).toBe(fault);
    await next;
    expect(clock.now()).toBe(2);
  });

  it("of which none is left leave the clock where it is, until there is one again", async () => {
    const clock = new VirtualClock();
    clock.hold()();
    await quiet();
    expect(clock.now()).toBe(0);
    await wait(clock, 7);
    await quiet();
    expect(clock.now()).toBe(7);
    await wait(clock, 1);
    expect(clock.now()).toBe(8);
  });
});

describe("a hold", () => {
  it("stops time until all are released, each once", async () => {
    const clock = new VirtualClock();
    let fired = false;
    const [first, second] = [clock.hold(), clock.hold()];
    clock.after(5, () => {
      fired = true;
    });
    first();
    first();
    await quiet();
    expect(fired).toBe(false);
    second();
    await quiet();
    expect(fired).toBe(true);
  });

  it("that is taken while the clock is about to go on stops it still", async () => {
    const clock = new VirtualClock();
    clock.after(5, () => {});
    await Promise.resolve();
    const release = clock.hold();
    await quiet();
    expect(clock.now()).toBe(0);
    release();
    await quiet();
    expect(clock.now()).toBe(5);
  });

  it("lasts as long as real work, and ends with it, also where it fails", async () => {
    const clock = new VirtualClock();
    clock.after(5, () => {});
    const work = new Promise((resolve) => setTimeout(resolve, 20, "done"));
    expect(await clock.during(work.then((value) => [value, clock.now()]))).toEqual(["done", 0]);
    await expect(clock.during(Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    await quiet();
    expect(clock.now()).toBe(5);
  });
});

describe("waiting", () => {
  it("ends with the signal, and leaves no timer", async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    clock.after(3, () => controller.abort(new Error("enough")));
    await expect(wait(clock, 10, controller.signal)).rejects.toThrow("enough");
    await quiet();
    expect(clock.now()).toBe(3);
    await expect(wait(clock, 10, controller.signal)).rejects.toThrow("enough");
  });
});

const execution: PythonExecution = {
  ...{ outcome: "ok", stdout: "4\n", stderr: "", outputBytes: 2 },
  ...{ milliseconds: 40, cpuMilliseconds: 30, peakMemoryMiB: 50 },
};

describe("a sandbox and a journal on virtual time", () => {
  const program = { code: "", earlier: [], showLastExpression: false, timeoutSeconds: 5, memoryMiB: 64 };
  const slowly: PythonSandbox = {
    describe: () => Promise.reject(new Error("not asked")),
    execute: () => new Promise((resolve) => setTimeout(resolve, 15, execution)),
    endSession: () => {},
    close: () => Promise.resolve(),
  };

  it("run programs while time stands still, then let it pass as they took, all at once", async () => {
    const clock = new VirtualClock();
    const sandbox = sandboxOnVirtualTime(slowly, clock);
    expect(await Promise.all([sandbox.execute(program), sandbox.execute(program)])).toEqual([execution, execution]);
    expect(clock.now()).toBe(40);
  });

  it("give up a program whose time runs out meanwhile", async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    clock.after(10, () => controller.abort());
    const { signal } = controller;
    await expect(sandboxOnVirtualTime(slowly, clock).execute({ ...program, signal })).rejects.toThrow("aborted");
    expect(clock.now()).toBe(10);
  });

  it("write rows while time stands still", async () => {
    const clock = new VirtualClock();
    clock.after(5, () => {});
    const append = () => new Promise<void>((resolve) => setTimeout(resolve, 15));
    await journalOnVirtualTime({ append, close: async () => {} }, clock).append({} as Turn);
    expect(clock.now()).toBe(0);
  });
});

describe("a real clock that runs faster", () => {
  it("goes on by itself, and its timers wait for it", async () => {
    const clock = scaledClock(1000);
    const before = clock.now();
    await wait(clock, 20_000);
    expect(clock.now() - before).toBeGreaterThan(15_000); // setTimeout may be a millisecond early
    const cancel = clock.after(10, () => expect.unreachable());
    cancel();
    await wait(clock, 100);
  });
});
