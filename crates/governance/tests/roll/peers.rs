//! Peers: each holds a roll of its own, and tells others when they meet.

use commonplace_governance::decision::Standing;
use commonplace_governance::{
    Act, Body, Choice, Cut, Genesis, Introduction, Invitation, JoinRequest, Model, Reason, Roll,
};
use commonplace_model::{CommonsId, MemberId, RecordId};
use commonplace_trust::{DeviceKey, Draft, VerifiedRecord};

pub(crate) fn person(n: u8) -> Introduction {
    Introduction { name: format!("Member {n}"), ink: n % 12, device_name: format!("Laptop {n}") }
}

pub(crate) fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

pub(crate) fn genesis(deciding: u8) -> Genesis {
    Genesis {
        name: "Seed Library".to_owned(),
        purpose: String::new(),
        licence: "CC-BY-SA-4.0".to_owned(),
        deciding,
        founder: person(1),
        nonce: [7; 16],
    }
}

/// The key of the ticket by which everybody comes.
pub(crate) fn ticket() -> DeviceKey {
    key(100)
}

pub(crate) fn request(commons: CommonsId, n: u8) -> JoinRequest {
    JoinRequest::sign(commons, &ticket(), &key(n), person(n))
}

#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) roll: Roll,
    pub(crate) key: DeviceKey,
    pub(crate) records: Vec<VerifiedRecord>,
}

impl Peer {
    /// Member 1 founds a commons and makes a ticket for many.
    pub(crate) fn found(deciding: u8) -> Self {
        let (roll, record) = Roll::found(genesis(deciding), &key(1)).expect("founds");
        let mut founder = Self { roll, key: key(1), records: vec![record] };
        founder.say(&Body::Invitation(Invitation { key: ticket().id(), uses: 500, expires_at: 1_000 }));
        founder
    }

    /// This peer as it is, at another device.
    pub(crate) fn at(&self, n: u8) -> Self {
        Self { key: key(n), ..self.clone() }
    }

    pub(crate) fn me(&self) -> MemberId {
        self.roll.member_of(&self.key.id()).expect("a member").id
    }

    fn keep(&mut self, record: VerifiedRecord) -> RecordId {
        let id = record.id();
        self.records.push(record);
        id
    }

    pub(crate) fn say(&mut self, body: &Body) -> RecordId {
        let record = self.roll.write(body, &self.key).expect("says");
        self.keep(record)
    }

    /// Lets a newcomer in, who then knows what this peer knows.
    pub(crate) fn admit(&mut self, n: u8) -> Self {
        let record = self.roll.admit_request(request(self.roll.commons(), n), &self.key).expect("admits");
        self.keep(record);
        self.at(n)
    }

    pub(crate) fn propose(&mut self, act: Act) -> RecordId {
        let record = self.roll.propose(act, String::new(), &self.key).expect("proposes");
        self.keep(record)
    }

    pub(crate) fn vote(&mut self, proposal: RecordId, choice: Choice) -> RecordId {
        let record = self.roll.vote(proposal, choice, &self.key).expect("votes");
        self.keep(record)
    }

    pub(crate) fn yes(&mut self, proposal: RecordId) {
        self.vote(proposal, Choice::Yes);
    }

    pub(crate) fn seal(&mut self, proposal: RecordId) -> RecordId {
        let record = self.roll.seal(proposal, &self.key).expect("seals");
        self.keep(record)
    }

    pub(crate) fn remove(&mut self, member: MemberId) -> RecordId {
        let mut records = self.roll.remove(member, vec![Cut::default()], &self.key).expect("removes");
        self.keep(records.remove(0))
    }

    /// Signs something that an honest device would not.
    pub(crate) fn forge(&mut self, parents: Vec<RecordId>, authority: RecordId, body: &Body) -> VerifiedRecord {
        self.forge_bytes(parents, authority, body.encode())
    }

    /// Signs any bytes at all.
    pub(crate) fn forge_bytes(&self, parents: Vec<RecordId>, authority: RecordId, body: Vec<u8>) -> VerifiedRecord {
        let author = self.key.id();
        let draft = Draft { commons: Some(self.roll.commons()), author, authority: Some(authority), parents, body };
        VerifiedRecord::sign(draft, &self.key).expect("signs")
    }

    /// Takes in all that another peer knows.
    pub(crate) fn hear(&mut self, other: &Self) {
        self.take(&other.records);
    }

    pub(crate) fn take(&mut self, records: &[VerifiedRecord]) {
        let new = self.roll.add_all(records.iter().cloned());
        self.records.extend(new);
    }

    pub(crate) fn has_member(&self, member: MemberId) -> bool {
        self.roll.member(&member).is_some()
    }

    pub(crate) fn standing(&self, proposal: RecordId) -> Standing {
        self.roll.decision(&proposal).expect("a proposal").standing
    }

    pub(crate) fn stands(&self, proposal: RecordId) -> bool {
        !matches!(self.standing(proposal), Standing::Not(_))
    }

    pub(crate) fn why_not(&self, proposal: RecordId) -> Vec<Reason> {
        match self.standing(proposal) {
            Standing::Not(reasons) => reasons,
            stands => panic!("it stands: {stands:?}"),
        }
    }
}

/// All know what any of them knows, and agree.
pub(crate) fn meet<const N: usize>(peers: &mut [&mut Peer; N]) {
    for _ in 0..2 {
        for i in 0..N {
            for j in 0..N {
                if i != j {
                    let records = peers[j].records.clone();
                    peers[i].take(&records);
                }
            }
        }
    }
    for peer in &peers[1..] {
        assert!(peer.roll == peers[0].roll, "two who met do not agree");
    }
    let anew = Roll::fold(peers[0].roll.commons(), &peers[0].records).expect("folds");
    assert!(anew == peers[0].roll, "what was folded step by step is not what is folded at once");
}

/// `N` members who all decide, in a commons of this model, with every decision so far sealed.
pub(crate) fn commons<const N: usize>(model: Model) -> [Peer; N] {
    let mut founder = Peer::found(0);
    let count = u8::try_from(N).expect("few");
    let members: Vec<MemberId> = (2..=count).map(|n| founder.admit(n).me()).collect();
    let mut stewards: Vec<MemberId> = members.into_iter().chain([founder.me()]).collect();
    stewards.sort_unstable();
    let stewards = if matches!(model, Model::Stewards { .. }) { stewards } else { Vec::new() };
    let act = if model == Model::Open { Act::Roster } else { Act::Model { model, stewards } };
    let founding = founder.propose(act);
    founder.seal(founding);
    assert_eq!(founder.standing(founding), Standing::ForGood);
    assert_eq!(founder.roll.footing().electorate().len(), N);
    std::array::from_fn(|i| founder.at(u8::try_from(i + 1).expect("few")))
}

pub(crate) fn licence(text: &str) -> Act {
    Act::Licence(text.to_owned())
}
