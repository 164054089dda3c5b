/** Light or dark, and whether the inspector is open. */
import { remember, remembered } from "../memory";

export type Theme = "system" | "light" | "dark";

/** As in the styles. */
const narrow = matchMedia("(max-width: 1000px)");

class Appearance {
  theme = $state<Theme>((remembered("theme") as Theme | null) ?? "system");
  #docked = $state(remembered("inspector") !== "shut");
  /** In a narrow window it lies over the text, and only while it is asked for. */
  #over = $state(false);
  #narrow = $state(narrow.matches);
  inspector = $derived(this.#narrow ? this.#over : this.#docked);

  constructor() {
    narrow.addEventListener("change", () => {
      this.#narrow = narrow.matches;
      this.#over = false;
    });
  }

  choose(theme: Theme): void {
    this.theme = theme;
    remember("theme", theme === "system" ? null : theme);
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  showInspector(open: boolean): void {
    if (this.#narrow) {
      this.#over = open;
      return;
    }
    this.#docked = open;
    remember("inspector", open ? null : "shut");
  }
}

export const appearance = new Appearance();
