/** This installation: who uses it, and who is connected to it. */
import type { ApiError, Ink, Profile, Status } from "../api/generated";
import { paced } from "../later";
import { call, problemOf } from "../platform/platform";

class Session {
  phase = $state<"opening" | "failed" | "open">("opening");
  problem = $state<ApiError | null>(null);
  #status = $state.raw<Status | null>(null);

  profile = $derived(this.#status?.profile ?? null);
  connected = $derived(this.#status?.connected ?? []);
  online = $derived(this.#status?.online ?? false);
  version = $derived(this.#status?.version ?? "");
  home = $derived(this.#status?.home ?? "");

  /** Asks for everything; what comes of it is also the answer. */
  async refresh(): Promise<Status | null> {
    try {
      const status = await call("status", {});
      this.#status = status;
      this.phase = "open";
      this.problem = null;
      return status;
    } catch (thrown) {
      this.problem = problemOf(thrown);
      if (this.phase === "opening") this.phase = "failed";
      return null;
    }
  }

  /** Asks again, soon; for events that tell of others' coming and going. */
  readonly refreshSoon = paced(400, () => void this.refresh());

  /** Names the person at this device. Throws what the engine says. */
  async introduce(name: string, ink: Ink, deviceName?: string): Promise<Profile> {
    const profile = await call("init", { name: name.trim(), ink, deviceName: deviceName?.trim() });
    await this.refresh();
    return profile;
  }
}

export const session = new Session();
