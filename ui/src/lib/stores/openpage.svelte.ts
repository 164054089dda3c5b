/** A page that is open for writing: its session with the engine, its editor, and what is told about it. */
import type { EditorView } from "@codemirror/view";
import type { ApiError, Caret, Event, Holding, PageRow } from "../api/generated";
import { showOthers } from "../editor/carets";
import { syncedText } from "../editor/collab";
import { createEditor } from "../editor/editor";
import type { Known } from "../editor/complete";
import type { OnFollow } from "../editor/links";
import { type Heading, outlineOf, wordsIn } from "../outline";
import { call, problemOf } from "../platform/platform";
import { t } from "../strings";

/** How long after the last key the outline and the count of words are made anew. */
const LOOK_OVER_MS = 400;

/** What a page's text can lead to. */
export interface Around {
  known: Known;
  onFollow: OnFollow;
}

export class OpenPage {
  readonly commons: string;
  readonly id: string;
  row = $state.raw<PageRow>() as PageRow;
  tags = $state.raw<readonly string[]>([]);
  carets = $state.raw<readonly Caret[]>([]);
  holding = $state.raw<Holding | null>(null);
  /** Why it could not be opened, or why what is typed is not taken just now. */
  problem = $state.raw<ApiError | null>(null);
  view = $state.raw<EditorView | null>(null);
  outline = $state.raw<readonly Heading[]>([]);
  words = $state(0);
  /** Where the caret is, for the outline. */
  head = $state(0);
  /** Where the page was scrolled to when it was last in sight. */
  scrolled = 0;
  /** Whether the caret is wanted in it once it is there. */
  wantsFocus = false;
  session: number | null = null;
  #closed = false;
  #lookOver: ReturnType<typeof setTimeout> | undefined;

  constructor(commons: string, row: PageRow) {
    this.commons = commons;
    this.id = row.id;
    this.row = row;
  }

  /** Opens the session and makes the editor. `early` gives events of the session that came before this knew its number. */
  async open(early: (session: number) => readonly Event[], around: Around): Promise<void> {
    this.problem = null;
    try {
      const opened = await call("editor_open", { commons: this.commons, page: this.id });
      if (this.#closed) return void call("editor_close", { session: opened.session });
      const { session } = opened;
      this.session = session;
      this.row = opened.row;
      this.tags = opened.tags;
      this.view = createEditor({
        text: opened.text,
        title: opened.row.title,
        label: t.page.textLabel,
        placeholder: t.page.placeholder,
        binding: {
          clientId: crypto.randomUUID(),
          version: opened.version,
          authority: {
            push: (version, updates) => call("editor_push", { session, version, updates }),
            pull: (version) => call("editor_pull", { session, version }),
          },
          onTrouble: (thrown) => (this.problem = problemOf(thrown)),
          onRecovered: () => (this.problem = null),
        },
        ...around,
        onCaret: (caret) => {
          // Where one's caret is, is not worth a word when it cannot be told.
          call("editor_caret", { session, anchor: caret?.anchor ?? null, head: caret?.head ?? null }).catch(() => undefined);
        },
        onChange: ({ text }) => this.#changed(text),
      });
      this.head = this.view.state.selection.main.head;
      this.#carets(opened.carets);
      this.#look();
      for (const event of early(session)) this.hear(event);
      this.holding = await call("page_holding", { commons: this.commons, page: this.id });
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
  }

  /** An event of this session. */
  hear(event: Event): void {
    switch (event.type) {
      case "editor":
        if (this.view !== null) syncedText(this.view)?.receive(event.updates);
        break;
      case "editorPage":
        this.row = event.row;
        this.tags = event.tags;
        break;
      case "carets":
        this.#carets(event.carets);
        break;
      case "held":
        this.holding = event.holding;
        break;
    }
  }

  /** Something may have been missed. */
  lookAgain(): void {
    if (this.view !== null) syncedText(this.view)?.lookAgain();
    call("page_holding", { commons: this.commons, page: this.id }).then(
      (holding) => (this.holding = holding),
      () => undefined,
    );
  }

  /** Sends what is not sent yet, and ends the session. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#lookOver);
    if (this.view !== null) {
      await syncedText(this.view)?.flush();
      this.view.destroy();
      this.view = null;
    }
    if (this.session !== null) await call("editor_close", { session: this.session }).catch(() => undefined);
  }

  /** Puts the caret at a position and shows it. */
  goTo(position: number): void {
    this.view?.dispatch({ selection: { anchor: position }, scrollIntoView: true });
    this.view?.focus();
  }

  #carets(carets: readonly Caret[]): void {
    this.carets = carets;
    if (this.view !== null) showOthers(this.view, carets);
  }

  #changed(text: boolean): void {
    if (this.view === null) return;
    this.head = this.view.state.selection.main.head;
    if (!text) return;
    clearTimeout(this.#lookOver);
    this.#lookOver = setTimeout(() => this.#look(), LOOK_OVER_MS);
  }

  #look(): void {
    if (this.view === null) return;
    const text = this.view.state.sliceDoc();
    this.outline = outlineOf(text);
    this.words = wordsIn(text);
  }
}
