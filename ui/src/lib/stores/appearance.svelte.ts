/** Light or dark, and whether the inspector is open. */
import { remember, remembered } from "../memory";

export type Theme = "system" | "light" | "dark";

class Appearance {
  theme = $state<Theme>((remembered("theme") as Theme | null) ?? "system");
  inspector = $state(remembered("inspector") !== "shut");

  choose(theme: Theme): void {
    this.theme = theme;
    remember("theme", theme === "system" ? null : theme);
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  showInspector(open: boolean): void {
    this.inspector = open;
    remember("inspector", open ? null : "shut");
  }
}

export const appearance = new Appearance();
