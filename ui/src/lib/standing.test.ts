import { describe, expect, it } from "vitest";
import type { CommonsView, ConnectedDevice, Holder, Holding } from "./api/generated";
import { standing, type Known } from "./standing";

const commons: CommonsView = { id: "c", name: "C", purpose: "", licence: "", deciding: "open", pages: 3, tags: 0, members: 2, here: 0, onlyHere: 0, arriving: false, left: false, out: null, stuck: "" };
const device = (name: string, path = "this network"): ConnectedDevice => ({ device: name, name, ink: "iris", deviceName: `${name}’s laptop`, path, rttMs: null, commons: ["c"] });
const holder = (name: string, holds: boolean, here = true): Holder => ({ device: name, name, ink: "iris", deviceName: name, at: 0, holds, here });
const holding = (holders: Holder[], more: Partial<Holding> = {}): Holding => ({ holders, wrote: true, durable: true, ...more });
const known = (more: Partial<Known> = {}): Known => ({ online: true, commons, connected: [], holding: null, people: [], jobs: [], revoked: false, now: 10_000_000, ...more });

describe("the status line", () => {
  it("says who is here and by what path", () => {
    expect(standing(known({ connected: [device("a"), device("b")] })).says).toEqual(["2 devices here, all on this network"]);
    expect(standing(known({ connected: [device("a"), device("b", "a relay")] })).says).toEqual(["2 devices here"]);
    expect(standing(known({ connected: [{ ...device("a"), commons: ["other"] }] })).says[0]).toBe("Nobody is here");
  });

  it("says that an edit is held only of devices that have said so", () => {
    const here = [device("a"), device("b"), device("c")];
    const some = standing(known({ connected: here, holding: holding([holder("a", true), holder("b", true), holder("c", false)]) }));
    expect(some.says[1]).toBe("your last edit is held by 2 of 3");
    expect(some.pips.map((p) => p.holds)).toEqual([true, true, false]);
    const all = standing(known({ connected: here, holding: holding([holder("a", true), holder("b", true)]) }));
    expect(all.says[1]).toBe("your last edit is held by all 2");
  });

  it("does not count those who are away and have said nothing", () => {
    const now = standing(known({ connected: [device("a")], holding: holding([holder("a", true), holder("z", false, false)]) }));
    expect(now.says[1]).toBe("your last edit is held by the other device");
  });

  it("never calls an edit held before it is stored, or when it is nowhere else", () => {
    expect(standing(known({ holding: holding([holder("a", true)], { durable: false }) })).says[1]).toBe("your last edit is being stored");
    expect(standing(known({ holding: holding([holder("a", false, false)]) })).says[1]).toBe("your last edit here is only on this device");
  });

  it("says what is only here, and who was last here, when nobody is", () => {
    const ines = { member: "i", name: "Ines", ink: "iris" as const, you: false, here: false, page: null, writing: false, lastSeen: 9_990_000, devices: [], reached: [], caught: [], tagged: 0, muted: false };
    const now = standing(known({ commons: { ...commons, onlyHere: 3 }, people: [ines] }));
    expect(now.says).toEqual(["Nobody is here", "3 pages have edits that are only on this device", "Ines was the last one here, just now"]);
    expect(now.lone).toBe(3);
  });

  it("says of a commons that was left nothing else", () => {
    const now = standing(known({ commons: { ...commons, left: true, onlyHere: 3 }, connected: [device("a")] }));
    expect(now.says).toEqual(["You are no member here any more"]);
    expect([now.icon, now.lone]).toEqual(["nobody", 0]);
    const out = { how: "removed", said: "Ines removed you." } as const;
    expect(standing(known({ commons: { ...commons, left: true, out } })).says).toEqual(["Ines removed you"]);
  });

  it("shows how far a sync is", () => {
    const now = standing(known({ jobs: [{ job: "sync", commons: "c", done: 412, total: 1204, finished: false, with: "Ines’s laptop" }] }));
    expect(now.says).toEqual(["Catching up from Ines’s laptop, 412 of 1,204 changes", "what has come is ready to read"]);
    expect(now.progress).toBeCloseTo(0.342, 3);
  });
});
