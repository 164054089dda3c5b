/** Work that takes a while, and how far it is. */
import type { Event, Job } from "../api/generated";

export type Progress = Omit<Extract<Event, { type: "progress" }>, "type">;

class Jobs {
  all = $state.raw<readonly Progress[]>([]);

  put(progress: Progress): void {
    const others = this.all.filter((p) => p.job !== progress.job || p.commons !== progress.commons || p.with !== progress.with);
    this.all = progress.finished ? others : [...others, progress];
  }

  of(job: Job, commons: string | null): Progress | undefined {
    return this.all.find((p) => p.job === job && p.commons === commons);
  }

  forget(): void {
    this.all = [];
  }
}

export const jobs = new Jobs();
