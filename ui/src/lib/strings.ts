/** Everything the interface says, in one place. What the engine says of a failure comes ready worded from there. */

const n = (count: number): string => count.toLocaleString("en-GB");
const of = (count: number, one: string, many: string): string => `${n(count)} ${count === 1 ? one : many}`;

/** Ways to a device, as the engine names them. */
const WAYS: Record<string, string> = { "this network": "on this network", direct: "straight over the internet", relay: "by a relay" };

export const t = {
  app: "Commonplace",
  pages: (count: number) => of(count, "page", "pages"),
  people: (count: number) => of(count, "member", "members"),
  number: n,

  action: {
    cancel: "Cancel", close: "Close", copy: "Copy", copied: "Copied", delete: "Delete", restore: "Restore", undo: "Undo", rename: "Rename",
    save: "Save", show: "Show", tryAgain: "Try again", dismiss: "Dismiss", newPage: "New page", import: "Import", export: "Export", invite: "Invite",
    add: "Add", more: "More",
  },

  failed: {
    title: "Your profile is not open",
    safe: "Nothing was changed.",
    tryAgain: "Try again",
    opening: "Opening your pages…",
  },

  welcome: {
    promise: "Nothing leaves this device until you say so",
    question: "What do people call you?",
    name: "Your name",
    ink: "Your ink, for your name, your caret and your part of the text",
    picture: "A page of lines, in the inks of many people; yours begins",
    nameFirst: "Write your name first, at the top",
    already: "I already use Commonplace on another device",
    restore: "Restore from a recovery phrase",
  },

  start: {
    title: "Start a commons",
    lead: "A body of pages that you and others keep together. It begins on this device, now.",
    name: "Its name",
    example: "Seed library, reading group, …",
    purpose: "What it is for",
    purposeExample: "A sentence for those who come later",
    licence: "Licence",
    licences: {
      "CC-BY-SA-4.0": "CC-BY-SA-4.0: free to use, kept free",
      "CC-BY-4.0": "CC-BY-4.0: free to use, with names kept",
      "CC0-1.0": "CC0-1.0: given away entirely",
      "GFDL-1.3-or-later": "GFDL-1.3: for manuals, kept free",
    } as Record<string, string>,
    change: "Change",
    deciding: "Deciding",
    open: "Open: whoever does the work decides",
    go: "Start",
    going: "Starting…",
  },

  firstPage: {
    title: "Read me first",
    body: (commons: string) => `This is the first page of **${commons}**. It is yours to change: click anywhere and write. What you write is kept on this device as you type, and goes to the other members’ devices when they are near.

## Three things to try

- [ ] Make a page: press *Ctrl N*, or the plus beside “Lately”
- [ ] Bring in what you have: *Pages*, then *Import*, takes a folder of Markdown files
- [ ] Ask somebody in: *Invite* makes a ticket, or they find you under *Nearby*

## How text is written

Two stars make words **strong**, one star makes them *lean*, and \`backticks\` are for code. A line that begins with \`#\` is a heading, \`-\` begins a list, \`- [ ]\` a task that can be ticked, and \`>\` a quotation.

When you need this page no more, delete it. It can be brought back.
`,
  },

  join: {
    title: "Join one",
    lead: "Somebody has given you a ticket: a link, a line of text, or a picture of squares.",
    ticket: "Ticket",
    example: "commonplace://join/…",
    picture: "From a picture",
    go: "Join",
    from: "A ticket from",
    into: "for",
    uses: (uses: number) => (uses === 1 ? "Lets one person in" : `Lets ${n(uses)} people in`),
    until: (when: string) => `good until ${when}`,
    expired: "Its time is over by this device’s clock. Ask for a new one; nothing was sent.",
    alreadyIn: "You are in this commons already.",
    goThere: "Go there",
    forDevice: "This is a ticket for a device: it makes this device one more of the person’s who made it. Use it if that is you.",
    pair: "Pair this device",
    asking: (name: string) => `Asking ${name}’s devices on this network to let you in. This can take half a minute.`,
    arriving: (name: string) => `You are in. The pages of ${name} are coming.`,
  },

  nearby: {
    title: "Nearby",
    lead: "Devices on this network whose people are open to a knock. They see your name and answer.",
    nobody: "No other device has been seen yet. Commonplace has to be open on both, and both on the same Wi-\u2060Fi or cable.",
    looking: "Still looking, on Wi-\u2060Fi and on the cable",
    knock: "Knock",
    withdraw: "Withdraw",
    waiting: "you knocked, waiting for an answer",
    declined: "said no this time",
    again: "Knock again",
    seen: (device: string, when: string) => `${device}, seen ${when}`,
    shared: (names: string) => `with you in ${names}`,
    unnamed: "A device",
    knocking: "At the door",
    nobodyKnocks: "Nobody knocks. When somebody does, a line appears at the top of the window.",
    wants: (name: string) => `${name} is nearby and asks to be let in.`,
    letIn: "Let in",
    into: "to",
    decline: "Not now",
    yours: (name: string, device: string) => `You are seen here as ${name}, on ${device}.`,
    noCommons: "Start a commons first; then you can let somebody in.",
    letInDone: (name: string) => `${name} is in.`,
    answered: (name: string) => `You were let into ${name}.`,
  },

  rail: { label: "Commons and you", add: "Start or join a commons", nearby: "Nearby", you: "You", knocks: "somebody knocks" },

  side: {
    head: (members: number, here: number) => `${of(members, "member", "members")}${here > 0 ? `, ${n(here)} here now` : ""}`,
    search: "Search", pages: "Pages", tags: "Tags", people: "People", changes: "Changes", decisions: "Decisions",
    flagged: (count: number) => (count === 1 ? "1 flag" : `${n(count)} flags`),
    lately: "Lately",
    nothing: "What is written in will stand here.",
    searchKey: "Ctrl Shift F",
  },

  list: {
    filter: (count: number) => `Filter ${of(count, "page", "pages")}`,
    byName: "By name", lately: "Lately",
    sort: "Order",
    deleted: "Deleted", kept: "Kept",
    which: "Which pages",
    tagged: "tagged",
    noTag: "Show pages of every tag",
    folder: "in",
    noFolder: "Show pages of every folder",
    empty: "No pages yet. Write the first, or bring in a folder of Markdown files.",
    emptyFilter: "No page has that in its name.",
    emptyDeleted: "Nothing has been deleted. What is, waits here and can be brought back.",
    emptyTag: "No page has this tag now.",
    arriving: "Pages are on their way to this device. They appear here as they come.",
    untitled: "Untitled",
    top: "at the top",
    changed: (when: string) => `changed ${when}`,
  },

  page: {
    new: { title: "New page", name: "Its name", hint: "Folders may come before it: Guides/Kettles", go: "Make page" },
    rename: { title: "Rename this page", name: "Name, with folders before it parted by /", go: "Rename" },
    deleted: (title: string) => `“${title}” is deleted. It can be brought back at any time.`,
    wasDeleted: "This page is deleted. What you write in it is kept.",
    left: (said: string) => `${said === "" ? "You are no member of this commons any more." : said} What this device holds of it stays yours to read and to export.`,
    revoked: "Another device of yours revoked this one, so what is written here goes nowhere any more. What this device holds of it stays, to read and to export. To write in it again, pair this device anew.",
    gone: "Deleted pages",
    titleLabel: "Title",
    textLabel: "Text of the page",
    onPage: "On this page",
    actions: "More for this page",
    closeTab: (title: string) => `Close ${title}`,
    opening: "Opening…",
    noTags: "No tags yet",
    placeholder: "Write here. Others who are here see it as you type.",
    unsaved: "What you type is in this window but not stored yet.",
  },

  complete: {
    label: "What can stand here",
    newPage: (name: string) => `New page “${name}”`,
    onPages: (count: number) => `on ${of(count, "page", "pages")}`,
  },

  /** Finding in a page; the editor asks for these words by its own. */
  find: {
    Find: "Find",
    Replace: "Replace with",
    next: "Next",
    previous: "Previous",
    all: "All",
    "match case": "Match case",
    regexp: "Pattern",
    "by word": "Whole words",
    replace: "Replace",
    "replace all": "Replace all",
    close: "Close",
  },

  /** What callouts say of themselves, by the word in their brackets; another word is shown as it is. */
  callouts: { note: "Note", info: "Note", tip: "Tip", hint: "Tip", important: "Important", warning: "Careful", caution: "Careful", danger: "Danger", question: "Question", example: "Example", quote: "Quotation" } as Record<string, string>,

  links: {
    nowhere: "This link leads out of the commons to something that is not a web page, so it was not followed.",
  },

  inspector: {
    label: "Inspector",
    here: "Here now", outline: "Outline", about: "About",
    hide: "Hide the inspector", show: "Show the inspector",
    onPage: "On this page", elsewhere: "Elsewhere here",
    nobody: "Nobody else is on this page.",
    nobodyElsewhere: "Nobody else is here now.",
    writing: "writing", reading: "reading", selected: (words: number) => `has selected ${of(words, "word", "words")}`,
    under: (where: string) => `, “${where}”`,
    looking: "here",
    holds: "Who holds your last edit",
    notWritten: "You have not written in this page on this device.",
    onlyHere: "Your last edit is only on this device. It is stored here and goes out when another member’s device is near.",
    notStored: "Your last edit is being stored on this device.",
    heldBy: (count: number) => (count === 1 ? "One device has said that it keeps it." : `${capital(inWords(count))} devices have said that they keep it.`),
    told: (device: string, when: string) => `${device} was told ${when} and has not answered yet.`,
    notYet: "not yet",
    noHeadings: "Headings of this page will stand here. A line that begins with # is one.",
    aboutPage: "About this page",
    tags: "Tags", addTag: "Add a tag", removeTag: (tag: string) => `Take off ${tag}`,
    folder: "Folder", changed: "Changed", length: "Length",
    words: (count: number) => of(count, "word", "words"),
    top: "none, at the top",
  },

  tags: {
    title: "Tags",
    lead: "What members say that pages are about. Open one to see its pages.",
    empty: "No tags yet. Put one on a page, from About beside its text.",
    meta: (pages: number, people: number) => `on ${of(pages, "page", "pages")}, by ${of(people, "member", "members")}`,
    mine: "also by you",
    filter: (count: number) => `Filter ${of(count, "tag", "tags")}`,
  },

  persons: {
    title: "People",
    here: "Here now", away: "Away",
    you: "you",
    alone: "So far you are alone here. Invite somebody, or let in who knocks.",
    on: (title: string) => `on “${title}”`,
    writing: (title: string) => `writing in “${title}”`,
    lastSeen: (when: string) => `last seen ${when}`,
    never: "not met by this device yet",
    tagged: (count: number) => `tagged ${of(count, "page", "pages")}`,
    caught: (devices: readonly string[]) => `${devices.map((name) => `“${name}”`).join(", ")} wrote in two ways, and ${devices.length === 1 ? "is" : "are"} out`,
    aboutCaught:
      "It gave others different changes of one number, and its own signatures prove it. That happens when a profile is copied or a computer is set back while Commonplace runs, or when a device runs another program. Where it is shown where its two ways part, what it wrote from there on is taken out, and what others wrote on top of that comes back from their devices. Elsewhere nothing is taken out, and the page may look different on other devices.",
    mute: "Mute", unmute: "Unmute",
    mutes: (name: string) => `Mute ${name}`, unmutes: (name: string) => `Unmute ${name}`,
    muted: "muted on this device",
    mutedNow: (name: string) => `${name} is muted on this device, and is not told. Their caret and where they are are not shown; their text stays.`,
    unmutedNow: (name: string) => `${name} is shown again.`,
  },

  changes: {
    title: "Changes",
    lead: "The latest first. Times are when a change came to this device; changes themselves bear none.",
    byWhom: "Whose changes", byAll: "Everybody’s",
    empty: "What members write will stand here, to be looked over.",
    emptyBy: "Nothing of theirs is here.",
    more: "Show more",
    somebody: "Somebody",
    choose: (name: string) => `Choose these changes of ${name}`,
    notYours: "Said in their own ledger, which only they can take back",
    from: (device: string) => `from ${device}`,
    pageDeleted: "deleted",
    came: "Came: ", went: "Went: ",
    revert: "Take back", none: "Choose none",
    revertChosen: (count: number) => `Take back ${n(count)}`,
    revertTitle: (count: number) => (count === 1 ? "Take these changes back?" : `Take ${n(count)} stretches of changes back?`),
    revertLead: "By a change of your own, that all see and that can be taken back too. What others wrote since stays.",
    looking: "Looking at what that would do…",
    nothingToDo: "Nothing to do.",
    will: (done: readonly string[]) => `${done.join(", ")}.`.replace(/^./, (first) => first.toLocaleUpperCase()),
    ledger: "What you said yourself",
    reverted: (count: number) => `Taken back in ${of(count, "page", "pages")}.`,
    flag: "Flag", unflag: "Take off",
    flags: "Flagged", lately: "Lately",
    flagTitle: (name: string) => `Flag ${name}?`,
    flagLead: "All members see that you find it should be looked at, and why. You can take it off again.",
    reason: "Why, if you like",
    flagged: (name: string) => `You flagged ${name}.`,
    flaggedBy: (name: string, reason: string) => (reason === "" ? `flagged by ${name}` : `flagged by ${name}: ${reason}`),
    flaggedChanges: "changes of it",
    unflagged: "Your flag is off.",
    changesOf: (name: string) => `these changes of ${name}`,
    flagPage: "Flag this page",
    moreFlags: (count: number) => `…and ${of(count, "flag", "flags")} more.`,
    moreFlagsBy: (count: number, name: string) => `…and ${of(count, "flag", "flags")} more by ${name}.`,
    allFlagsOf: "Show them all", flagsOf: (name: string) => `All flags of ${name}`, flagsOfAll: "Flags of everybody",
    unread: (count: number) => `…and ${of(count, "change", "changes")} more, too large or too many to be looked at here.`,
    look: "Look piece by piece", within: "These changes, piece by piece.", notWithin: "Back to all changes",
    notDone: (name: string) => `Not done in ${name}`,
    failed: (count: number) => `In ${of(count, "page", "pages")} it could not be done, and nothing was changed there:`,
    wouldFail: (count: number) => `In ${of(count, "page", "pages")} it cannot be done:`,
    close: "Close",
  },

  decisions: {
    title: "Decisions",
    open: "Open", decided: "Decided and done",
    none: "Nothing has been proposed yet.",
    by: (name: string) => `proposed by ${name}`,
    ownWord: (name: string) => `by ${name}`,
    again: "Propose again",
    fell: (what: string, why: string) => `What you proposed or did, “${what}”, counts no more or cannot be decided any more. ${why}`,
    silent: "has not answered",
    signed: "Signed, and final once given. It travels with your next meeting of any device.",
    answer: { yes: "Yes", no: "No", object: "Object", withdraw: "Withdraw objection" },
    wait: (count: number) => (count === 1 ? "1 waits for you" : `${n(count)} wait for you`),
    how: "How this commons decides",
    model: { open: "Open", stewards: "By stewards", consent: "By consent", majority: "By majority" },
    entry: "How people come in",
    purpose: "What it is for", text: "What its members agreed on", licence: "Licence",
    stewards: "Stewards", electors: "Who decides", waiting: "Decide from the next decision on",
  },

  propose: {
    open: "Propose",
    title: "Propose something",
    lead: "Where this commons is open, most of it counts at once, and another act undoes it. Else it counts when it has what it needs.",
    what: "What is to be another", to: "What it is to be", reason: "Why, if you like", go: "Propose",
    kinds: { text: "What members agreed on", purpose: "What it is for", name: "Its name", licence: "Its licence", model: "How it decides", admission: "How people come in" },
    admission: { ticket: "Whoever has a ticket", vouched: "With a ticket, after a member vouched", decision: "By decision" },
  },

  part: {
    removes: "Remove", leaves: "Leave", anyway: "Leave all the same",
    remove: (name: string) => ({
      title: `Remove ${name}?`,
      says: ["What they wrote until now stays. What they write after this enters no other device.", "What they hold on their devices, they keep: nobody can take that back.", "Where this commons decides such things together, this is a proposal."],
      go: "Remove", stay: "Keep them",
    }),
    leave: (name: string) => ({
      title: `Leave ${name}?`,
      says: ["What you wrote stays there, under your name.", "What this device holds of it stays here, to read and to export. To come back, you need a new ticket."],
      go: "Leave", stay: "Stay",
    }),
  },

  search: {
    title: "Search",
    field: (count: number) => `Search ${of(count, "page", "pages")}`,
    hint: "Titles, text, tags and people, in any script. Results come as you type.",
    nothing: (query: string) => `Nothing has “${query}” in it.`,
    tags: "Tags", people: "People",
  },

  invite: {
    title: (name: string) => `Invite to ${name}`,
    lead: "Whoever has this ticket can come in. Hand it over as text, or let them scan the picture.",
    uses: "Lets in", one: "one person", some: (count: number) => `${count} people`,
    hours: "Good for", day: "a day", days: (count: number) => `${count} days`,
    again: "Make the ticket anew",
    making: "Making a ticket…",
    qr: "The ticket as a picture of squares",
    near: "Your device has to be near theirs when they use it, or any other member’s.",
    until: (when: string) => `Good until ${when}`,
  },

  import: {
    title: "Import a folder",
    lead: "Every Markdown file in it (.md, .markdown) becomes a page, and folders below it become the pages’ folders. The files themselves stay as they are.",
    dir: "Folder", choose: "Choose…",
    example: "/home/you/notes",
    go: "Import", going: (done: number, total: number) => (total > 0 ? `${n(done)} of ${of(total, "file", "files")}` : "Looking at the folder…"),
    behind: "You can close this and go on; the import goes on too.",
    done: (made: number, changed: number, same: number) =>
      [of(made, "page made", "pages made"), ...(changed > 0 ? [`${n(changed)} brought up to date`] : []), ...(same > 0 ? [`${n(same)} the same as before`] : [])].join(", "),
    skipped: (count: number) => `${of(count, "file or folder was", "files and folders were")} left out`,
    unnamed: (count: number) => `and ${n(count)} more`,
    choosing: "Choose a folder of Markdown files",
  },

  export: {
    title: "Export all pages",
    lead: "Writes every page as a Markdown file, in folders as they are here.",
    go: "Export",
    done: (written: number, same: number) => [`${of(written, "file", "files")} written`, ...(same > 0 ? [`${n(same)} the same as before`] : [])].join(", "),
    kept: (count: number) => `${of(count, "file holds", "files hold")} something other than what an export wrote, and so was kept:`,
    replace: "Replace them",
    unread: (count: number) => `All other pages are written. ${of(count, "damaged page", "damaged pages")} could not be read:`,
    renamed: (count: number) => `${of(count, "file has", "files have")} another name than their page`,
    choosing: "Choose an empty folder to write into",
  },

  you: {
    title: "You",
    name: "Name", ink: "Ink", device: "This device", deviceName: "What this device is called", id: "Device id", home: "Kept in",
    size: "Size of text", larger: "Larger text", smaller: "Smaller text", usual: "Text of the usual size", percent: (size: number) => `${size} %`,
    theme: "Light or dark", system: "As the system", light: "Light", dark: "Dark",
    saved: "Saved",
    keys: "Keys",
    version: (version: string) => `Commonplace ${version}`,
  },

  reach: {
    title: "How far this device reaches",
    lan: "Local network only", public: "Public relays", relay: "A relay of your own",
    says: {
      lan: "Others are reached on the networks that this device is on, and nowhere else. No relay and no other server is asked for anything, so nobody outside learns that you are here.",
      public: "Others are reached from anywhere: straight where that can be done, otherwise through relays that the makers of iroh run for all.",
      relay: "Others are reached from anywhere: straight where that can be done, otherwise through a relay that you or somebody you trust runs. Its address goes along in your tickets.",
    },
    sees: "A relay sees which devices look for each other and when, from which addresses and how much they send; never what is said.",
    address: "The relay’s address",
    atNextStart: "This counts from the next start of Commonplace on.",
    answers: "A relay answers.", silent: "No relay answers just now.",
    way: (path: string, rtt: number | null) => `${WAYS[path] ?? path}${rtt === null ? "" : `, ${n(Math.max(1, Math.round(rtt)))} ms`}`,
  },

  devices: {
    title: "Your devices",
    lead: "You are one person on all of them: each has all of your commons, and what any of them writes is yours.",
    this: "this device", hereNow: "here now", notSeen: "not met by this device yet", seen: (when: string) => `last here ${when}`,
    revoked: "revoked",
    revokedIn: (names: string) => `revoked in ${names}`,
    in: (names: string) => `in ${names}`,
    inAll: (count: number) => (count === 2 ? "in both commons" : `in all ${n(count)} commons`),
    by: (name: string, when: string | null) => (when === null ? `added by ${name}` : `added by ${name} ${when}`),
    none: "Once you are in a commons, your other devices can come in too. They will stand here.",
    alone: "Only this one so far. With a second one, nothing is lost when this one is.",
    add: "Add a device", pairThis: "Add this device to another one of yours",
    phrase: "Recovery phrase",
    revoke: "Revoke",
    wasRevoked: (name: string) => `This device was revoked by another one of yours. What it holds of ${name} stays here to read.`,
  },

  revoke: {
    title: (name: string) => `Revoke ${name}?`,
    says: [
      "Do this when it is lost, sold or given away. From now on it is not yours any more: what it writes reaches no other device.",
      "What it wrote before, as far as this device knows of it, stays, under your name.",
      "Pages that are on it stay on it, and whoever has it can read them: nobody can take that back.",
    ],
    back: "If it turns up again, add it like a new one.",
    where: "Where", everywhere: "In all of your commons", only: (name: string) => `Only in ${name}`,
    stay: "Keep it", go: "Revoke it",
    done: (name: string, names: string) => `${name} is your device no longer, in ${names}.`,
  },

  pairing: {
    title: "Add a device",
    lead: "Open Commonplace on the new device, choose “I already use Commonplace on another device”, and give it this ticket. Both have to be on one network.",
    making: "Making a ticket…",
    qr: "The ticket for the new device as a picture of squares",
    once: (when: string) => `Good for one device, once, until ${when}. It lets nobody in by itself: you compare a code first.`,
    waiting: "Waiting for the new device",
    ask: "Do both show this code?",
    code: "The code",
    wants: (name: string) => `${name} has your ticket. Look at its screen: if it shows the same six digits, it is yours to approve.`,
    unnamed: "A device",
    differ: "If it shows others, or nothing, refuse: then somebody else has the ticket, or stands between the two.",
    approve: "Same code, approve", refuse: "Refuse",
    taking: "Telling it which commons you are in",
    added: (name: string) => `${name} is your device now`,
    addedLead: "It fetches the pages by itself. Leave this device on until it has them.",
    again: "Make a new ticket", done: "Done",
    refused: "You refused, so no device was added, and the ticket is used up. To try again, make a new one.",
    expired: "The ticket’s ten minutes are over, and no device was added. Make a new one when the other device is ready.",
    gone: "The new device stopped, or its connection broke, before you answered. No device was added, and the ticket is used up. Make a new one to try again.",
  },

  joinDevice: {
    title: "Add this device to yours",
    lead: "On the device that you already use, open You and choose “Add a device”. It shows a ticket, as text and as a picture. Both have to be on one network.",
    ticket: "Its ticket", example: "commonplace://device/…",
    name: "What this device is called", nameExample: "laptop, tablet, the one in the kitchen, …",
    mine: "Use only a ticket that you made just now yourself: this device will write as the person who made it.",
    both: "The commons that this device is in become your other device’s too.",
    go: "Pair",
    reaching: "Looking for your other device. This can take a moment.",
    compare: "Compare this code",
    there: "Your other device shows a code too. If it is the same, approve there. If it is another, refuse there.",
    waiting: "Waiting for your other device",
    stop: "Stop",
    welcome: (name: string) => `This device is ${name}’s now`,
    coming: (count: number) => (count === 1 ? "One commons comes to it. You can begin at once; the rest comes meanwhile." : `${capital(inWords(count))} commons come to it. You can begin at once; the rest comes meanwhile.`),
    none: "Your other device is in no commons that this one was not in already.",
    whole: (pages: string) => `all here, ${pages}`,
    started: (pages: string) => `on its way, ${pages} so far`,
    part: (done: number, total: number) => `${n(done)} of ${of(total, "change", "changes")}`,
    begin: "Begin",
  },

  phrase: {
    title: "Recovery phrase",
    says: [
      "It is the key of this device in 24 words. If this device is lost and you have no other, the words bring back who you are, on a new one.",
      "They do not bring back pages: those come from the other members’ devices.",
    ],
    careful: "Whoever has these words can write in your name. Put them on paper, show them to nobody, and do not photograph them.",
    show: "Show the words",
    write: "Write them down in this order",
    written: "I have written them down",
    check: "A few words, to be sure",
    checkLead: "From your paper, not from memory of the screen.",
    word: (at: number) => `Word ${at}`,
    wrong: (words: string) => `${words} is another one on this device. Look at what you wrote.`,
    again: "Show the words again",
    go: "Check",
    right: "Your paper is right",
    keep: "Keep it where you would keep a house key. To use it, choose “Restore from a recovery phrase” when Commonplace starts for the first time on a new device.",
  },

  restore: {
    title: "Restore from a recovery phrase",
    lead: "For when your only device is lost. If you still have another one, add this one to it instead.",
    words: "The 24 words, in their order",
    example: "one two three …",
    count: (count: number) => `${n(count)} of 24`,
    go: "Restore",
    going: "Opening your profile with its old key",
    done: "This device is who your old one was",
    next: "Its pages have to come from others. Ask any member for a ticket, give your name and join with it: you will be the member that you were.",
  },

  palette: { title: "Go to", field: "A page, a tag, or something to do", nothing: "Nothing by that name." , page: "page", tag: "tag", act: "do" },

  keys: [
    ["Ctrl K or Ctrl P", "Go to a page, a tag, or anything to do"],
    ["Ctrl N", "New page"],
    ["Ctrl W", "Close the page"],
    ["Ctrl Tab", "Next page that is open"],
    ["Ctrl Shift F", "Search the commons"],
    ["Ctrl F", "Find in the page"],
    ["Ctrl Z, Ctrl Shift Z", "Undo and redo your own edits"],
    ["[[", "Link to a page, by its name"],
    ["#", "A tag, in the text"],
    ["Alt Enter, Ctrl click", "Follow the link at the caret, or under the pointer"],
    ["Ctrl Enter", "Tick the task at the caret"],
    ["Ctrl +, Ctrl −, Ctrl 0", "Larger text, smaller, and as usual"],
    ["Ctrl .", "Show or hide the inspector"],
    ["Esc", "Close what is open over the page"],
  ] as readonly (readonly [string, string])[],

  status: {
    left: (said: string) => (said === "" ? "You are no member here any more" : said.replace(/\.$/, "")),
    revoked: "This device was revoked by another one of yours",
    offline: "Not listening for other devices",
    nobody: "Nobody is here",
    here: (count: number, path: string | null) => `${of(count, "device", "devices")} here${path === null ? "" : count === 1 ? `, ${WAYS[path] ?? path}` : `, all ${WAYS[path] ?? path}`}`,
    onlyHere: (count: number) => `${of(count, "page has edits that are", "pages have edits that are")} only on this device`,
    heldByAll: (count: number) => (count === 1 ? "your last edit is held by the other device" : `your last edit is held by all ${n(count)}`),
    heldBy: (held: number, all: number) => `your last edit is held by ${n(held)} of ${n(all)}`,
    lastOnlyHere: "your last edit here is only on this device",
    storing: "your last edit is being stored",
    lastHere: (device: string, when: string) => `${device} was the last one here, ${when}`,
    syncing: (device: string, done: number, total: number) =>
      `Catching up${device === "" ? "" : ` from ${device}`}${total > 0 ? `, ${n(done)} of ${of(total, "change", "changes")}` : ""}`,
    ready: "what has come is ready to read",
    importing: (done: number, total: number) => `Importing${total > 0 ? `, ${n(done)} of ${of(total, "file", "files")}` : ""}`,
    exporting: (done: number, total: number) => `Exporting${total > 0 ? `, ${n(done)} of ${of(total, "file", "files")}` : ""}`,
    everything: "Ctrl K for everything",
  },

  time: {
    now: "just now",
    minutes: (count: number) => of(count, "minute ago", "minutes ago"),
    at: (clock: string) => `at ${clock}`,
    yesterday: (clock: string) => `yesterday at ${clock}`,
  },
};

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/** Small numbers as words. */
function inWords(count: number): string {
  return WORDS[count] ?? n(count);
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
