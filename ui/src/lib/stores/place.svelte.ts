/** Where in the app one is, and what is open over it. */

export type View = "pages" | "tags" | "people" | "search" | "page" | "nearby" | "you" | "add";
export type Over = "newPage" | "rename" | "import" | "export" | "invite" | "palette";

class Place {
  view = $state<View>("pages");
  over = $state<Over | null>(null);
  /** What the search field holds; it outlives the view. */
  searched = $state("");

  go(view: View): void {
    this.view = view;
    this.over = null;
  }

  openOver(over: Over): void {
    this.over = over;
  }

  closeOver(): void {
    this.over = null;
  }
}

export const place = new Place();
