/** Where in the app one is, and what is open over it. */

export type View = "pages" | "tags" | "people" | "changes" | "decisions" | "search" | "page" | "nearby" | "you" | "add";
export type Over = "newPage" | "rename" | "import" | "export" | "invite" | "propose" | "palette" | "addDevice" | "joinDevice" | "phrase" | "restore";

/** How a ticket for a device begins, which makes this one more of the person's whose ticket it is. */
const FOR_A_DEVICE = /^\s*commonplace:\/\/device\//i;

export function isForADevice(ticket: string): boolean {
  return FOR_A_DEVICE.test(ticket);
}

class Place {
  view = $state<View>("pages");
  over = $state<Over | null>(null);
  /** What the search field holds; it outlives the view. */
  searched = $state("");
  /** A ticket that the app was opened with, until the field for tickets has it. */
  ticket = $state<string | null>(null);
  /** The same of a ticket for a device. */
  deviceTicket = $state<string | null>(null);
  /** The name that a new page is offered. */
  suggested = "";

  go(view: View): void {
    this.view = view;
    this.over = null;
  }

  /** Shows a ticket where tickets are read; what comes of it is for the person to say. */
  showTicket(ticket: string): void {
    if (isForADevice(ticket)) {
      this.deviceTicket = ticket;
      this.openOver("joinDevice");
      return;
    }
    this.ticket = ticket;
    this.go("add");
  }

  openOver(over: Over): void {
    this.suggested = "";
    this.over = over;
  }

  /** Asks whether to make a page of this name. */
  openNew(name: string): void {
    this.openOver("newPage");
    this.suggested = name;
  }

  closeOver(): void {
    this.over = null;
  }
}

export const place = new Place();
