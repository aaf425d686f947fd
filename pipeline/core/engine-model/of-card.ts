import type { EngineCard } from "../../artifacts/engine-card.ts";
import { kvTokens, stepSeconds } from "../engine-arithmetic.ts";
import { EngineModel } from "./engine-model.ts";

/** The timing model of a card's engine: its limits, its KV cache, its time per step. */
export function engineModelOf(card: EngineCard): EngineModel {
  const { maxSequences, maxBatchedTokens, blockSize } = card;
  const limits = { maxSequences, maxBatchedTokens, blockSize, blocks: kvTokens(card) / blockSize };
  return new EngineModel(limits, (batch) => stepSeconds(card, batch));
}
