import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isAvailable, isolations, python } from "../sandbox-under-test.ts";
import type { HostileProgram } from "./hostile-program.ts";
import { type Attack, Lane } from "./lane.ts";
import { forgingResults } from "./programs/forging-results.ts";
import { otherProcesses } from "./programs/other-processes.ts";
import { reading } from "./programs/reading.ts";
import { writing } from "./programs/writing.ts";
import { programs, topics } from "./programs.ts";

/** Those that could do more as blocks of a session, which lives beside others. */
const inSessions: readonly HostileProgram[] = [...reading, ...writing, ...otherProcesses, ...forgingResults];

/** What is known to succeed there; docs/sandbox.md tells of it. */
const notStoppedInSessions = ["looks for secrets in its own memory"];

const available = python ? await Promise.all(isolations.map(isAvailable)) : [];
const usable = isolations.filter((_, index) => available[index]);

describe("a hostile program", () => {
  const lanes: Lane[] = [];
  const attacks = new Map<string, Promise<Attack>>();
  const keyOf = (isolation: string, { name }: HostileProgram, inSession: boolean) =>
    `${isolation} ${name} ${inSession}`;

  // All of them run, at every isolation, while the tests below wait for one after the other.
  beforeAll(async () => {
    for (const isolation of usable) {
      const alone = programs.map((program) => ({ program, inSession: false }));
      const beside = inSessions
        .filter(({ name }) => !notStoppedInSessions.includes(name))
        .map((program) => ({ program, inSession: true }));
      const queue = [...alone, ...beside].map((task) => ({ ...task, ...Promise.withResolvers<Attack>() }));
      for (const { program, inSession, promise } of queue) {
        promise.catch(() => {}); // for the test that waits for it
        attacks.set(keyOf(isolation, program, inSession), promise);
      }
      for (const _ of ["first", "second"]) {
        const lane = await Lane.open(isolation);
        lanes.push(lane);
        void (async () => {
          for (let next = queue.shift(); next; next = queue.shift()) {
            await lane.attack(next.program, next).then(next.resolve, next.reject);
          }
        })();
      }
    }
  });
  afterAll(async () => {
    await Promise.allSettled(attacks.values());
    await Promise.all(lanes.map((lane) => lane.close()));
  });

  async function expectFailure(isolation: string, program: HostileProgram, inSession: boolean): Promise<void> {
    const attack = await attacks.get(keyOf(isolation, program, inSession));
    expect(attack?.evidence).toEqual([]);
    const { outcome, stdout, stderr } = attack?.execution ?? {};
    expect(program.outcomes ?? ["ok"], stderr?.slice(-2000)).toContain(outcome);
    if (program.stdout !== undefined) expect(stdout).toBe(program.stdout);
  }

  for (const isolation of isolations) {
    describe.skipIf(!usable.includes(isolation))(`with ${isolation}`, () => {
      for (const [topic, programs] of Object.entries(topics)) {
        describe(topic, () => {
          for (const program of programs) {
            it(`that ${program.name}`, () => expectFailure(isolation, program, false));
          }
        });
      }

      describe("beside another session", () => {
        for (const program of inSessions) {
          const isKnown = notStoppedInSessions.includes(program.name);
          it.skipIf(isKnown)(`that ${program.name}`, () => expectFailure(isolation, program, true));
        }
      });
    });
  }
});

it("there are many hostile programs, each with a name of its own", () => {
  expect(programs.length).toBeGreaterThanOrEqual(60);
  expect(new Set(programs.map(({ name }) => name)).size).toBe(programs.length);
});
