//! Deciding together: what one proposes the others answer, what is decided stands everywhere and is explained.

use commonplace_node::{
    ErrorCode,
    view::{Admission, Answer, Deciding, DecisionView, Event, InvitationState, Outcome, PageQuery, Proposed},
};

use crate::device::{self, Device};

impl Device {
    async fn propose(&self, commons: &str, proposed: Proposed) -> DecisionView {
        let done = self.engine.propose(commons.to_owned(), proposed, None).await.expect("proposes");
        done.decision.expect("a decision")
    }

    async fn vote(&self, commons: &str, decision: &str, answer: Answer) -> DecisionView {
        let (commons, decision) = (Some(commons.to_owned()), decision.to_owned());
        self.engine.vote(commons, decision, answer).await.expect("votes")
    }

    async fn refused(&self, commons: &str, proposed: Proposed) -> ErrorCode {
        self.engine.propose(commons.to_owned(), proposed, None).await.expect_err("refuses").code
    }

    async fn decision(&self, decision: &str) -> DecisionView {
        self.engine.decision(None, decision.to_owned()).await.expect("explains")
    }

    async fn until_decision(&self, decision: &str, what: &str, is_so: impl Fn(&DecisionView) -> bool) -> DecisionView {
        let look = async || self.engine.decision(None, decision.to_owned()).await.ok().filter(&is_so);
        self.until(what, async || look().await.is_some()).await;
        look().await.expect("still so")
    }

    async fn until_for_good(&self, decision: &str) -> DecisionView {
        self.until_decision(decision, "it stands for good", |d| d.row.outcome == Outcome::ForGood).await
    }

    async fn let_in(&self, commons: &str, other: &Self) {
        let ticket = self.engine.invite(commons.to_owned(), None, None).await.expect("invites").ticket;
        other.engine.join(ticket, Some(20)).await.expect("joins");
    }
}

fn name(name: &str) -> Proposed {
    Proposed::Name { name: name.to_owned() }
}

fn model(deciding: Deciding) -> Proposed {
    Proposed::Model { deciding, needed: None, stewards: Vec::new(), quorum: None }
}

fn stewards(needed: u32, stewards: &[&str]) -> Proposed {
    let stewards = stewards.iter().map(|name| (*name).to_owned()).collect();
    Proposed::Model { deciding: Deciding::Stewards, needed: Some(needed), stewards, quorum: None }
}

