import { describe, expect, it } from "vitest";
import { hiddenKey, holdsKey, keyHider } from "../../../pipeline/adapters/openai-engine/hidden-key.ts";

const key = 'sk-a/b"c\\d.e+f';

describe("keyHider", () => {
  it.each([
    ["as it is", `Bearer ${key}!`],
    ["within JSON", `Bearer ${JSON.stringify(key).slice(1, -1)}!`],
    ["within JSON within JSON", `Bearer ${JSON.stringify(JSON.stringify(key).slice(1, -1)).slice(1, -1)}!`],
    ["within JSON that escapes slashes", `Bearer ${JSON.stringify(key).slice(1, -1).replaceAll("/", "\\/")}!`],
  ])("finds the key %s", (_, text) => {
    expect(keyHider(key)(text)).toBe(`Bearer ${hiddenKey}!`);
    expect(holdsKey(text, `${key}\n`)).toBe(true);
  });

  it.each([
    ["without the key", key, "sk-a/b c.d"],
    ["that is one of the key's pattern", "sk.a+b(c)", "skxaab(c)"],
    ["where the key is a mere placeholder", "EMPTY", "EMPTY"],
    ["where there is no key", undefined, "Bearer x"],
  ])("leaves a text %s", (_, apiKey, text) => {
    expect(keyHider(apiKey)(text)).toBe(text);
    expect(holdsKey(text, apiKey)).toBe(false);
  });
});
