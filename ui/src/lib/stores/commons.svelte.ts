/** The commons on this device, and the one that is open. */
import type { CommonsView, HowOut } from "../api/generated";
import { remembered, remember } from "../memory";

class CommonsShelf {
  all = $state.raw<readonly CommonsView[]>([]);
  currentId = $state<string | null>(null);
  #making = false;
  current = $derived(this.all.find((c) => c.id === this.currentId) ?? null);

  /** Whether this device is no member's of a commons any more. */
  hasLeft(id: string): boolean {
    return this.all.find((c) => c.id === id)?.left ?? false;
  }

  /** How that came, if it did. */
  howOut(id: string): HowOut | null {
    return this.all.find((c) => c.id === id)?.out?.how ?? null;
  }

  /** Whether this device is out because another of the same person revoked it. */
  wasRevoked(id: string): boolean {
    return this.howOut(id) === "revoked";
  }

  /** How that came, in a sentence; empty where it is not known. */
  howLeft(id: string): string {
    return this.all.find((c) => c.id === id)?.out?.said ?? "";
  }

  replace(all: readonly CommonsView[]): void {
    this.all = all;
    if (this.current === null) {
      const last = remembered("commons");
      this.currentId = (all.find((c) => c.id === last) ?? all[0])?.id ?? null;
    }
  }

  put(commons: CommonsView): void {
    const there = this.all.some((c) => c.id === commons.id);
    this.all = there ? this.all.map((c) => (c.id === commons.id ? commons : c)) : [...this.all, commons];
    if (!this.#making) this.currentId ??= commons.id;
  }

  /** While a commons is being made, what the engine tells of it leads nobody into it yet: that would take them from where they
   * have gone in it as soon as it is ready. */
  async making<T>(make: () => Promise<T>): Promise<T> {
    this.#making = true;
    try {
      return await make();
    } finally {
      this.#making = false;
      // What was made counts, also when not all of it could be.
      this.currentId ??= this.all[0]?.id ?? null;
    }
  }

  open(id: string): void {
    this.currentId = id;
    remember("commons", id);
  }
}

export const shelf = new CommonsShelf();
