/** Changes of the open commons to look over: the last ones, and more when asked for. */
import type { ApiError, ChangeList, ChangeQuery, ChangeRun } from "../api/generated";
import { paced } from "../later";
import { call, problemOf } from "../platform/platform";

/** Runs asked for at a time. */
const STRETCH = 50;

class Changes {
  runs = $state.raw<readonly ChangeRun[] | null>(null);
  next = $state<string | null>(null);
  problem = $state.raw<ApiError | null>(null);
  /** Only this member's. */
  by = $state<string | null>(null);
  /** Only what is in these changes, piece by piece. */
  within = $state<string | null>(null);
  /** Runs that are chosen to be taken back. */
  chosen = $state.raw<ReadonlySet<string>>(new Set());
  #commons: string | null = null;
  #shown = false;
  #asked = 0;
  readonly #again = paced(600, () => void this.#fetch());

  /** The changes of this commons are what is wanted from now on. */
  of(commons: string | null): void {
    if (commons === this.#commons) return;
    this.#commons = commons;
    this.by = null;
    this.within = null;
    this.#forget();
  }

  #forget(): void {
    this.runs = null;
    this.next = null;
    this.chosen = new Set();
    if (this.#shown) void this.#fetch();
  }

  /** Somebody looks at the list, or does not any more. Nobody else needs it. */
  show(shown: boolean): void {
    this.#shown = shown;
    if (shown) void this.#fetch();
  }

  filter(by: string | null): void {
    if (by === this.by && this.within === null) return;
    this.by = by;
    this.within = null;
    this.#forget();
  }

  /** Looks at some changes piece by piece; at all again when at none. */
  look(within: string | null): void {
    if (within === this.within) return;
    this.within = within;
    this.#forget();
  }

  changed(commons: string): void {
    if (commons === this.#commons && this.#shown) this.#again();
  }

  missed(): void {
    if (this.#shown) this.#again();
  }

  choose(run: ChangeRun, chosen: boolean): void {
    const all = new Set(this.chosen);
    if (chosen) all.add(run.id);
    else all.delete(run.id);
    this.chosen = all;
  }

  chooseNone(): void {
    this.chosen = new Set();
  }

  /** The stretch after those that are shown. */
  async more(): Promise<void> {
    const before = this.next;
    if (before === null) return;
    await this.#ask(before, (list) => {
      const there = new Set(this.runs?.map((run) => run.id));
      // Several pieces can be of one change.
      const fresh = this.within === null ? list.runs.filter((run) => !there.has(run.id)) : list.runs;
      this.runs = [...(this.runs ?? []), ...fresh];
      this.next = list.next;
    });
  }

  #fetch(): Promise<void> {
    return this.#ask(null, (list) => {
      this.runs = list.runs;
      this.next = list.next;
      const there = new Set(list.runs.map((run) => run.id));
      this.chosen = new Set([...this.chosen].filter((id) => there.has(id)));
    });
  }

  async #ask(before: string | null, take: (list: ChangeList) => void): Promise<void> {
    const [commons, by, within] = [this.#commons, this.by, this.within];
    if (commons === null) return;
    const asked = ++this.#asked;
    // What is shown already stays shown when it is asked for again.
    const limit = before === null ? Math.min(500, Math.max(STRETCH, this.runs?.length ?? 0)) : STRETCH;
    const query: ChangeQuery = within === null ? { by, before, limit } : { within, before, limit };
    try {
      const list = await call("changes", { commons, query });
      if (asked !== this.#asked || commons !== this.#commons || within !== this.within) return;
      take(list);
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown);
    }
  }
}

export const changes = new Changes();
