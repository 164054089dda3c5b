/** This person's devices as they think of them: each once, with all the commons that it is in. The engine tells them by commons. */
import type { CommonsName, OwnDevice, OwnDevices } from "./api/generated";

export interface MyDevice extends Omit<OwnDevice, "revoked"> {
  /** Where it is theirs. */
  commons: readonly CommonsName[];
  /** Where it was revoked. */
  revokedIn: readonly CommonsName[];
}

/** This one first, then those that are theirs, then those that are so nowhere any more; each by name. */
export function byDevice(lists: readonly OwnDevices[]): MyDevice[] {
  const all = new Map<string, MyDevice>();
  for (const { commons, devices } of lists) {
    for (const { revoked, ...device } of devices) {
      const before = all.get(device.device);
      all.set(device.device, {
        ...device,
        deviceName: device.deviceName || before?.deviceName || "",
        here: device.here || before?.here === true,
        by: device.by ?? before?.by ?? null,
        commons: [...(before?.commons ?? []), ...(revoked ? [] : [commons])],
        revokedIn: [...(before?.revokedIn ?? []), ...(revoked ? [commons] : [])],
      });
    }
  }
  const rank = (device: MyDevice): number => (device.this ? 0 : device.commons.length > 0 ? 1 : 2);
  return [...all.values()].toSorted((a, b) => rank(a) - rank(b) || a.deviceName.localeCompare(b.deviceName) || a.device.localeCompare(b.device));
}

/** The words of a recovery phrase. */
export function wordsOf(phrase: string): string[] {
  return phrase.trim().toLowerCase().split(/\s+/).filter((word) => word !== "");
}

/** So many places out of the first `count`, in their order; `random` gives numbers from 0 to 1. */
export function somePlaces(many: number, count: number, random: () => number): number[] {
  const left = Array.from({ length: count }, (_, at) => at);
  const places = Array.from({ length: Math.min(many, count) }, () => left.splice(Math.floor(random() * left.length), 1)[0] ?? 0);
  return places.toSorted((a, b) => a - b);
}
