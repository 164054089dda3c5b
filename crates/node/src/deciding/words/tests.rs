//! What is said of decisions, in words.

use std::collections::BTreeMap;

use commonplace_governance::{Act, Choice, Proposal, decide::Tally};

use commonplace_model::DeviceId;

use super::*;

struct Numbered;

impl Names for Numbered {
    fn member(&self, id: MemberId) -> String {
        format!("Member {}", id.as_bytes()[0])
    }

    fn decision(&self, id: RecordId) -> String {
        format!("Decision {}", id.as_bytes()[0])
    }
}

fn member(n: u8) -> MemberId {
    MemberId::new([n; 32])
}

fn decision(model: Model, standing: Standing) -> Decision {
    let electorate: BTreeSet<MemberId> = (1..=5).map(member).collect();
    let proposal = Proposal {
        after: RecordId::new([0; 32]),
        round: 0,
        act: Act::Roster,
        newcomers: Vec::new(),
        departed: Vec::new(),
        reason: String::new(),
    };
    Decision {
        id: RecordId::new([1; 32]),
        proposal,
        by: member(1),
        model,
        voices: BTreeMap::new(),
        unheard: BTreeSet::new(),
        tally: Tally { electors: 5, yes: 1, objections: 0, ballots: 2 },
        needed: rule_of(model).needed(electorate.len()),
        electorate,
        sealed_by: None,
        standing,
    }
}

fn said_of(model: Model, reason: Reason) -> (Outcome, String, String) {
    let about = decision(model, Standing::Not(vec![reason]));
    (outcome(&about.standing), standing(&about), why(&about, &Numbered).join(" "))
}

#[test]
fn every_reason_has_its_words() {
    let consent = Model::Consent { quorum: 50 };
    let two = BTreeSet::from([member(2), member(3)]);
    let lacks = |yes, ballots| Reason::Lacks(Needed { yes, ballots });
    let other = RecordId::new([9; 32]);
    let waiting = [
        (consent, lacks(2, 1), "open, 1 of 3 yes", "lacks 2 more yes and 1 acknowledgement more"),
        (Model::Majority, lacks(2, 2), "open, 1 of 3 yes", "lacks 2 more yes."),
        (consent, Reason::Objection(BTreeSet::from([member(2)])), "suspended by 1 objection", "Member 2 objects."),
        (consent, Reason::Objection(two.clone()), "suspended by 2 objections", "Member 2 and Member 3 object."),
        (consent, Reason::Unsealed, "open, waits for acknowledgements", "once 3 of 5 electors have"),
        (Model::Open, Reason::Unsealed, "open, waits for acknowledgements", "as many decisions as can stand"),
    ];
    for (model, reason, short, long) in waiting {
        let said = said_of(model, reason.clone());
        assert_eq!((said.0, said.1.as_str()), (Outcome::Open, short), "{reason:?}");
        assert!(said.2.contains(long), "{reason:?}: {}", said.2);
    }
    let fallen = [
        (Reason::Rival { other, doubles: BTreeSet::new() }, "fell because another was decided", "stands: Decision 9."),
        (Reason::Rival { other, doubles: two }, "another was decided", "Member 2 and Member 3 provably"),
        (Reason::Exhausted, "found too few", "next round is open"),
        (Reason::Unfounded(other), "fell because what it follows fell", "fell: Decision 9."),
        (Reason::Author, "author was out", "no member in good standing"),
        (Reason::TimeOver, "the rule changed", "no longer count by themselves"),
    ];
    for (reason, short, long) in fallen {
        let said = said_of(Model::Majority, reason.clone());
        assert_eq!(said.0, Outcome::Fallen, "{reason:?}");
        assert!(said.1.contains(short) && said.2.contains(long), "{reason:?}: {} {}", said.1, said.2);
    }
}

#[test]
fn what_lacks_a_yes_says_who_can_give_it_or_that_nobody_can() {
    let lacks = |yes| decision(Model::Majority, Standing::Not(vec![Reason::Lacks(Needed { yes, ballots: yes })]));
    let can = |all: &[u8]| Chances { yes: all.iter().copied().map(member).collect(), ..Chances::default() };
    assert_eq!(still(&lacks(1), &can(&[2, 3]), "", &Numbered), "Who can still say yes: Member 2 and Member 3.");
    let few = still(&lacks(2), &can(&[2]), "", &Numbered);
    assert!(few.starts_with("It can only fall: only Member 2 can still say yes to it. It falls when"), "{few}");
    assert!(few.contains("also by a no") && few.ends_with("proposed again."), "{few}");
    let none = still(&lacks(1), &can(&[]), "", &Numbered);
    assert!(none.starts_with("It can only fall: nobody can say yes to it any more. It falls when"), "{none}");
    let stuck = still(&lacks(1), &can(&[]), "Nobody can decide anything here any more.", &Numbered);
    assert!(stuck.ends_with("any more. Nobody can decide anything here any more."), "{stuck}");
    let many: Vec<u8> = (1..=12).collect();
    assert!(still(&lacks(1), &can(&many), "", &Numbered).ends_with("and 4 more."));
    let fallen = decision(Model::Majority, Standing::Not(vec![Reason::Exhausted]));
    assert_eq!(still(&fallen, &can(&[]), "", &Numbered), "");
}

