/** This person's own devices, and the pairing that is under way. */
import type { ApiError, OwnDevices, PairingView, Revoked } from "../api/generated";
import { byDevice } from "../devices";
import { paced } from "../later";
import { call, problemOf } from "../platform/platform";

class Devices {
  #lists = $state.raw<readonly OwnDevices[] | null>(null);
  problem = $state.raw<ApiError | null>(null);
  /** What is compared now. */
  pairing = $state.raw<PairingView | null>(null);
  #asked = 0;

  all = $derived(byDevice(this.#lists ?? []));
  known = $derived(this.#lists !== null);

  async refresh(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const lists = await call("device_list", {});
      if (asked !== this.#asked) return;
      this.#lists = lists;
      this.problem = null;
    } catch (thrown) {
      if (asked === this.#asked) this.problem = problemOf(thrown);
    }
  }

  /** Asks again, soon; for events that may be about a device of this person's. */
  readonly refreshSoon = paced(400, () => void this.refresh());

  /** Has what is compared told again, for when it may have been missed. */
  async lookAgain(): Promise<void> {
    this.pairing = await call("device_pairing", {}).catch(() => null);
  }

  /** Throws what the engine says. */
  async revoke(device: string, commons: string | null): Promise<Revoked> {
    const revoked = await call("device_revoke", { device, commons });
    await this.refresh();
    return revoked;
  }
}

export const devices = new Devices();
