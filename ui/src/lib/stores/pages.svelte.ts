/** The long list of pages, of which only the stretches in view are held. */
import type { ApiError, PageOrder, PageRow } from "../api/generated";
import { paced } from "../later";
import { call, problemOf } from "../platform/platform";
import { chunksOf, type Span } from "../rows";

const CHUNK = 200;

export interface PageFilter {
  filter: string;
  tag: string | null;
  folder: string | null;
  order: PageOrder;
  deleted: boolean;
}

export const everything: PageFilter = { filter: "", tag: null, folder: null, order: "name", deleted: false };

class PageWindow {
  filter = $state.raw<PageFilter>(everything);
  total = $state<number | null>(null);
  problem = $state<ApiError | null>(null);
  #commons: string | null = null;
  #chunks = $state.raw<ReadonlyMap<number, readonly PageRow[]>>(new Map());
  #underWay = new Set<number>();
  #inView: Span = { from: 0, to: 40 };
  /** Answers to questions of an earlier list are not taken. */
  #list = 0;
  readonly #again = paced(500, () => this.#refresh());

  /** The row at an index, once it is here. */
  row(index: number): PageRow | undefined {
    return this.#chunks.get(Math.floor(index / CHUNK))?.[index % CHUNK];
  }

  of(commons: string | null): void {
    if (commons === this.#commons) return;
    this.#commons = commons;
    this.filter = everything;
    this.#startOver();
  }

  choose(change: Partial<PageFilter>): void {
    this.filter = { ...this.filter, ...change };
    this.#startOver(false);
  }

  /** These rows are in view: what is missing of them is asked for. */
  show(span: Span): void {
    this.#inView = span;
    for (const chunk of chunksOf(span, CHUNK)) {
      if (!this.#chunks.has(chunk) && !this.#underWay.has(chunk)) void this.#fetch(chunk);
    }
  }

  changed(commons: string, rows: readonly PageRow[]): void {
    if (commons !== this.#commons) return;
    if (rows.length > 0) {
      const news = new Map(rows.map((row) => [row.id, row]));
      const chunks = new Map(this.#chunks);
      for (const [chunk, held] of chunks) {
        if (held.some((row) => news.has(row.id))) chunks.set(chunk, held.map((row) => news.get(row.id) ?? row));
      }
      this.#chunks = chunks;
    }
    this.#again();
  }

  missed(): void {
    this.#again();
  }

  /** A new list: the rows of the old one stay in sight until the first of the new are here. */
  #startOver(forget = true): void {
    this.#list++;
    this.#underWay.clear();
    if (forget) {
      this.#chunks = new Map();
      this.total = null;
    }
    this.#inView = { from: 0, to: 40 };
    void this.#fetch(0, true);
  }

  /** The same list, changed: what is in view is asked for again, and the rest forgotten when that is here. */
  #refresh(): void {
    this.#list++;
    this.#underWay.clear();
    const [first, ...others] = chunksOf(this.#inView, CHUNK);
    void this.#fetch(first ?? 0, true).then(() => {
      for (const chunk of others) if (!this.#chunks.has(chunk)) void this.#fetch(chunk);
    });
  }

  async #fetch(chunk: number, only = false): Promise<void> {
    const commons = this.#commons;
    if (commons === null) return;
    const list = this.#list;
    this.#underWay.add(chunk);
    try {
      const { filter, tag, folder, order, deleted } = this.filter;
      const query = { filter: filter.trim() === "" ? null : filter.trim(), tag, folder, order, deleted, offset: chunk * CHUNK, limit: CHUNK };
      const answer = await call("page_list", { commons, query });
      if (list !== this.#list) return;
      this.total = answer.total;
      this.#chunks = new Map(only ? [] : this.#chunks).set(chunk, answer.rows);
      this.problem = null;
    } catch (thrown) {
      if (list === this.#list) this.problem = problemOf(thrown);
    } finally {
      if (list === this.#list) this.#underWay.delete(chunk);
    }
  }
}

export const pages = new PageWindow();
