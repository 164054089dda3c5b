/** What is said once at the foot of the window: trouble outside any call, and an act that can be undone. */

export interface Notice {
  text: string;
  trouble: boolean;
  /** Takes the act back. */
  undo?: () => Promise<void>;
  /** What can be done about it. */
  remedy?: Remedy;
}

/** Something to do about what is said. */
export interface Remedy {
  label: string;
  act: () => Promise<unknown>;
}

/** How long a word that asks for nothing stays, in milliseconds. */
const LASTS = 8_000;

class Notices {
  current = $state.raw<Notice | null>(null);

  trouble(text: string): void {
    this.current = { text, trouble: true };
  }

  done(text: string, undo?: () => Promise<void>): void {
    const notice = { text, trouble: false, undo };
    this.current = notice;
    // What can be undone, and trouble, stay until they are dealt with.
    if (undo === undefined) setTimeout(() => this.fade(notice), LASTS);
  }

  /** Says something that happened by itself; it stays until it is dealt with. */
  told(text: string, remedy?: Remedy): void {
    this.current = { text, trouble: false, remedy };
  }

  private fade(notice: Notice): void {
    if (this.current === notice) this.current = null;
  }

  dismiss(): void {
    this.current = null;
  }
}

export const notices = new Notices();
