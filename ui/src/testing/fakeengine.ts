/**
 * An engine for looking at the interface in a browser, and for tests of it: it keeps everything in memory and behaves as the
 * contract says. Never part of what is shipped.
 */
import { ChangeSet } from "@codemirror/state";
import type { ApiError, Caret, ChangeRun, Commands, CommonsView, DecisionView, ErrorCode, Event, FlagList, FlagQuery, FlagView, Holding, Knock, Named, NearbyDevice, PageQuery, PageRow, Person, Profile, ReachView } from "../lib/api/generated";
import type { Args, CommandName, Platform, Reply } from "../lib/platform/platform";
import { Log } from "./authority";
import { FakePairing, PHRASE } from "./fakepairing";
import { QR } from "./qr";

export interface FakePage {
  row: PageRow;
  log: Log;
  tags: Map<string, Set<string>>;
}

export interface FakeCommons {
  view: CommonsView;
  pages: FakePage[];
  people: Person[];
  /** Changes to look over, the last first. */
  runs: ChangeRun[];
  flags: FlagView[];
}

export const refusal = (code: ErrorCode, message: string): ApiError => ({ code, message });
const byName = (a: PageRow, b: PageRow): number => a.path.localeCompare(b.path) || a.title.localeCompare(b.title);

export class FakeEngine implements Platform {
  profile: Profile | null = null;
  readonly commons: FakeCommons[] = [];
  devices: NearbyDevice[] = [];
  knocks: Knock[] = [];
  holding: Holding = { holders: [], wrote: false, durable: true };
  carets: Caret[] = [];
  online = true;
  /** How far this device reaches. */
  reach: ReachView = { kind: "lan", relay: null, atNextStart: false, answers: null };
  /** What leaving a commons would bring about that nobody could undo. */
  leaving: string[] = [];
  /** This person's devices, and pairing them. */
  readonly pairing = new FakePairing(this);
  /** Set to make every call fail, as when the profile cannot be opened. */
  broken: ApiError | null = null;
  readonly #sessions = new Map<number, { page: FakePage; stop: () => void }>();
  readonly #listeners = new Set<(event: Event) => void>();
  #made = 0;

  async call<K extends CommandName>(command: K, args: Args<K>): Promise<Reply<K>> {
    await Promise.resolve();
    if (this.broken !== null) throw this.broken;
    const act = this.#commands[command] as (args: Args<K>) => Reply<K> | Promise<Reply<K>>;
    return structuredClone(await act(args));
  }

  async listen(onEvent: (event: Event) => void): Promise<void> {
    if (this.broken !== null) throw this.broken;
    this.#listeners.add(onEvent);
  }

  /** Closes the window, as its person would. */
  closing: () => Promise<void> = () => Promise.resolve();

  beforeClosing(settle: () => Promise<void>): void {
    this.closing = settle;
  }

  /** What the app was started with. */
  startedWith: string | null = null;
  /** Opens a link to the app, as somebody's mail program would. */
  open: (link: string) => void = () => undefined;

  async opened(onLink: (link: string) => void): Promise<void> {
    this.open = onLink;
    if (this.startedWith !== null) onLink(this.startedWith);
    this.startedWith = null;
  }

  async chooseFolder(): Promise<string | null> {
    return "/home/maren/handbook";
  }

  /** What was proposed, the newest first. */
  decided: DecisionView[] = [];

  /** Where the browser was sent. */
  readonly browsed: string[] = [];

  browse(address: string): void {
    this.browsed.push(address);
  }

  /** The phrase that the engine was begun anew with. */
  restored: string | null = null;

  async restore(phrase: string): Promise<void> {
    await Promise.resolve();
    if (phrase.split(" ").length !== 24 || phrase.includes("kettle")) throw refusal("badArgument", "These are not the 24 words of a recovery phrase: one is missing, mistyped or in another place. Nothing was changed.");
    this.restored = phrase;
    this.#listeners.clear();
  }

  title(text: string): void {
    document.title = text;
  }

