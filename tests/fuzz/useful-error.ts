import { expect } from "vitest";
import { UserError } from "../../pipeline/core/user-error.ts";

/** What a reader gives: what it read, or a UserError that a person can do something about. Everything else is a bug. */
export type Outcome<Value> = { read: Value } | { error: UserError };

export async function outcomeOf<Value>(read: () => Value | Promise<Value>): Promise<Outcome<Value>> {
  try {
    return { read: await read() };
  } catch (error) {
    return { error: asUseful(error) };
  }
}

/** Throws what is no UserError, with its stack; an error for a user says where, and no novel. */
export function asUseful(error: unknown, ...places: readonly string[]): UserError {
  if (!(error instanceof UserError)) throw error;
  for (const place of places) expect(error.message).toContain(place);
  expect(error.message).not.toMatch(/\[object|call stack|Cannot read propert|is not a function/u);
  expect(error.message.length).toBeGreaterThan(10);
  return error;
}
