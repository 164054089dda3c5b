/** What the preview puts in the place of markup. Words of the page go in as text, never as markup of the window. */
import { WidgetType } from "@codemirror/view";
import { glyph } from "./glyphs";

/** The box of a task. */
export class Tick extends WidgetType {
  constructor(
    private readonly done: boolean,
    private readonly label: string,
  ) {
    super();
  }

  override eq(other: Tick): boolean {
    return other.done === this.done && other.label === this.label;
  }

  override toDOM(): HTMLElement {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.className = "cm-tick";
    box.checked = this.done;
    box.tabIndex = -1;
    box.setAttribute("aria-label", this.label);
    return box;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

/** A short word, or a sign, in a class of its own. */
export class Sign extends WidgetType {
  constructor(
    private readonly text: string,
    private readonly look: string,
  ) {
    super();
  }

  override eq(other: Sign): boolean {
    return other.text === this.text && other.look === this.look;
  }

  override toDOM(): HTMLElement {
    const sign = document.createElement("span");
    sign.className = this.look;
    sign.textContent = this.text;
    return sign;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

/** The place of a picture: what it shows, in words, and where it is from. Nothing is fetched. */
export class PicturePlace extends WidgetType {
  constructor(
    private readonly words: string,
    private readonly source: string,
  ) {
    super();
  }

  override eq(other: PicturePlace): boolean {
    return other.words === this.words && other.source === this.source;
  }

  override toDOM(): HTMLElement {
    return picturePlace(this.words, this.source);
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

/** The same as an element, for where there are no widgets. */
export function picturePlace(words: string, source: string): HTMLElement {
  const place = document.createElement("span");
  place.className = "cm-picture";
  place.title = source;
  const name = document.createElement("span");
  name.textContent = words === "" ? (source.split("/").at(-1) ?? source) : words;
  place.append(glyph("picture"), name);
  return place;
}
