/** The part of the made-up engine that is about one person's devices. What the other device does, tests say. */
import type { CommonsName, DeviceTicketView, OwnDevice, OwnDevices, Paired, PairingView, Revoked } from "../lib/api/generated";
import { refusal, type FakeEngine } from "./fakeengine";
import { QR } from "./qr";

/** A recovery phrase of 24 different words; a real one has other words. */
export const PHRASE = "able baker cider dough eager flour ginger honey iris juice kitten lemon mango nectar olive pepper quince rye sugar toast umber vanilla water yeast";

export class FakePairing {
  /** Devices beside this one, in all commons unless they are said to be revoked. */
  others: OwnDevice[] = [];
  shown: PairingView | null = null;
  /** What the new device waits for. */
  #joining: { resolve: (paired: Paired) => void; reject: (error: unknown) => void } | null = null;
  #offered = false;
  /** How long a ticket is good, in milliseconds. */
  life = 600_000;
  /** Tickets that were made, and refusals that were given. */
  offers = 0;
  declined = 0;
  /** Whether another device revoked this one. */
  revoked = false;

  constructor(private readonly engine: FakeEngine) {}

  device(name: string, more: Partial<OwnDevice> = {}): OwnDevice {
    return { device: `own-${name}`, deviceName: name, this: false, here: false, lastSeen: null, by: "Maren’s laptop", since: null, revoked: false, ...more };
  }

  list(): OwnDevices[] {
    const me = this.engine.profile;
    const mine: OwnDevice[] = me === null ? [] : [this.device(me.deviceName, { device: me.device, this: true, here: true, by: null, revoked: this.revoked })];
    return this.#names().map((commons) => ({ commons, devices: [...mine, ...this.others] }));
  }

  offer(): DeviceTicketView {
    this.#offered = true;
    this.offers++;
    return { ticket: `commonplace://device/k7f2mzq3t5n8xw4hcyb6rjd9gpv2ea7s${this.offers}`, expiresAt: Date.now() + this.life, qrSvg: QR };
  }

  /** A new device used the ticket that was made here. */
  comes(code: string, deviceName = "Phone"): void {
    this.#show({ device: "own-new", deviceName, code, approves: true });
  }

  /** The device that was compared with hung up. */
  goes(): void {
    this.#offered = false;
    this.#show(null);
  }

  approve(code: string): Paired {
    const shown = this.shown;
    if (shown === null) throw refusal("notFound", "No device waits here to be paired.");
    this.goes();
    if (shown.code !== code) throw refusal("declined", "That is not the code that this device shows.");
    this.others = [...this.others, this.device(shown.deviceName, { device: shown.device, here: true, since: Date.now() })];
    const paired = { device: shown.device, deviceName: shown.deviceName, name: this.engine.profile?.name ?? "", commons: this.#names() };
    this.engine.tell({ type: "paired", paired });
    return paired;
  }

  decline(): null {
    if (this.#joining !== null) this.fails(refusal("declined", "This device stopped waiting to be approved."));
    else if (this.#offered) this.goes();
    else throw refusal("notFound", "No device waits here to be paired.");
    this.declined++;
    return null;
  }

  join(ticket: string, deviceName: string | null): Promise<Paired> {
    if (!/^commonplace:\/\/device\/\w{12,}$/i.test(ticket)) throw refusal("ticketMalformed", "The ticket is cut short or mistyped; ask for it again. Nothing was sent.");
    this.deviceName = deviceName;
    return new Promise((resolve, reject) => (this.#joining = { resolve, reject }));
  }

  /** What the new device said that it is called. */
  deviceName: string | null = null;

  /** Both devices show this code. */
  compares(code: string): void {
    this.#show({ device: "own-old", deviceName: "", code, approves: false });
  }

  /** The other device approved, and tells of a commons by each of these names. */
  taken(...names: string[]): void {
    this.engine.profile ??= { name: "Maren", ink: "woad", device: "own-this", deviceName: this.deviceName ?? "Maren’s laptop" };
    const commons = names.map((name) => this.engine.addCommons(name, { arriving: true }));
    for (const { view } of commons) this.engine.tell({ type: "commons", commons: view });
    this.#joining?.resolve({ device: "own-old", deviceName: "Maren’s desk", name: "Maren", commons: commons.map(({ view }) => ({ id: view.id, name: view.name })) });
    this.#joining = null;
    this.#show(null);
  }

  /** The other device refused, was not reached, or the like. */
  fails(error: unknown): void {
    this.#joining?.reject(error);
    this.#joining = null;
    this.#show(null);
  }

  revoke(device: string, commons: string | null): Revoked {
    const found = this.others.find((other) => other.device === device);
    if (found === undefined) throw refusal("notFound", "You have no such device there. Nothing was changed.");
    this.others = this.others.map((other) => (other === found ? { ...other, revoked: true, here: false } : other));
    return { device, deviceName: found.deviceName, commons: this.#names().filter(({ id }) => commons === null || id === commons) };
  }

  #names(): CommonsName[] {
    return this.engine.commons.map(({ view }) => ({ id: view.id, name: view.name }));
  }

  #show(pairing: PairingView | null): void {
    this.shown = pairing;
    this.engine.tell({ type: "pairing", pairing });
  }
}
