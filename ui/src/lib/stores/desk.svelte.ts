/** The pages that are open, as tabs, each commons with its own. */
import type { Event, PageRow } from "../api/generated";
import { call } from "../platform/platform";
import { retitled, wholeName } from "../names";
import { t } from "../strings";
import { around } from "./around";
import { shelf } from "./commons.svelte";
import { notices } from "./notices.svelte";
import { OpenPage } from "./openpage.svelte";
import { place } from "./place.svelte";

/** Events of sessions that are not known yet are kept for the answer that names them; not more than this many. */
const MOST_EARLY = 500;

class Desk {
  #all = $state.raw<readonly OpenPage[]>([]);
  #front = $state.raw<Readonly<Record<string, string>>>({});
  #early: Event[] = [];

  tabs = $derived(this.#all.filter((p) => p.commons === shelf.currentId));
  active = $derived(this.tabs.find((p) => p.id === this.#front[shelf.currentId ?? ""]) ?? null);

  /** Opens a page, or brings it to the front. */
  async open(row: PageRow, { focus = false } = {}): Promise<void> {
    const commons = shelf.currentId;
    if (commons === null) return;
    let page = this.#all.find((p) => p.commons === commons && p.id === row.id);
    const fresh = page === undefined;
    if (page === undefined) {
      page = new OpenPage(commons, row);
      this.#all = [...this.#all, page];
    }
    page.wantsFocus = focus;
    this.show(page);
    if (fresh) await page.open((session) => this.#takeEarly(session), around(page, (other) => void this.open(other, { focus: true })));
  }

  show(page: OpenPage): void {
    this.#front = { ...this.#front, [page.commons]: page.id };
    place.go("page");
  }

  /** Makes a page and opens it. Throws what the engine says. */
  async begin(name: string): Promise<void> {
    const commons = shelf.currentId;
    if (commons === null) return;
    const row = await call("page_new", { commons, name });
    await this.open(row, { focus: true });
  }

  async close(page: OpenPage): Promise<void> {
    const beside = this.tabs.indexOf(page);
    this.#all = this.#all.filter((p) => p !== page);
    const next = this.tabs[Math.min(beside, this.tabs.length - 1)];
    if (this.active === null && page.commons === shelf.currentId) {
      if (next !== undefined) this.#front = { ...this.#front, [next.commons]: next.id };
      else if (place.view === "page") place.go("pages");
    }
    await page.close();
  }

  /** Sends what is not sent yet, of every page. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#all.map((page) => page.close()));
  }

  /** The tab after the one in front, around. */
  next(step: 1 | -1): void {
    const { tabs } = this;
    const at = this.active === null ? 0 : tabs.indexOf(this.active);
    const page = tabs[(at + step + tabs.length) % tabs.length];
    if (page !== undefined) this.show(page);
  }

  /** Gives a page another title; its folder stays. */
  async retitle(page: OpenPage, title: string): Promise<void> {
    page.row = await call("page_rename", { commons: page.commons, page: page.id, name: retitled(page.row, title) });
  }

  async rename(page: OpenPage, name: string): Promise<void> {
    if (name.trim() === wholeName(page.row)) return;
    page.row = await call("page_rename", { commons: page.commons, page: page.id, name: name.trim() });
  }

  /** Deletes a page, which can be undone; closes it. */
  async remove(page: OpenPage): Promise<void> {
    const row = await call("page_delete", { commons: page.commons, page: page.id });
    await this.close(page);
    notices.done(t.page.deleted(row.title), async () => {
      const back = await call("page_restore", { commons: page.commons, page: page.id });
      if (shelf.currentId === page.commons) await this.open(back);
    });
  }

  async tag(page: OpenPage, tags: string[]): Promise<void> {
    page.tags = (await call("tag", { commons: page.commons, page: page.id, tags })).tags;
  }

  async untag(page: OpenPage, tag: string): Promise<void> {
    page.tags = (await call("untag", { commons: page.commons, page: page.id, tags: [tag] })).tags;
  }

  /** An event of an editor session. */
  hear(event: Extract<Event, { session: number }>): void {
    const page = this.#all.find((p) => p.session === event.session);
    if (page !== undefined) page.hear(event);
    else if (this.#all.some((p) => p.session === null)) this.#early = [...this.#early, event].slice(-MOST_EARLY);
  }

  missed(): void {
    for (const page of this.#all) page.lookAgain();
  }

  #takeEarly(session: number): readonly Event[] {
    const its = this.#early.filter((e) => "session" in e && e.session === session);
    this.#early = this.#all.some((p) => p.session === null) ? this.#early.filter((e) => !its.includes(e)) : [];
    return its;
  }
}

export const desk = new Desk();