/// Ines, Tomás and Noor in a commons that decides like this, all of them electors.
async fn three(proposed: Proposed) -> (Device, Device, Device, String) {
    let (ines, tomas, commons) = device::pair().await;
    let noor = Device::new("Noor").await;
    ines.let_in(&commons, &noor).await;
    let founding = ines.propose(&commons, proposed).await.row.id;
    for device in [&ines, &tomas, &noor] {
        device.until_for_good(&founding).await;
    }
    // Each is to hear from each.
    tomas.until("he knows Noor", async || tomas.engine.people(commons.clone()).await.unwrap().len() == 3).await;
    assert_eq!(ines.engine.charter(commons.clone()).await.unwrap().electors.len(), 3);
    (ines, tomas, noor, commons)
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_of_an_open_commons_count_at_once_and_reach_the_others() {
    let (ines, tomas, commons) = device::pair().await;
    let mut heard = tomas.engine.events();
    let renamed = ines.propose(&commons, name("Mending Café")).await;
    assert_eq!((renamed.row.outcome, renamed.electorate.len()), (Outcome::ForNow, 0));
    device::until(&mut heard, |event| matches!(event, Event::Decisions { commons: of } if *of == commons)).await;
    tomas.until_decision(&renamed.row.id, "he knows", |d| d.row.by.name == "Ines" && !d.row.by.you).await;
    let list = tomas.engine.commons_list().await.unwrap();
    assert_eq!((list[0].name.as_str(), list[0].deciding), ("Mending Café", Deciding::Open));
    tomas.propose(&commons, Proposed::Purpose { purpose: "Mend what is broken".into() }).await;
    ines.until("the purpose has come", async || {
        ines.engine.commons_list().await.unwrap()[0].purpose == "Mend what is broken"
    })
    .await;
    let refused = ines.engine.vote(None, renamed.row.id.clone(), Answer::Yes).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::BadArgument);
    assert_eq!(ines.refused(&commons, name("Mending Café")).await, ErrorCode::Exists);
    let list = tomas.engine.decisions(commons).await.unwrap();
    let words: Vec<_> = list.iter().map(|row| (row.what.as_str(), row.own_word)).collect();
    assert_eq!((words.len(), words[2]), (3, ("let Tomás in", true)), "{words:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_majority_decides_and_each_has_one_vote() {
    let (ines, tomas, noor, commons) = three(model(Deciding::Majority)).await;
    assert_eq!(noor.engine.commons_list().await.unwrap()[0].deciding, Deciding::Majority);
    let asked = ines.propose(&commons, name("Mending Café")).await;
    assert_eq!((asked.row.outcome, asked.yes_needed, asked.yes), (Outcome::Open, 2, 0));
    assert_eq!(asked.row.answers, vec![Answer::Yes, Answer::No]);
    let id = asked.row.id.as_str();
    ines.vote(&commons, id, Answer::Yes).await;
    let again = ines.engine.vote(Some(commons.clone()), id.to_owned(), Answer::Yes).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::Exists);
    let other = ines.engine.vote(Some(commons.clone()), id.to_owned(), Answer::No).await.unwrap_err();
    assert!(other.message.contains("cannot be taken back"), "{}", other.message);
    let object = ines.engine.vote(Some(commons.clone()), id.to_owned(), Answer::Object).await.unwrap_err();
    assert!(object.message.contains("consent"), "{}", object.message);
    assert_eq!(ines.engine.commons_list().await.unwrap()[0].name, "Repair Café");

    noor.until_decision(id, "she has heard of the vote", |d| d.yes == 1).await;
    noor.vote(&commons, id, Answer::Yes).await;
    for device in [&ines, &tomas, &noor] {
        let sealed = device.until_for_good(id).await;
        assert!(sealed.sealed.contains("The vote of Noor"), "{}", sealed.sealed);
        assert_eq!(sealed.voices.len(), 2);
        assert_eq!(device.engine.commons_list().await.unwrap()[0].name, "Mending Café");
    }

    // Two say no: it can never be decided, and the next round is open.
    let mut heard = tomas.engine.events();
    let (licence, reason) = (Proposed::Licence { licence: "CC0-1.0".into() }, Some("freer".to_owned()));
    let lost = tomas.engine.propose(commons.clone(), licence, reason).await.unwrap().decision.unwrap().row.id;
    let early = tomas.refused(&commons, Proposed::Again { decision: lost.clone() }).await;
    assert_eq!(early, ErrorCode::Exists, "it can still be decided");
    for device in [&ines, &noor] {
        device.until_decision(&lost, "it has come", |_| true).await;
        device.vote(&commons, &lost, Answer::No).await;
    }
    let fallen = tomas.until_decision(&lost, "it is lost", |d| d.row.outcome == Outcome::Fallen).await;
    assert!(fallen.why.iter().any(|why| why.contains("next round is open")), "{:?}", fallen.why);
    assert!(tomas.engine.vote(None, lost.clone(), Answer::Yes).await.is_err());
    assert_eq!(fallen.row.standing, "fell because it found too few");
    // Who proposed it is told, and proposes it again, once.
    let is_told = |event: &Event| match event {
        Event::Fell { commons: of, decision, why } => {
            *of == commons && decision.id == lost && decision.again && *why == fallen.why
        }
        _ => false,
    };
    device::until(&mut heard, is_told).await;
    let next = tomas.propose(&commons, Proposed::Again { decision: lost[..10].to_owned() }).await;
    assert_eq!((next.row.outcome, next.reason.as_str()), (Outcome::Open, "freer"));
    assert_eq!(next.row.what, fallen.row.what);
    assert_eq!(tomas.refused(&commons, Proposed::Again { decision: lost.clone() }).await, ErrorCode::Exists);
    assert!(!tomas.decision(&lost).await.row.again);
    assert_eq!(tomas.refused(&commons, Proposed::Again { decision: id.to_owned() }).await, ErrorCode::Exists);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ballot_serves_all_open_proposals_and_the_words_say_so() {
    let (ines, tomas, _noor, commons) = three(model(Deciding::Majority)).await;
    let purpose = Proposed::Purpose { purpose: "Mend what is broken".into() };
    let first = ines.propose(&commons, purpose).await;
    assert_eq!(first.beside, "");
    ines.vote(&commons, &first.row.id, Answer::Yes).await;
    tomas.until_decision(&first.row.id, "he has heard of the vote", |d| d.yes == 1).await;
    let done = tomas.engine.propose(commons.clone(), name("Mending Café"), None).await.unwrap();
    assert!(done.said.contains("Another proposal is open: “change the purpose"), "{}", done.said);
    assert!(done.said.ends_with("Each elector can back only one of them."), "{}", done.said);
    let second = done.decision.unwrap().row.id;
    // Who backs the first is not shown as one who may yet answer the second.
    let shown = ines.until_decision(&second, "it has come", |_| true).await;
    let unable: Vec<_> = shown.unable.iter().map(|unable| (unable.who.name.as_str(), unable.why.as_str())).collect();
    assert_eq!(unable.len(), 1, "{unable:?}");
    assert!(unable[0].0 == "Ines" && unable[0].1.contains("on “change the purpose"), "{unable:?}");
    // Of two that it takes, both are still there; once Tomás backs the first as well, it is decided and this one falls.
    assert!(shown.why.iter().any(|why| why == "Who can still say yes: Noor and Tomás."), "{:?}", shown.why);
    let refused = ines.engine.vote(Some(commons.clone()), second, Answer::Yes).await.unwrap_err();
    assert!(refused.message.contains("is spent on “change the purpose"), "{}", refused.message);
    let charter = ines.engine.charter(commons).await.unwrap();
    assert!(charter.meaning.contains("one ballot for all proposals that are open beside each other"), "{charter:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stewards_decide_and_others_only_propose() {
    let (ines, tomas, noor, commons) = three(stewards(2, &["Ines", "Tomás"])).await;
    let charter = noor.engine.charter(commons.clone()).await.unwrap();
    assert_eq!((charter.deciding, charter.needed, charter.stewards.len()), (Deciding::Stewards, Some(2), 2));
    assert!(charter.meaning.contains("2 of 2 stewards"), "{}", charter.meaning);
    let asked = noor.propose(&commons, Proposed::Text { text: "Tidy up.".into() }).await;
    assert_eq!(asked.row.answers, vec![]);
    let id = asked.row.id.as_str();
    let refused = noor.engine.vote(None, id.to_owned(), Answer::Yes).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotAllowed);
    ines.until_decision(id, "it has come", |_| true).await;
    ines.vote(&commons, id, Answer::Yes).await;
    let half = tomas.until_decision(id, "one said yes", |d| d.yes == 1).await;
    assert!(half.why[0].contains("1 more yes"), "{:?}", half.why);
    tomas.vote(&commons, id, Answer::Yes).await;
    noor.until_for_good(id).await;
    assert_eq!(noor.engine.charter(commons.clone()).await.unwrap().text, "Tidy up.");

    // Back to an open commons, by the model in force.
    let back = noor.propose(&commons, model(Deciding::Open)).await.row.id;
    for device in [&ines, &tomas] {
        device.until_decision(&back, "it has come", |_| true).await;
        device.vote(&commons, &back, Answer::Yes).await;
    }
    noor.until_for_good(&back).await;
    assert_eq!(noor.engine.commons_list().await.unwrap()[0].deciding, Deciding::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_waits_for_an_objection_to_be_withdrawn() {
    let proposed =
        Proposed::Model { deciding: Deciding::Consent, needed: None, stewards: Vec::new(), quorum: Some(60) };
    let (ines, tomas, noor, commons) = three(proposed).await;
    let id = ines.propose(&commons, name("Mending Café")).await.row.id;
    noor.until_decision(&id, "it has come", |_| true).await;
    assert!(noor.engine.vote(None, id.clone(), Answer::Withdraw).await.is_err(), "nothing to withdraw");
    noor.vote(&commons, &id, Answer::Object).await;
    for device in [&ines, &tomas] {
        device.until_decision(&id, "Noor objects", |d| d.objections == 1).await;
        device.vote(&commons, &id, Answer::Yes).await;
    }
    let suspended = tomas.until_decision(&id, "both said yes", |d| d.yes == 2).await;
    assert_eq!(suspended.row.outcome, Outcome::Open);
    assert!(suspended.why[0].contains("Noor objects"), "{:?}", suspended.why);
    noor.until_decision(&id, "both said yes", |d| d.yes == 2).await;
    noor.vote(&commons, &id, Answer::Withdraw).await;
    for device in [&ines, &tomas, &noor] {
        let sealed = device.until_for_good(&id).await;
        assert!(sealed.sealed.contains("acknowledgement of"), "{}", sealed.sealed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_a_voucher_or_a_decision_where_that_is_what_it_takes() {
    let (ines, tomas, commons) = device::pair().await;
    let noor = Device::new("Noor").await;
    ines.propose(&commons, Proposed::Admission { admission: Admission::Vouched }).await;
    let ticket = ines.engine.invite(commons.clone(), Some(5), None).await.unwrap().ticket;
    let refused = noor.engine.join(ticket.clone(), Some(20)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotAllowed);
    assert!(refused.message.contains("vouch") && refused.message.contains("still good"), "{}", refused.message);
    let asking = ines.engine.asking(commons.clone()).await.unwrap();
    assert_eq!((asking[0].name.as_str(), asking[0].vouched), ("Noor", false));
    assert_eq!(ines.engine.vouch(commons.clone(), "Nobody".into()).await.unwrap_err().code, ErrorCode::NotFound);
    ines.engine.vouch(commons.clone(), "Noor".into()).await.expect("vouches");
    assert_eq!(ines.engine.vouch(commons.clone(), "Noor".into()).await.unwrap_err().code, ErrorCode::Exists);
    noor.engine.join(ticket.clone(), Some(20)).await.expect("lets her in");
    assert_eq!(ines.engine.asking(commons.clone()).await.unwrap(), vec![]);

    let piet = Device::new("Piet").await;
    ines.propose(&commons, Proposed::Admission { admission: Admission::Decision }).await;
    let refused = piet.engine.join(ticket.clone(), Some(20)).await.unwrap_err();
    assert!(refused.message.contains("decision"), "{}", refused.message);
    ines.propose(&commons, Proposed::Admit { device: "Piet".into() }).await;
    piet.engine.join(ticket, Some(20)).await.expect("lets him in");
    tomas.until("all four are in", async || tomas.engine.people(commons.clone()).await.unwrap().len() == 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_by_a_closed_ticket() {
    let (ines, tomas, commons) = device::pair().await;
    let noor = Device::new("Noor").await;
    let ticket = ines.engine.invite(commons.clone(), Some(3), None).await.unwrap().ticket;
    let states = async |device: &Device| {
        let all = device.engine.tickets(commons.clone()).await.unwrap();
        all.into_iter().map(|ticket| (ticket.state, ticket.came, ticket.uses)).collect::<Vec<_>>()
    };
    assert_eq!(states(&ines).await, vec![(InvitationState::Open, 0, 3), (InvitationState::UsedUp, 1, 1)]);
    tomas.until("he knows the ticket", async || states(&tomas).await.len() == 2).await;
    let closed = tomas.engine.ticket_close(commons.clone(), ticket.clone()).await.expect("closes");
    assert_eq!((closed.state, closed.by.name.as_str()), (InvitationState::Closed, "Ines"));
    ines.until("it is closed", async || states(&ines).await.contains(&(InvitationState::Closed, 0, 3))).await;
    assert_eq!(noor.engine.join(ticket.clone(), Some(20)).await.unwrap_err().code, ErrorCode::TicketClosed);
    assert_eq!(ines.engine.ticket_close(commons.clone(), ticket).await.unwrap_err().code, ErrorCode::Exists);
    assert_eq!(ines.engine.ticket_close(commons, "abcdef".into()).await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_page_is_in_no_list_until_it_is_shown_again() {
    let (ines, tomas, commons) = device::pair().await;
    for title in ["Irons", "Kettles", "Lamps"] {
        let body = Some(format!("About {title} and dust.\n"));
        ines.engine.page_new(commons.clone(), title.to_owned(), body).await.unwrap();
    }
    ines.engine.tag(commons.clone(), "Kettles".into(), vec!["hot".into()]).await.unwrap();
    let titles = async |device: &Device, query: PageQuery| {
        let list = device.engine.page_list(commons.clone(), query).await.unwrap();
        (list.total, list.rows.into_iter().map(|row| row.title).collect::<Vec<_>>())
    };
    let all = || PageQuery::default();
    tomas.until("all have come", async || titles(&tomas, all()).await.0 == 3).await;
    tomas.propose(&commons, Proposed::Hide { page: "Kettles".into() }).await;
    assert_eq!(tomas.refused(&commons, Proposed::Hide { page: "Kettles".into() }).await, ErrorCode::Exists);
    ines.until("it is hidden", async || titles(&ines, all()).await.0 == 2).await;
    assert_eq!(titles(&ines, all()).await, (2, vec!["Irons".to_owned(), "Lamps".to_owned()]));
    let second = PageQuery { offset: 1, limit: Some(1), ..all() };
    assert_eq!(titles(&ines, second).await, (2, vec!["Lamps".to_owned()]));
    let filtered = PageQuery { filter: Some("e".into()), ..all() };
    assert_eq!(titles(&ines, filtered).await, (0, vec![]));
    assert_eq!(titles(&ines, PageQuery { tag: Some("hot".into()), ..all() }).await, (0, vec![]));
    assert_eq!(titles(&ines, PageQuery { hidden: true, ..all() }).await, (1, vec!["Kettles".to_owned()]));
    assert_eq!(ines.engine.commons_list().await.unwrap()[0].pages, 2);
    let found = ines.engine.search(commons.clone(), "dust".into(), None).await.unwrap();
    assert_eq!(found.hits.len(), 2);
    assert!(ines.engine.page_show(commons.clone(), "Kettles".into()).await.unwrap().hidden);

    let anew = Proposed::Anew { page: "Kettles".into(), anew: "Lamps".into() };
    ines.propose(&commons, anew).await;
    let shown = ines.engine.page_show(commons.clone(), "Kettles".into()).await.unwrap();
    assert_eq!(shown.anew.map(|row| row.title).as_deref(), Some("Lamps"));
    ines.propose(&commons, Proposed::Restore { page: "Kettles".into() }).await;
    tomas.until("it is back", async || titles(&tomas, all()).await.0 == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_is_one_no_longer_and_can_be_taken_back() {
    let (ines, tomas, noor, commons) = three(stewards(1, &["Ines"])).await;
    let members = async |device: &Device| device.engine.people(commons.clone()).await.unwrap().len();
    // Who may not remove by their own word proposes it.
    let asked = tomas.propose(&commons, Proposed::Remove { member: "Noor".into() }).await;
    assert_eq!(asked.row.outcome, Outcome::Open);
    let (removed, reason) = (Proposed::Remove { member: "Noor".into() }, Some("She moved.".to_owned()));
    let done = ines.engine.propose(commons.clone(), removed, reason).await.expect("removes");
    assert!(done.said.contains("Noor is a member no longer"), "{}", done.said);
    let word = done.decision.expect("it is listed");
    assert!(word.row.own_word && word.row.what == "removed Noor" && word.electorate.is_empty(), "{word:?}");
    let told = tomas.until_decision(&word.row.id, "the reason has come", |view| view.reason == "She moved.").await;
    assert_eq!((told.row.standing.as_str(), told.row.answers.len()), ("counts, by their own word", 0));
    let refused = tomas.engine.vote(None, word.row.id.clone(), Answer::Yes).await.unwrap_err();
    assert!(refused.message.contains("own word"), "{}", refused.message);
    assert_eq!(ines.refused(&commons, Proposed::Again { decision: word.row.id }).await, ErrorCode::Exists);
    assert_eq!(members(&ines).await, 2);
    tomas.until("she is out", async || members(&tomas).await == 2).await;
    assert_eq!(ines.refused(&commons, Proposed::Remove { member: "Noor".into() }).await, ErrorCode::NotFound);
    let back = ines.propose(&commons, Proposed::Readmit { member: "Noor".into() }).await;
    assert_eq!(back.row.what, "take Noor back");
    ines.vote(&commons, &back.row.id, Answer::Yes).await;
    assert_eq!(members(&ines).await, 3);
    tomas.until("she is back", async || members(&tomas).await == 3).await;
    drop(noor);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commons_whose_only_steward_left_says_that_nobody_can_decide_in_it() {
    let (ines, tomas) = (Device::new("Ines").await, Device::new("Tomás").await);
    let founded = ines.engine.commons_new("Looms".into(), None, None, Some(Deciding::Stewards)).await.unwrap();
    let commons = founded.id;
    assert_eq!(founded.stuck, "");
    ines.let_in(&commons, &tomas).await;
    assert_eq!(tomas.engine.charter(commons.clone()).await.unwrap().stuck, "");
    // Records get from one to the other: who left before that could tell nobody.
    let hello = ines.propose(&commons, Proposed::Text { text: "Hello.".into() }).await.row.id;
    tomas.until_decision(&hello, "they talk", |_| true).await;
    ines.engine.leave(commons.clone(), Some("I move away.".to_owned()), Some(true)).await.expect("leaves");
    let stuck = async || tomas.engine.charter(commons.clone()).await.unwrap().stuck;
    tomas.until("he is told", async || stuck().await.starts_with("Nobody can decide anything here any more")).await;
    let said = stuck().await;
    assert!(said.contains("of 1 steward, none") && said.contains("found a new commons from these pages"), "{said}");
    assert_eq!(tomas.engine.status().await.unwrap().commons[0].stuck, said);
    // Why she went stands in the list.
    let left = async || {
        let list = tomas.engine.decisions(commons.clone()).await.unwrap();
        let row = list.into_iter().find(|row| row.what == "left the commons")?;
        Some(tomas.decision(&row.id).await)
    };
    tomas.until("her reason has come", async || left().await.is_some_and(|view| view.reason == "I move away.")).await;
    let mine = ines.engine.status().await.unwrap().commons;
    assert!(mine[0].left && mine[0].stuck.is_empty(), "it is no trouble of hers any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_in_words() {
    let ines = Device::new("Ines").await;
    let founded = ines.engine.commons_new("Looms".into(), None, None, Some(Deciding::Consent)).await.unwrap();
    assert_eq!(founded.deciding, Deciding::Consent);
    let commons = founded.id;
    let text = |text: &str| text.to_owned();
    let bad = [
        (name(""), ErrorCode::BadArgument),
        (name(&"x".repeat(201)), ErrorCode::BadArgument),
        (name("Looms"), ErrorCode::Exists),
        (Proposed::Text { text: "x".repeat(8_001) }, ErrorCode::BadArgument),
        (Proposed::Text { text: text(" ") }, ErrorCode::BadArgument),
        (Proposed::Purpose { purpose: "x".repeat(4_001) }, ErrorCode::BadArgument),
        (Proposed::Licence { licence: text("all mine!") }, ErrorCode::BadArgument),
        (model(Deciding::Consent), ErrorCode::Exists),
        (
            Proposed::Model { deciding: Deciding::Consent, needed: None, stewards: vec![], quorum: Some(0) },
            ErrorCode::BadArgument,
        ),
        (
            Proposed::Model { deciding: Deciding::Consent, needed: None, stewards: vec![], quorum: Some(101) },
            ErrorCode::BadArgument,
        ),
        (
            Proposed::Model { deciding: Deciding::Open, needed: None, stewards: vec![], quorum: Some(50) },
            ErrorCode::BadArgument,
        ),
        (stewards(0, &[]), ErrorCode::BadArgument),
        (stewards(2, &["Ines"]), ErrorCode::BadArgument),
        (stewards(1, &["Nobody"]), ErrorCode::NotFound),
        (Proposed::Admission { admission: Admission::Ticket }, ErrorCode::Exists),
        (Proposed::Grant { member: text("Ines") }, ErrorCode::Exists),
        (Proposed::Remove { member: text("Ines") }, ErrorCode::BadArgument),
        (Proposed::Remove { member: text("Nobody") }, ErrorCode::NotFound),
        (Proposed::Readmit { member: text("Ines") }, ErrorCode::NotFound),
        (Proposed::Hide { page: text("Nothing") }, ErrorCode::NotFound),
        (Proposed::Admit { device: text("Nobody") }, ErrorCode::NotFound),
        (Proposed::Roster, ErrorCode::Exists),
    ];
    for (proposed, code) in bad {
        let said = format!("{proposed:?}");
        let error = ines.engine.propose(commons.clone(), proposed, None).await.expect_err(&said);
        assert_eq!(error.code, code, "{said}: {}", error.message);
    }
    let long = ines.engine.propose(commons.clone(), name("Wool"), Some("x".repeat(1_001))).await.unwrap_err();
    assert_eq!(long.code, ErrorCode::BadArgument);
    assert_eq!(ines.engine.decisions(commons.clone()).await.unwrap(), vec![]);
    assert_eq!(ines.engine.decision(None, "abcdefgh".into()).await.unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(ines.engine.vote(None, "abcdefgh".into(), Answer::Yes).await.unwrap_err().code, ErrorCode::NotFound);
    let id = ines.propose(&commons, name("Wool")).await.row.id;
    ines.vote(&commons, &id, Answer::Yes).await;
    assert_eq!(ines.decision(&id[..10]).await.row.outcome, Outcome::ForGood, "the one elector agrees with herself");
    let late = ines.engine.vote(None, id, Answer::Object).await.unwrap_err();
    assert!(late.message.contains("decided for good"), "{}", late.message);
}
