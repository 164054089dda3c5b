/** What the made-up engine holds: the repair café of the drawings, and who is there. */
import type { Caret, ChangeRun, Ink, Person } from "../lib/api/generated";
import { FakeEngine, type FakeCommons, type FakePage } from "./fakeengine";

const TOASTERS = `Nine times in ten it is crumbs. The tenth time it is the small *electromagnet* that holds the carriage down, and that one is worth learning: the same part sits in every toaster made since the eighties.

> [!warning]
> **Plug out, and in your own pocket.** The element stays hot a while.

- [x] Ask what it did the last time it worked
- [ ] Photograph the wiring before anything moves

## Find the fault

| What you see | Likely | Try |
| --- | --- | --- |
| Pops up at once | No current to it | Look for soot on the contacts |
| Stays while held | Dirt on the magnet | Clean it, *as below* |
| Pops after 5 s | Timer | [[Reading a timer board]] |

### Clean the magnet

1. Turn it over, take out the four screws and lift the shell straight up.
2. Wipe both faces with spirit until the swab comes away cl
3. The gap must close **flat**: see [[Cleaning contacts]]
4. Press the lever and hold it down for ten seconds. It should click and stay.

### Replace the magnet

If the coil reads open on the meter, between \`80 Ω\` and \`250 Ω\` being well, it is the coil and not the dirt. We keep four in the drawer marked *Holding*; write on the drawer’s page when you take one.

\`\`\`
meter: 200 Ω range
probe: coil ends, plug out
\`\`\`

![The drawer, open](drawer.jpg)

- Spare coils
  - from the blue crate, which stands under the second bench by the window and is shared with the Thursday group
  - ~~from the attic~~

---

## Close it and test

Two slices of yesterday’s bread, the middle setting, and the owner watching. It is their toaster: let them press the lever.
`;

const HOUR = 3_600_000;

function person(name: string, ink: Ink, more: Partial<Person> = {}): Person {
  return { member: name, name, ink, you: false, here: false, page: null, writing: false, lastSeen: null, devices: [`${name}’s laptop`], reached: [], caught: [], tagged: 0, muted: false, ...more };
}

export interface Story {
  engine: FakeEngine;
  cafe: FakeCommons;
  toasters: FakePage;
}

/** Before the first minute: nobody has a name yet, and two devices are near. */
export function firstMinute(): FakeEngine {
  const engine = new FakeEngine();
  const now = Date.now();
  engine.devices = [
    { device: "d1", name: "Ines", ink: "verdigris", deviceName: "laptop", seenAt: now, shared: [], knock: "none" },
    { device: "d2", name: "Piet", ink: "ochre", deviceName: "bench PC", seenAt: now, shared: [], knock: "waiting" },
  ];
  return engine;
}

const SCRIPTS = `مرحبًا بكم في كتاب **مشترك** بلا خادم، اكتبوا ما تشاؤون، وانظروا [[دليل الإصلاح]].

- [ ] مهمة لم تنجز بعد
- [x] مهمة أنجزت

> [!note]
> ملاحظة في إطار.

| القطعة | العدد |
| --- | --: |
| ملف التسخين | 4 |
| زر التشغيل | 12 |

知識共有是一本沒有伺服器的書。在這裡寫下您想要保存的一切，見 [[清潔接點]]。

| A column with a very long name of its own | Another | A third | A fourth that is longer | A fifth | Sixth |
| --- | --- | --- | --- | --- | --- |
| Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft | x | https://example.org/a/very/long/address/that/does/not/end | \`code\` | ~~gone~~ | **last** |
`;

/** The café again, with long names and scripts that are not Latin. */
export function manyScripts(): Story {
  const story = repairCafe(40);
  const { engine, cafe } = story;
  cafe.view.name = "The very long named Association of Repair Cafés of the Lower Mill Lane and its Neighbouring Streets";
  const page = engine.addPage(cafe, "دليل الإصلاح/إصلاح الأجهزة المنزلية الصغيرة وصيانتها في المقهى", SCRIPTS);
  engine.addPage(cafe, "清潔接點、更換磁鐵與測試烤麵包機的完整步驟說明", "步驟一。\n");
  engine.addPage(cafe, "Guides/Deeply/Nested/Folders/Of/The/Handbook/Something with a title that goes on for rather longer than any row has room for, and then some more", "Long.\n");
  for (const tag of ["كهرباء", "焊接", "a-tag-with-a-name-that-is-longer-than-most-of-the-others-in-use-here"]) page.tags.set(tag, new Set(["me"]));
  cafe.people.push(person("Maximiliane Hildegard von und zu Oberunterfranken-Schwarzenbergheim", "madder", { here: true, page: page.row }), person("فاطمة الزهراء", "fern", { lastSeen: Date.now() }), person("王小明", "umber", { here: true }));
  return { ...story, toasters: page };
}