  tell(event: Event): void {
    for (const listener of this.#listeners) listener(structuredClone(event));
  }

  addCommons(name: string, more: Partial<CommonsView> = {}): FakeCommons {
    const view: CommonsView = { id: this.#id("c"), name, purpose: "", licence: "CC-BY-SA-4.0", deciding: "open", pages: 0, tags: 0, members: 1, here: 0, onlyHere: 0, arriving: false, left: false, out: null, stuck: "", ...more };
    const commons: FakeCommons = { view, pages: [], people: [], runs: [], flags: [] };
    this.commons.push(commons);
    return commons;
  }

  addPage(commons: FakeCommons, name: string, body = "", changedAt = Date.now()): FakePage {
    const parts = name.split("/").map((p) => p.trim());
    const title = parts.pop() ?? "";
    const page: FakePage = { row: { id: this.#id("p"), title, path: parts.join("/"), changedAt, deleted: false }, log: new Log(body, 3), tags: new Map() };
    commons.pages.push(page);
    commons.view.pages++;
    return page;
  }

  /** Somebody else types into a page. */
  far(page: FakePage, from: number, to: number, insert: string): void {
    const changes = ChangeSet.of({ from, to, insert }, page.log.text.length, "\n").toJSON() as (number | (number | string)[])[];
    page.log.append([{ clientId: "engine", changes }]);
  }

  /** The sessions that a page is open in. */
  sessionsOf(page: FakePage): number[] {
    return [...this.#sessions].filter(([, s]) => s.page === page).map(([session]) => session);
  }

  #id(kind: string): string {
    return `${kind}${(++this.#made).toString(36).padStart(6, "a")}`;
  }

  #count(commons: FakeCommons): void {
    const alive = commons.pages.filter((p) => !p.row.deleted);
    commons.view.pages = alive.length;
    commons.view.tags = new Set(alive.flatMap((p) => [...p.tags.keys()])).size;
  }

  #find(id: string): FakeCommons {
    const found = this.commons.find((c) => c.view.id === id);
    if (found === undefined) throw refusal("notFound", "There is no such commons on this device.");
    return found;
  }

  #page(commons: string, id: string): FakePage {
    const all = this.#find(commons).pages;
    const named = all.filter((p) => (p.row.path === "" ? p.row.title : `${p.row.path}/${p.row.title}`) === id);
    const titled = named.length > 0 ? named : all.filter((p) => p.row.title === id);
    if (titled.length > 1) throw refusal("ambiguous", `Several pages answer to “${id}”.`);
    const found = all.find((p) => p.row.id === id) ?? titled[0];
    if (found === undefined) throw refusal("notFound", "There is no such page.");
    return found;
  }

  #changed(commons: string, ...pages: FakePage[]): void {
    const owner = this.#find(commons);
    this.#count(owner);
    this.tell({ type: "pages", commons, rows: pages.map((p) => p.row) });
    this.tell({ type: "commons", commons: owner.view });
  }

