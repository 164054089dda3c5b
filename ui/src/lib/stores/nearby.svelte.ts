/** Devices on this network, and who of them knocks here. */
import type { Knock, NearbyDevice } from "../api/generated";
import { call } from "../platform/platform";

class Nearby {
  devices = $state.raw<readonly NearbyDevice[]>([]);
  knocks = $state.raw<readonly Knock[]>([]);

  async refresh(): Promise<void> {
    const [devices, knocks] = await Promise.all([call("nearby", {}), call("knocks", {})]);
    this.devices = devices;
    this.knocks = knocks;
  }

  async knock(device: string): Promise<void> {
    await call("knock", { device });
    await this.refresh();
  }

  async withdraw(device: string): Promise<void> {
    await call("knock_withdraw", { device });
    await this.refresh();
  }

  async answer(device: string, commons: string | null): Promise<void> {
    await call("knock_answer", { device, commons });
    await this.refresh();
  }
}

export const nearby = new Nearby();