/** What some of them did lately. */
function runsOf(cafe: FakeCommons): ChangeRun[] {
  const run = (n: number, who: string, page: number, more: Partial<ChangeRun>): ChangeRun => {
    const person = cafe.people.find((p) => p.name === who)!;
    const at = Date.now() - n * 7 * 60_000;
    return {
      id: `k7f2mzq3t5n8xw4hcyb6rjd9g${n}.1-${n + 3}`, who: { member: person.member, name: who, ink: person.ink, you: person.you }, device: person.devices[0] ?? "", page: cafe.pages[page]!.row,
      beganAt: at - 60_000, at, changes: n + 3, summary: "", inserted: 0, deleted: 0, insertedText: "", deletedText: "", takesBack: [], takesBackMore: 0, unread: 0, revertible: true, flags: [], moreFlags: 0, ...more,
    };
  };
  return [
    run(1, "Ines", 0, { summary: "wrote 34 characters", inserted: 34, insertedText: "write on the drawer’s page when yo" }),
    run(2, "Femi", 1, { summary: "wrote 9 characters and deleted 41 characters", inserted: 9, insertedText: "Soldering", deleted: 41, deletedText: "Unplug it first, and let it cool for a bit." }),
    run(3, "Noor", 2, { summary: "renamed it to “Zips: replacing the slider” and moved it to “Guides”" }),
    run(4, "Wanda", 3, { page: null, summary: "tagged “Sewing machine tension” #sewing and took #machines off “Sewing machine tension”", revertible: false }),
    run(5, "Tomás", 5, { summary: "began the page and wrote 62 characters", inserted: 62, insertedText: "Reading a timer board Soldering, from the start, and what to l…" }),
  ];
}

/** A café with 23 members, four of them here, and as many pages as asked for. */
export function repairCafe(pages = 148): Story {
  const engine = new FakeEngine();
  const now = Date.now();
  engine.profile = { name: "Maren", ink: "woad", device: "dev7f2mzq3t5n8xw4hcyb6rjd9gp", deviceName: "Maren’s laptop" };
  const cafe = engine.addCommons("Mill Lane Repair Café", { members: 23, here: 3 });
  engine.addCommons("Harbour Street Co-op", { members: 9 });
  engine.addCommons("Seed Library", { members: 4 });
  const toasters = engine.addPage(cafe, "Guides/Toasters that won’t stay down", TOASTERS, now - 30_000);
  const lately = ["Guides/Kettles that trip the breaker", "Guides/Zips: replacing the slider", "Guides/Sewing machine tension", "Cleaning contacts", "Reading a timer board", "Guides/Lamps: rewiring a plug", "Open day checklist", "Bench rules", "Who brings which tools"];
  lately.forEach((name, i) => engine.addPage(cafe, name, `# ${name}\n\nSoldering, from the start, and what to look for.\n`, now - (i + 1) * 9 * HOUR));
  for (let i = cafe.pages.length; i < pages; i++) engine.addPage(cafe, `${["Archive", "Archive/2024", "Meetings", "Parts"][i % 4]}/Note ${i}`, `Note ${i}\n`, now - i * 11 * HOUR);
  for (const [tag, who] of [["toasters", ["Ines", "me"]], ["electrical", ["Wanda"]], ["first-repair", ["Ines"]]] as const) toasters.tags.set(tag, new Set(who));
  cafe.pages.slice(1, 9).forEach((p, i) => p.tags.set(["electrical", "soldering", "open-day"][i % 3]!, new Set(["Ines", "Noor"].slice(0, 1 + (i % 2)))));
  cafe.view.tags = 5;
  cafe.people = [
    person("Maren", "woad", { you: true, here: true, tagged: 3 }),
    person("Ines", "verdigris", { here: true, page: toasters.row, writing: true, tagged: 12 }),
    person("Tomás", "rust", { here: true, page: toasters.row }),
    person("Noor", "iris", { here: true, page: cafe.pages[1]!.row, devices: ["Noor’s bench PC"], reached: [{ deviceName: "Noor’s bench PC", path: "this network", rttMs: 2.2 }], tagged: 4 }),
    person("Wanda", "olive", { lastSeen: now - 5 * HOUR }),
    person("Femi", "rose", { lastSeen: now - 50 * HOUR }),
    person("Leila", "ochre"),
  ];
  cafe.runs = runsOf(cafe);
  cafe.flags = [{ who: { member: "Wanda", name: "Wanda", ink: "olive", you: false }, page: cafe.pages[2]!.row, change: null, reason: "is that the right slider?" }];
  const others = [["d1", "Ines", "verdigris"], ["d3", "Noor", "iris"], ["d4", "Tomás", "rust"]] as const;
  engine.devices = [
    ...others.map(([device, name, ink]) => ({ device, name, ink, deviceName: `${name}’s laptop`, seenAt: now, shared: [cafe.view.name], knock: "none" as const })),
    { device: "d5", name: "Piet", ink: "ochre", deviceName: "bench PC", seenAt: now, shared: [], knock: "none" },
    { device: "d6", name: "Ada", ink: "mauve", deviceName: "tablet", seenAt: now, shared: [], knock: "waiting" },
  ];
  const { pairing } = engine;
  pairing.others = [
    pairing.device("Kitchen tablet", { here: true, lastSeen: now, since: now - 4 * HOUR }),
    pairing.device("Old phone", { revoked: true, lastSeen: now - 900 * HOUR }),
    pairing.device("Maren’s workshop PC", { lastSeen: now - 30 * HOUR, by: "Kitchen tablet" }),
  ];
  engine.holding = {
    wrote: true, durable: true,
    holders: others.map(([device, name, ink], i) => ({ device, name, ink, deviceName: `${name}’s laptop`, at: now - i * 60_000, holds: i < 2, here: true })),
  };
  const at = (text: string): number => toasters.log.string.indexOf(text);
  const caret = (name: string, ink: Ink, anchor: number, head: number, writing: boolean): Caret => ({ device: name, member: name, name, ink, anchor, head, writing });
  engine.carets = [
    caret("Ines", "verdigris", at("comes away cl") + 13, at("comes away cl") + 13, true),
    caret("Tomás", "rust", at("Look for soot"), at("Look for soot") + 13, false),
  ];
  return { engine, cafe, toasters };
}