  #me(): Profile {
    if (this.profile === null) throw refusal("noProfile", "Say first what people call you; nothing was changed.");
    return this.profile;
  }

  #list(commons: FakeCommons, query: PageQuery): Reply<"page_list"> {
    const wanted = (query.filter ?? "").toLocaleLowerCase();
    const rows = commons.pages
      .filter((p) => p.row.deleted === (query.deleted ?? false))
      .filter((p) => query.tag == null || p.tags.has(query.tag))
      .filter((p) => query.folder == null || `${p.row.path}/`.startsWith(`${query.folder}/`))
      .map((p) => p.row)
      .filter((r) => `${r.path}/${r.title}`.toLocaleLowerCase().includes(wanted));
    rows.sort(query.order === "lately" ? (a, b) => b.changedAt - a.changedAt : byName);
    const offset = query.offset ?? 0;
    return { total: rows.length, rows: rows.slice(offset, offset + (query.limit ?? 200)) };
  }

  #noDecision(): never {
    throw refusal("notFound", "There is no decision, ticket or request here. Nothing was changed.");
  }

  #decision(id: string): DecisionView {
    return this.decided.find((view) => view.row.id === id) ?? this.#noDecision();
  }

  /** The same once more, as a proposal that waits for its voices. */
  #again(id: string): Reply<"propose"> {
    const before = this.#decision(id);
    const decision: DecisionView = { ...before, row: { ...before.row, id: this.#id("d"), outcome: "open", standing: "open, 0 of 2 yes", again: false }, why: [] };
    this.decided = [decision, ...this.decided.map((view) => (view === before ? { ...view, row: { ...view.row, again: false } } : view))];
    this.tell({ type: "decisions", commons: before.row.commons });
    return { said: "This is proposed, and counts once it has what it needs.", decision };
  }

  #show(page: FakePage): Reply<"page_show"> {
    return { row: page.row, body: page.log.string, tags: [...page.tags.keys()].sort(), hidden: false, anew: null, flags: { flags: [], more: [], next: null } };
  }

  #write(commons: string, page: FakePage, body: string): PageRow {
    this.far(page, 0, page.log.text.length, body);
    page.row = { ...page.row, changedAt: Date.now() };
    this.#changed(commons, page);
    return page.row;
  }

  #alter(commons: string, id: string, change: Partial<PageRow>): PageRow {
    const page = this.#page(commons, id);
    page.row = { ...page.row, ...change, changedAt: Date.now() };
    this.#changed(commons, page);
    for (const session of this.sessionsOf(page)) this.tell({ type: "editorPage", session, row: page.row, tags: [...page.tags.keys()] });
    return page.row;
  }

  #session(session: number): { page: FakePage; stop: () => void } {
    const found = this.#sessions.get(session);
    if (found === undefined) throw refusal("notFound", "This page is not open any more.");
    return found;
  }

  #ticket(name: string, commons: string, hours = 72, uses = 1): Reply<"ticket_read"> {
    const ticket = "commonplace://join/k7f2mzq3t5n8xw4hcyb6rjd9gpv2ea7sl3ku5oi4t8n6hq2wzc9qa";
    return { ticket, commons, name, inviter: "Ines", ink: "verdigris", expiresAt: Date.now() + hours * 3_600_000, uses, alreadyIn: false, expired: false, qrSvg: QR };
  }

  readonly #commands: { [K in keyof Commands]: (args: Commands[K]["args"]) => Commands[K]["reply"] | Promise<Commands[K]["reply"]> } = {
    status: () => ({
      version: "0.1.0", home: "/home/maren/.local/share/commonplace", profile: this.profile, commons: this.commons.map((c) => c.view), online: this.online, elsewhere: false,
      connected: this.devices.filter((d) => d.shared.length > 0).map((d) => ({ ...d, path: "this network", rttMs: 2, commons: this.commons.filter((c) => d.shared.includes(c.view.name)).map((c) => c.view.id) })),
    }),
    init: ({ name, ink, deviceName }) => {
      if (name.trim() === "") throw refusal("badArgument", "A name needs at least one letter; nothing was changed.");
      this.profile = { name, ink: ink ?? "woad", device: "dev7f2mzq3t5n8xw4hcyb6rjd9gp", deviceName: deviceName ?? this.profile?.deviceName ?? "Maren’s laptop" };
      return this.profile;
    },
    reach: () => this.reach,
    reach_set: ({ kind, relay }) => {
      if (kind === "relay" && !/^https?:\/\/[\w.-]+(:\d+)?$/.test(relay ?? "")) throw refusal("badArgument", "A relay’s address is like https://relay.example.org. Nothing was changed.");
      this.reach = { kind, relay: kind === "relay" ? (relay ?? null) : null, atNextStart: kind !== "lan", answers: null };
      return this.reach;
    },
    doctor: () => [],
    commons_list: () => this.commons.map((c) => c.view),
    commons_new: ({ name, purpose, licence }) => {
      const me = this.#me();
      const commons = this.addCommons(name, { purpose: purpose ?? "", licence: licence ?? "CC-BY-SA-4.0" });
      commons.people.push({ member: "me", name: me.name, ink: me.ink, you: true, here: true, page: null, writing: false, lastSeen: null, devices: [me.deviceName], reached: [], caught: [], tagged: 0, muted: false });
      return commons.view;
    },
    leaving: () => ({ says: this.leaving }),
    leave: ({ commons, anyway }) => {
      if (this.leaving.length > 0 && anyway !== true) throw refusal("notAllowed", `${this.leaving.join(" ")} Nothing was changed.`);
      const { view } = this.#find(commons);
      Object.assign(view, { left: true, out: { how: "left", said: "You left." } });
      this.tell({ type: "commons", commons: view });
      return null;
    },
    invite: ({ commons, uses, hours }) => this.#ticket(this.#find(commons).view.name, commons, hours ?? 72, uses ?? 1),
    ticket_read: ({ ticket }) => {
      if (!/^commonplace:\/\/join\/\w{12,}$/.test(ticket.trim())) throw refusal("ticketMalformed", "Cut short. Ask for it again; nothing was sent.");
      return this.#ticket("Mill Lane Repair Café", "far");
    },
    ticket_from_picture: () => this.#ticket("Mill Lane Repair Café", "far"),
    join: async () => {
      this.#me();
      await new Promise((resolve) => setTimeout(resolve, 1200));
      const commons = this.addCommons("Mill Lane Repair Café", { members: 23, here: 1, arriving: true });
      return commons.view;
    },
    nearby: () => this.devices,
    knock: ({ device }) => this.#knocked(device, "waiting"),
    knock_withdraw: ({ device }) => this.#knocked(device, "none"),
    knocks: () => this.knocks,
    knock_answer: ({ device }) => {
      this.knocks = this.knocks.filter((k) => k.device !== device);
      this.tell({ type: "knocks", knocks: this.knocks });
      return null;
    },
    page_list: ({ commons, query }) => this.#list(this.#find(commons), query),
    page_new: ({ commons, name, body }) => {
      if (name.trim() === "") throw refusal("badArgument", "A page needs a name; nothing was made.");
      const page = this.addPage(this.#find(commons), name, body ?? "");
      this.#changed(commons, page);
      return page.row;
    },
    tickets: () => [],
    ticket_close: () => this.#noDecision(),
    asking: () => [],
    vouch: () => this.#noDecision(),
    picture_read: () => "commonplace://device/k7f2mzq3t5n8xw4hcyb6rjd9gpv2ea7s",
    device_list: () => this.pairing.list(),
    device_add: () => {
      this.#me();
      return this.pairing.offer();
    },
    device_join: ({ ticket, deviceName }) => this.pairing.join(ticket, deviceName ?? null),
    device_pairing: () => this.pairing.shown,
    device_approve: ({ code }) => this.pairing.approve(code),
    device_decline: () => this.pairing.decline(),
    device_revoke: ({ device, commons }) => this.pairing.revoke(device, commons ?? null),
    device_phrase: () => PHRASE,
    charter: ({ commons }) => {
      const { id, name, purpose, licence, deciding, stuck } = this.#find(commons).view;
      const entry = { admission: "ticket", admissionMeaning: "Whoever has a ticket comes in." } as const;
      return { commons: id, name, purpose, licence, text: "", deciding, needed: null, quorum: null, meaning: "What any member does counts at once.", ...entry, stewards: [], electors: [], waiting: [], stuck };
    },
    propose: ({ proposed }) => (proposed.what === "again" ? this.#again(proposed.decision) : this.#noDecision()),
    vote: () => this.#noDecision(),
    decisions: ({ commons }) => this.decided.map((view) => view.row).filter((row) => row.commons === commons),
    decision: ({ decision }) => this.#decision(decision),
    page_show: ({ commons, page }) => this.#show(this.#page(commons, page)),
    page_write: ({ commons, page, body }) => this.#write(commons, this.#page(commons, page), body),
    page_append: ({ commons, page, text }) => this.#write(commons, this.#page(commons, page), this.#page(commons, page).log.string + text),
    page_rename: ({ commons, page, name }) => {
      const parts = name.split("/");
      return this.#alter(commons, page, { title: parts.pop() ?? "", path: parts.join("/") });
    },
    page_delete: ({ commons, page }) => this.#alter(commons, page, { deleted: true }),
    page_restore: ({ commons, page }) => this.#alter(commons, page, { deleted: false }),
    page_holding: () => this.holding,
    editor_open: ({ commons, page: id }) => {
      const page = this.#page(commons, id);
      const session = this.#sessions.size + 1 + this.#made++;
      const stop = page.log.listen((updates) => this.tell({ type: "editor", session, updates }));
      this.#sessions.set(session, { page, stop });
      const here = this.#find(commons).people.filter((p) => p.page?.id === id).map((p) => p.name);
      return { session, version: page.log.version, text: page.log.string, row: page.row, tags: [...page.tags.keys()].sort(), carets: this.carets.filter((c) => here.includes(c.name)) };
    },
    editor_push: ({ session, version, updates }) => {
      const { page } = this.#session(session);
      const pushed = page.log.push(version, updates);
      if (pushed.accepted && !this.holding.wrote) {
        this.holding = { ...this.holding, wrote: true };
        this.tell({ type: "held", session, holding: this.holding });
      }
      return pushed;
    },
    editor_pull: ({ session, version }) => this.#session(session).page.log.pull(version),
    editor_caret: () => null,
    editor_close: ({ session }) => {
      this.#session(session).stop();
      this.#sessions.delete(session);
      return null;
    },
    tag: ({ commons, page: id, tags }) => this.#tagged(commons, id, (page) => tags.forEach((tag) => page.tags.set(tag, (page.tags.get(tag) ?? new Set()).add("me")))),
    untag: ({ commons, page: id, tags }) => this.#tagged(commons, id, (page) => tags.forEach((tag) => page.tags.delete(tag))),
    tags: ({ commons }) => {
      const rows = new Map<string, { pages: number; people: Set<string> }>();
      for (const page of this.#find(commons).pages.filter((p) => !p.row.deleted)) {
        for (const [tag, who] of page.tags) {
          const row = rows.get(tag) ?? { pages: 0, people: new Set<string>() };
          row.pages++;
          for (const person of who) row.people.add(person);
          rows.set(tag, row);
        }
      }
      return [...rows].map(([tag, { pages, people }]) => ({ tag, pages, people: people.size, mine: people.has("me") })).sort((a, b) => b.pages - a.pages);
    },
    people: ({ commons }) => this.#find(commons).people,
    changes: ({ commons, query }) => {
      const [from, limit] = [Number(query.before ?? 0), query.limit ?? 50];
      const wanted = (run: ChangeRun) => (query.by == null || run.who?.member === query.by) && (query.within == null || run.id === query.within);
      const runs = this.#find(commons).runs.filter(wanted).map((run) => (query.within == null ? run : { ...run, unread: 0 }));
      const flags = this.#find(commons).flags;
      const shown = runs.slice(from, from + limit).map((run) => ({ ...run, flags: flags.filter((flag) => flag.change === run.id) }));
      return { runs: shown, next: from + limit < runs.length ? String(from + limit) : null };
    },
    revert: ({ commons, changes, dry }) => this.#revert(this.#find(commons), changes, dry),
    mute: ({ commons, member }) => this.#mute(commons, member, true),
    unmute: ({ commons, member }) => this.#mute(commons, member, false),
    muted: ({ commons }) => this.#muted(commons),
    flag: ({ commons, what, reason }) => {
      const owner = this.#find(commons);
      const run = owner.runs.find((r) => r.id === what);
      const page = run?.page ?? this.#page(commons, what).row;
      const me = this.#me();
      const flag = { who: { member: "me", name: me.name, ink: me.ink, you: true }, page, change: run?.id ?? null, reason: reason ?? "" };
      owner.flags = [...owner.flags.filter((f) => !(f.who.you && (f.change ?? f.page.id) === what)), flag];
      this.tell({ type: "flags", commons });
      return flag;
    },
    unflag: ({ commons, what }) => {
      const owner = this.#find(commons);
      owner.flags = owner.flags.filter((f) => !(f.who.you && (f.change ?? f.page.id) === what));
      this.tell({ type: "flags", commons });
      return this.#flags(commons, {});
    },
    flags: ({ commons, query }) => this.#flags(commons, query),
    search: ({ commons, query, limit }) => this.#search(this.#find(commons), query, limit ?? 30),
    import: async ({ commons, dir }) => this.#import(this.#find(commons), dir),
    export: ({ commons, overwrite }) => this.#export(this.#find(commons), overwrite === true),
  };

  /** Files that somebody edited since the last export, by name. */
  edited: string[] = [];

  #export(commons: FakeCommons, overwrite: boolean): Reply<"export"> {
    const kept = overwrite ? [] : [...this.edited];
    if (overwrite) this.edited = [];
    return { written: commons.view.pages - kept.length, same: 0, renamed: [], kept, keptTotal: kept.length, unread: [], unreadTotal: 0 };
  }

  /** Takes out what a run inserted, where it is still there, and brings back nothing. */
  /** Of each member the newest, as many as an engine gives, or all of one member's. */
  #flags(commons: string, query: FlagQuery): FlagList {
    const all = this.#find(commons).flags.filter((flag) => query.page == null || flag.page.id === query.page);
    if (query.by != null) {
      const [from, limit] = [Number(query.before ?? 0), query.limit ?? 50];
      const theirs = all.filter((flag) => flag.who.member === query.by);
      return { flags: theirs.slice(from, from + limit), more: [], next: from + limit < theirs.length ? String(from + limit) : null };
    }
    const each = query.page == null ? 20 : 5;
    const whose = new Map<string, FlagView[]>();
    for (const flag of all) whose.set(flag.who.member, [...(whose.get(flag.who.member) ?? []), flag]);
    const more = [...whose.values()].filter((flags) => flags.length > each).map((flags) => ({ who: flags[0]!.who, count: flags.length - each }));
    return { flags: [...whose.values()].flatMap((flags) => flags.slice(-each)), more, next: null };
  }

  /** Runs that cannot be taken back, and why. */
  readonly stuck = new Map<string, string>();

  #revert(commons: FakeCommons, ids: string[], dry: boolean): Reply<"revert"> {
    const failed = ids.filter((id) => this.stuck.has(id)).map((id) => ({ page: commons.runs.find((r) => r.id === id)?.page ?? null, changes: [id], reason: this.stuck.get(id) ?? "" }));
    const pages = ids.filter((id) => !this.stuck.has(id)).map((id): Reply<"revert">["pages"][number] => {
      const run = commons.runs.find((r) => r.id === id);
      if (run === undefined) throw refusal("notFound", `There are no changes “${id}” on this device.`);
      const page = commons.pages.find((p) => p.row.id === run.page?.id);
      const at = page?.log.string.indexOf(run.insertedText) ?? -1;
      const there = run.insertedText !== "" && at >= 0;
      if (there && !dry && page !== undefined) this.far(page, at, at + run.insertedText.length, "");
      const out = there ? run.inserted : 0;
      return {
        page: page?.row ?? null, change: there && !dry ? `${run.id}r` : null, taken: [id], out, back: 0, outText: there ? run.insertedText : "", backText: "",
        done: there ? [`${out} characters taken out`] : [], left: there ? [] : [`${run.inserted} characters of what was written are not there any more.`],
      };
    });
    if (!dry) this.#changed(commons.view.id);
    return { dry, pages, failed, refused: [] };
  }

  #mute(commons: string, member: string, muted: boolean): Named[] {
    const owner = this.#find(commons);
    owner.people = owner.people.map((p) => (p.member === member ? { ...p, muted } : p));
    this.tell({ type: "people", commons });
    return this.#muted(commons);
  }

  #muted(commons: string): Named[] {
    return this.#find(commons).people.filter((p) => p.muted).map(({ member, name, ink, you }) => ({ member, name, ink, you }));
  }

  #knocked(device: string, knock: NearbyDevice["knock"]): null {
    this.#me();
    this.devices = this.devices.map((d) => (d.device === device ? { ...d, knock } : d));
    this.tell({ type: "nearby", devices: this.devices });
    return null;
  }

  #tagged(commons: string, id: string, act: (page: FakePage) => void): Reply<"tag"> {
    const page = this.#page(commons, id);
    act(page);
    this.#count(this.#find(commons));
    this.tell({ type: "tags", commons });
    this.tell({ type: "commons", commons: this.#find(commons).view });
    return this.#show(page);
  }

  #search(commons: FakeCommons, query: string, limit: number): Reply<"search"> {
    const wanted = query.toLocaleLowerCase();
    const hits = commons.pages
      .filter((p) => !p.row.deleted && `${p.row.title}\n${p.log.string}`.toLocaleLowerCase().includes(wanted))
      .slice(0, limit)
      .map((p) => {
        const text = p.log.string.replaceAll("\n", " ");
        const at = text.toLocaleLowerCase().indexOf(wanted);
        if (at < 0) return { row: p.row, snippet: [{ text: text.slice(0, 120), hit: false }] };
        const [from, to] = [Math.max(0, at - 60), at + wanted.length];
        return { row: p.row, snippet: [{ text: text.slice(from, at), hit: false }, { text: text.slice(at, to), hit: true }, { text: text.slice(to, to + 90), hit: false }] };
      });
    const has = (name: string): boolean => name.toLocaleLowerCase().includes(wanted);
    return { hits, tags: (this.#commands.tags({ commons: commons.view.id }) as Reply<"tags">).filter((t) => has(t.tag)), people: commons.people.filter((p) => has(p.name)) };
  }

  async #import(commons: FakeCommons, dir: string): Promise<Reply<"import">> {
    if (!dir.startsWith("/")) throw refusal("notFound", "There is no folder at that place. Nothing was taken in.");
    const total = 180;
    for (let done = 0; done < total; done++) {
      this.addPage(commons, `handbook/${done % 7}/Page ${done}`, `# Page ${done}\n`);
      if (done % 6 !== 0) continue;
      this.tell({ type: "progress", job: "import", commons: commons.view.id, done, total, finished: false, with: "" });
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    this.tell({ type: "progress", job: "import", commons: commons.view.id, done: total, total, finished: true, with: "" });
    this.tell({ type: "pages", commons: commons.view.id, rows: [] });
    this.tell({ type: "commons", commons: commons.view });
    return { made: total, changed: 0, same: 0, skipped: [{ path: "photos/kettle.md", reason: "not UTF-8 text" }, { path: "old/loop", reason: "a link, and links are not followed" }], skippedTotal: 2 };
  }
}