#[test]
fn a_decision_that_lost_a_voice_says_whose() {
    let lacks = Reason::Lacks(Needed { yes: 2, ballots: 2 });
    let mut about = decision(Model::Stewards { needed: 3 }, Standing::Not(vec![lacks]));
    assert_eq!(standing(&about), "open, 1 of 3 yes");
    about.unheard = BTreeSet::from([member(4)]);
    assert_eq!(standing(&about), "open again, 1 of 3 yes: somebody who answered is out");
    assert!(why(&about, &Numbered)[1].starts_with("What Member 4 answered does not count"));
}

#[test]
fn every_own_word_has_its_words() {
    let id = RecordId::new([9; 32]);
    let acts = [
        OwnAct::Removed(member(2)),
        OwnAct::Left,
        OwnAct::Admitted { member: member(2), device: DeviceId::new([2; 32]) },
    ];
    for act in acts {
        let mut word = OwnWord { id, by: member(1), act, reason: String::new(), fell: None };
        assert!(own_rule(act).starts_with("Own word:"));
        assert_eq!(own_standing(&word), "counts, by their own word");
        assert!(own_why(&word, &Numbered)[0].starts_with("It counts."));
        for (reason, short, long) in [
            (Reason::TimeOver, "the rule changed", "not enough for that"),
            (Reason::Unfounded(id), "what it goes by fell", "fell: Decision 9."),
            (Reason::Author, "its author was out", "no member in good standing"),
        ] {
            word.fell = Some(reason);
            assert_eq!(own_standing(&word), format!("fell because {short}"));
            let why = own_why(&word, &Numbered);
            assert!(why[0].starts_with("It fell because") && why[0].contains(long), "{why:?}");
        }
    }
}

#[test]
fn a_commons_in_which_nobody_can_decide_says_why_and_what_can_be_done() {
    let left = |electorate, here| Left { electorate, electors: 3, here, needed: 2 };
    assert_eq!(stuck(Able::ForGood, Policy::Ticket), "");
    let none = stuck(Able::Nothing(left(Electorate::Stewards, 0)), Policy::Ticket);
    assert!(
        none.starts_with("Nobody can decide anything here any more: of 3 stewards, none is a member any more"),
        "{none}"
    );
    assert!(none.contains("it takes 2.") && none.contains("come back with a ticket") && none.contains("import"));
    let one = stuck(Able::ForNow(left(Electorate::Members, 1)), Policy::Decision);
    assert!(one.contains("none of them can become final any more: of 3 electors, only 1 is a member still"), "{one}");
    assert!(!one.contains("ticket"), "nobody comes back by a ticket where it takes a decision: {one}");
    let spread = stuck(Able::Nothing(left(Electorate::Members, 2)), Policy::Ticket);
    assert!(spread.contains("2 are members still, but their ballots are spent"), "{spread}");
}

#[test]
fn what_stands_says_how_firmly() {
    let mut about = decision(Model::Stewards { needed: 1 }, Standing::ForNow);
    assert!(why(&about, &Numbered)[0].contains("needs 3 ballots, and has 2"), "{:?}", why(&about, &Numbered));
    about.sealed_by = Some(RecordId::new([5; 32]));
    assert!(why(&about, &Numbered)[0].contains("is not sealed yet"));
    about.electorate.clear();
    assert!(why(&about, &Numbered)[0].contains("any member’s act does"));
    about.standing = Standing::ForGood;
    assert!(why(&about, &Numbered)[0].contains("for good"));
}

#[test]
fn every_model_says_what_it_means_and_when_it_is_final() {
    for model in [Model::Open, Model::Stewards { needed: 2 }, Model::Consent { quorum: 60 }, Model::Majority] {
        let words = meaning(model, 5);
        assert!(words.contains("final") && words.contains("of 5"), "{words}");
    }
    assert!(meaning(Model::Stewards { needed: 1 }, 3).contains("can remove a member"));
    assert!(!meaning(Model::Stewards { needed: 2 }, 3).contains("can remove a member"));
}

#[test]
fn voices_are_told_in_words() {
    let object = BTreeSet::from([Said::Voted(Choice::Object)]);
    assert_eq!(said(&object, true), "objects");
    let more = BTreeSet::from([Said::Voted(Choice::Yes), Said::Voted(Choice::Object), Said::Voted(Choice::Withdraw)]);
    assert_eq!(said(&more, false), "said yes, objected and withdrew the objection");
    assert_eq!(said(&BTreeSet::from([Said::Acknowledged]), false), "acknowledged it");
}
