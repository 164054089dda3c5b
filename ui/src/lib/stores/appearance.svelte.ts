/** Light or dark, how large the text is, and whether the inspector is open. */
import { remember, remembered } from "../memory";

export type Theme = "system" | "light" | "dark";

/** In hundredths of the usual size. */
const SIZES: readonly number[] = [100, 110, 125, 150, 175, 200];

/** Below this width, in the letters' own measure, the window is a narrow one; as in the styles. */
const NARROW_REM = 62.5;

/** The height of the root's letters in pixels: what one rem is. */
function rem(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
}

const isNarrow = (): boolean => innerWidth <= NARROW_REM * rem();

class Appearance {
  theme = $state<Theme>((remembered("theme") as Theme | null) ?? "system");
  size = $state(SIZES.find((size) => String(size) === remembered("text")) ?? 100);
  /** One rem in pixels. */
  rem = $state(rem());
  #docked = $state(remembered("inspector") !== "shut");
  /** In a narrow window it lies over the text, and only while it is asked for. */
  #over = $state(false);
  #narrow = $state(isNarrow());
  inspector = $derived(this.#narrow ? this.#over : this.#docked);

  constructor() {
    addEventListener("resize", () => this.#measure());
  }

  choose(theme: Theme): void {
    this.theme = theme;
    remember("theme", theme === "system" ? null : theme);
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  /** Larger, smaller, or as usual. */
  resize(step: 1 | -1 | 0): void {
    const at = step === 0 ? 0 : SIZES.indexOf(this.size) + step;
    const size = SIZES[at];
    if (size === undefined) return;
    this.size = size;
    remember("text", size === 100 ? null : String(size));
    document.documentElement.style.fontSize = size === 100 ? "" : `${size}%`;
    this.#measure();
  }

  get largest(): boolean {
    return this.size === SIZES.at(-1);
  }

  showInspector(open: boolean): void {
    if (this.#narrow) {
      this.#over = open;
      return;
    }
    this.#docked = open;
    remember("inspector", open ? null : "shut");
  }

  /** Somebody goes into the text, or to another page: an inspector that lies over it makes way. */
  uncover(): void {
    this.#over = false;
  }

  #measure(): void {
    this.rem = rem();
    const narrow = isNarrow();
    if (narrow === this.#narrow) return;
    this.#narrow = narrow;
    this.#over = false;
  }
}

export const appearance = new Appearance();
