import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { engineCardFileSchema } from "../../pipeline/artifacts/engine-card.ts";
import { engineCardNames, loadEngineCard } from "../../pipeline/commands/engine-card-file.ts";
import { kvTokens } from "../../pipeline/core/engine-arithmetic.ts";
import { blocks, page, tableRows } from "./pages.ts";

const plan = page("plan.md");

describe("docs/plan.md", () => {
  it("shows every field of an engine card, and no other", () => {
    const [shown = ""] = blocks(plan, "yaml");
    const card = parse(shown);
    expect(engineCardFileSchema.safeParse(card).error).toBeUndefined();
    expect(Object.keys(card).toSorted()).toEqual(Object.keys(engineCardFileSchema.shape).toSorted());
    expect(Object.keys(card.model).toSorted()).toEqual(Object.keys(engineCardFileSchema.shape.model.shape).toSorted());
  });

  it("names every card", async () => {
    const named = tableRows(plan).flatMap(([first = ""]) =>
      /^`[^`]*-[^`]*`$/u.test(first) ? [first.slice(1, -1)] : [],
    );
    expect(named.toSorted()).toEqual(await engineCardNames());
  });
});

describe("docs/t4.md", () => {
  it.each([
    ["t4x2-deepseekmath-7b-gptq8", /DeepSeekMath-7B/u],
    ["t4x2-qwen25-math-7b-gptq8", /Qwen2\.5-Math-7B/u],
  ])("gives the cache of %s as it is calculated", async (name, row) => {
    const card = await loadEngineCard(name);
    const [, bytes, tokens] = tableRows(page("t4.md")).find(([first = ""]) => row.test(first)) ?? [];
    const figure = (cell = "") => Number(cell.replace(/\D/gu, ""));
    expect(Math.abs(figure(tokens) / kvTokens(card) - 1)).toBeLessThan(0.01);
    expect(figure(bytes)).toBe(2 * card.model.layers * card.model.keyValueHeads * card.model.headDimension * 2);
  });
});
