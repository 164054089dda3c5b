/** A list that the engine has for each commons: asked for when first needed, and again when an event says that it changed. */
import type { ApiError } from "../api/generated";
import { paced } from "../later";
import { problemOf } from "../platform/platform";

export class Snapshot<T> {
  value = $state.raw<T | null>(null);
  problem = $state<ApiError | null>(null);
  #commons: string | null = null;
  #asked = 0;

  constructor(
    private readonly ask: (commons: string) => Promise<T>,
    pace = 400,
  ) {
    this.#again = paced(pace, () => void this.#fetch());
  }

  readonly #again: () => void;

  /** The list of this commons is what is wanted from now on. */
  of(commons: string | null): void {
    if (commons === this.#commons) return;
    this.#commons = commons;
    this.value = null;
    if (commons !== null) void this.#fetch();
  }

  /** The list of a commons changed. */
  changed(commons: string): void {
    if (commons === this.#commons) this.#again();
  }

  /** Everything may have changed. */
  missed(): void {
    if (this.#commons !== null) this.#again();
  }

  async #fetch(): Promise<void> {
    const commons = this.#commons;
    if (commons === null) return;
    const asked = ++this.#asked;
    try {
      const value = await this.ask(commons);
      // An answer that was overtaken, or that is about another commons, is not news.
      if (asked !== this.#asked || commons !== this.#commons) return;
      this.value = value;
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown);
    }
  }
}
