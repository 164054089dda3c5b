/** What is said once at the foot of the window: trouble outside any call, and an act that can be undone. */

export interface Notice {
  text: string;
  trouble: boolean;
  /** Takes the act back. */
  undo?: () => Promise<void>;
}

class Notices {
  current = $state.raw<Notice | null>(null);

  trouble(text: string): void {
    this.current = { text, trouble: true };
  }

  done(text: string, undo?: () => Promise<void>): void {
    this.current = { text, trouble: false, undo };
  }

  dismiss(): void {
    this.current = null;
  }
}

export const notices = new Notices();
