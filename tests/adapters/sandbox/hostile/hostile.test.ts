import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isAvailable, isolations, python } from "../sandbox-under-test.ts";
import type { HostileProgram } from "./hostile-program.ts";
import { type Attack, Lane } from "./lane.ts";
import { programs, topics } from "./programs.ts";

const available = python ? await Promise.all(isolations.map(isAvailable)) : [];
const usable = isolations.filter((_, index) => available[index]);

describe("a hostile program", () => {
  const lanes: Lane[] = [];
  const attacks = new Map(usable.map((isolation) => [isolation, new Map<HostileProgram, Promise<Attack>>()]));

  // All of them run, at every isolation, while the tests below wait for one after the other.
  beforeAll(async () => {
    for (const [isolation, started] of attacks) {
      const queue = programs.map((program) => ({ program, ...Promise.withResolvers<Attack>() }));
      for (const { program, promise } of queue) {
        promise.catch(() => {}); // for the test that waits for it
        started.set(program, promise);
      }
      for (const _ of ["first", "second"]) {
        const lane = await Lane.open(isolation);
        lanes.push(lane);
        void (async () => {
          for (let next = queue.shift(); next; next = queue.shift()) {
            await lane.attack(next.program).then(next.resolve, next.reject);
          }
        })();
      }
    }
  });
  afterAll(async () => {
    await Promise.allSettled([...attacks.values()].flatMap((started) => [...started.values()]));
    await Promise.all(lanes.map((lane) => lane.close()));
  });

  for (const isolation of isolations) {
    describe.skipIf(!usable.includes(isolation))(`with ${isolation}`, () => {
      for (const [topic, programs] of Object.entries(topics)) {
        describe(topic, () => {
          it.each(programs.map((program) => [program.name, program] as const))("that %s", async (_, program) => {
            const attack = await attacks.get(isolation)?.get(program);
            expect(attack?.evidence).toEqual([]);
            const { outcome, stdout, stderr } = attack?.execution ?? {};
            expect(program.outcomes ?? ["ok"], stderr?.slice(-2000)).toContain(outcome);
            if (program.stdout !== undefined) expect(stdout).toBe(program.stdout);
          });
        });
      }
    });
  }
});

it("there are many hostile programs, each with a name of its own", () => {
  expect(programs.length).toBeGreaterThanOrEqual(60);
  expect(new Set(programs.map(({ name }) => name)).size).toBe(programs.length);
});
