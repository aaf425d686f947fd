import type { EngineModel, EngineState, ModelRequest, Sequence } from "../../core/engine-model/engine-model.ts";
import type { Clock } from "../../stages/ports.ts";

interface TimedRequest extends ModelRequest {
  /** Takes the request out of the model. */
  signal?: AbortSignal | undefined;
  /** Told how many tokens there are, whenever that may have changed. */
  onTokens?: ((produced: number) => void) | undefined;
}

/** An engine model on a clock. */
export class TimedModel {
  readonly model: EngineModel;
  readonly #clock: Clock;
  readonly #open = new Map<Sequence, { finish: () => void; onTokens: TimedRequest["onTokens"] }>();
  #watched = 0; // requests with `onTokens`
  #wake: { at: number; cancel: () => void } | undefined;

  constructor(model: EngineModel, clock: Clock) {
    this.model = model;
    this.#clock = clock;
  }

  /** Resolves when the model has finished the request; rejects with the signal's reason as soon as that aborts. */
  run({ signal, onTokens, ...request }: TimedRequest): Promise<Sequence> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sequence = this.model.add(request, this.#clock.now());
      const close = () => {
        signal?.removeEventListener("abort", abort);
        this.#open.delete(sequence);
        if (onTokens) this.#watched -= 1;
      };
      const abort = () => {
        close();
        this.model.abort(sequence, this.#clock.now());
        this.#setWake();
        reject(signal?.reason);
      };
      const finish = () => {
        close();
        resolve(sequence);
      };
      signal?.addEventListener("abort", abort);
      this.#open.set(sequence, { finish, onTokens });
      if (onTokens) this.#watched += 1;
      this.#setWake();
    });
  }

  state(): EngineState {
    return this.model.state(this.#clock.now());
  }

  #setWake(): void {
    const at = this.model.nextAt({ everyStep: this.#watched > 0 });
    if (at === this.#wake?.at) return;
    this.#wake?.cancel();
    this.#wake = at === undefined ? undefined : { at, cancel: this.#wakeAt(at) };
  }

  #wakeAt(at: number): () => void {
    return this.#clock.after(at - this.#clock.now(), () => {
      this.#wake = undefined;
      // A real clock may be late by then; a sum of delays may come out a little early.
      const finished = this.model.advance(Math.max(at, this.#clock.now()));
      if (this.#watched > 0) for (const [{ produced }, { onTokens }] of this.#open) onTokens?.(produced);
      for (const sequence of finished) this.#open.get(sequence)?.finish();
      this.#setWake();
    });
  }
}
