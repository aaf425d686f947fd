import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isAvailable, isolations, python } from "../sandbox-under-test.ts";
import type { HostileProgram } from "./hostile-program.ts";
import { type Attack, Lane } from "./lane.ts";
import { programs, topics } from "./programs.ts";

describe.skipIf(!python)("a hostile program", async () => {
  for (const isolation of isolations) {
    describe.skipIf(!(await isAvailable(isolation)))(`with ${isolation}`, () => {
      let lanes: Lane[] = [];
      const attacks = new Map<HostileProgram, Promise<Attack>>();
      beforeAll(async () => {
        lanes = [await Lane.open(isolation), await Lane.open(isolation)];
        // All of them run while the tests below wait for one after the other.
        const queue = programs.map((program) => ({ program, ...Promise.withResolvers<Attack>() }));
        for (const { program, promise } of queue) {
          promise.catch(() => {}); // for the test that waits for it
          attacks.set(program, promise);
        }
        for (const lane of lanes) {
          void (async () => {
            for (let next = queue.shift(); next; next = queue.shift()) {
              await lane.attack(next.program).then(next.resolve, next.reject);
            }
          })();
        }
      });
      afterAll(async () => {
        await Promise.allSettled(attacks.values());
        await Promise.all(lanes.map((lane) => lane.close()));
      });

      for (const [topic, programs] of Object.entries(topics)) {
        describe(topic, () => {
          it.each(programs.map((program) => [program.name, program] as const))("that %s", async (_, program) => {
            const attack = await attacks.get(program);
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
