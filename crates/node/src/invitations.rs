//! Invitations as the roll knows them, and those who asked to be let in and wait for a voucher or a decision.
//!
//! Who asked is kept on the device that they asked, at most [`MAX_ASKING`] for each commons: it is of use to those who may
//! vouch or decide, and only who holds a ticket can be among them.

use commonplace_governance::{Body, DeviceStanding, InvitationClosed, Invites, JoinRequest, Policy, Ticket, Vouch};
use commonplace_model::{CommonsId, DeviceId, shown};

use crate::{
    commons::ID_BEGINNING,
    core::Core,
    error::{Error, ErrorCode, Result},
    profile,
    view::{Asking, Invitation, InvitationState},
};

/// People of one commons who are remembered as asking; of more, those who asked last.
const MAX_ASKING: usize = 64;

fn asking_key(id: CommonsId) -> String {
    format!("asking/{id}")
}

impl Core {
    pub(crate) fn tickets(&mut self, commons: &str) -> Result<Vec<Invitation>> {
        let id = self.find_commons(commons)?;
        let keys: Vec<_> = self.held_commons(id)?.roll.invitations().map(|invited| invited.invitation.key).collect();
        let mut all: Vec<_> = keys.iter().map(|key| self.invitation_view(id, key)).collect::<Result<_>>()?;
        all.sort_by_key(|ticket| (ticket.state != InvitationState::Open, std::cmp::Reverse(ticket.expires_at)));
        Ok(all)
    }

    fn invitation_view(&self, id: CommonsId, key: &DeviceId) -> Result<Invitation> {
        let held = self.held_commons(id)?;
        let gone = || Error::new(ErrorCode::NotFound, "That ticket is not known in this commons. Nothing was changed.");
        let invited = held.roll.invitation(key).ok_or_else(gone)?;
        let by = match held.roll.standing_of(&invited.by) {
            DeviceStanding::Good(member) | DeviceStanding::Ended(member) => member,
            DeviceStanding::None => return Err(gone()),
        };
        Ok(Invitation {
            id: key.to_string(),
            by: self.named(held, by),
            uses: invited.invitation.uses,
            came: u32::try_from(held.roll.came_by(key)).unwrap_or(u32::MAX),
            expires_at: invited.invitation.expires_at,
            state: match held.roll.invites(key, profile::now()).ok_or_else(gone)? {
                Invites::Open(_) => InvitationState::Open,
                Invites::UsedUp => InvitationState::UsedUp,
                Invites::Expired => InvitationState::Expired,
                Invites::Closed => InvitationState::Closed,
            },
        })
    }

    pub(crate) fn ticket_close(&mut self, commons: &str, ticket: &str) -> Result<Invitation> {
        let id = self.find_commons(commons)?;
        let wanted = match ticket.parse::<Ticket>() {
            Ok(ticket) => ticket.key().id().to_string(),
            Err(_) => ticket.trim().to_lowercase(),
        };
        let invitations = self.held_commons(id)?.roll.invitations();
        let found: Vec<_> = invitations
            .filter(|i| wanted.len() >= ID_BEGINNING && i.invitation.key.to_string().starts_with(&wanted))
            .map(|i| (i.invitation.key, i.closed))
            .collect();
        let key = match found.as_slice() {
            [(_, true)] => {
                return Err(Error::new(ErrorCode::Exists, "That ticket is closed already. Nothing was changed."));
            }
            [(key, false)] => *key,
            [] => {
                return Err(Error::new(
                    ErrorCode::NotFound,
                    "There is no such ticket in that commons. Nothing was changed: the list of tickets has their ids.",
                ));
            }
            _ => {
                return Err(Error::new(
                    ErrorCode::Ambiguous,
                    "Several tickets begin like that. Nothing was changed: give more of the id.",
                ));
            }
        };
        self.write_record(id, &Body::InvitationClosed(InvitationClosed { key }))?;
        self.invitation_view(id, &key)
    }

    /// Remembers somebody who asked to be let in and has to wait.
    pub(crate) fn remember_asking(&mut self, request: JoinRequest) -> Result<()> {
        let id = request.commons;
        let mut all = self.requests(id)?;
        all.retain(|other| other.device != request.device);
        all.push(request);
        let surplus = all.len().saturating_sub(MAX_ASKING);
        all.drain(..surplus);
        let bytes = postcard::to_allocvec(&all).map_err(Error::internal)?;
        self.store.set_setting(&asking_key(id), &bytes)?;
        self.tell_decisions(id);
        Ok(())
    }

    /// Requests that wait, those of members left out.
    fn requests(&self, id: CommonsId) -> Result<Vec<JoinRequest>> {
        let bytes = self.store.setting(&asking_key(id))?;
        let all: Vec<JoinRequest> = bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default();
        let held = self.held_commons(id)?;
        Ok(all.into_iter().filter(|request| held.roll.member_of(&request.device).is_none()).collect())
    }

    pub(crate) fn asking(&mut self, commons: &str) -> Result<Vec<Asking>> {
        let id = self.find_commons(commons)?;
        let held = self.held_commons(id)?;
        let view = |request: JoinRequest| Asking {
            device: request.device.to_string(),
            vouched: held.roll.is_vouched_for(&request.device),
            ink: profile::ink(request.person.ink),
            name: shown(&request.person.name),
        };
        Ok(self.requests(id)?.into_iter().map(view).collect())
    }

    /// The request that a person means: by its device, the beginning of that, or by name.
    pub(crate) fn find_asking(&self, id: CommonsId, reference: &str) -> Result<JoinRequest> {
        let wanted = reference.trim();
        let lower = wanted.to_lowercase();
        let is_meant = |request: &JoinRequest| {
            wanted.len() >= ID_BEGINNING && request.device.to_string().starts_with(&lower)
                || shown(&request.person.name).to_lowercase() == lower
        };
        let mut found = self.requests(id)?.into_iter().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(Error::new(
                ErrorCode::NotFound,
                format!(
                    "Nobody like “{wanted}” has asked this device to be let into that commons. Nothing was changed: they ask \
                     by using a ticket."
                ),
            )),
            (Some(_), Some(_)) => Err(Error::new(
                ErrorCode::Ambiguous,
                format!(
                    "Several who asked answer to “{wanted}”. Nothing was changed: name one by the id of their device."
                ),
            )),
        }
    }

    pub(crate) fn vouch(&mut self, commons: &str, device: &str) -> Result<Asking> {
        let id = self.find_commons(commons)?;
        let request = self.find_asking(id, device);
        let device = match (&request, device.trim().parse::<DeviceId>()) {
            (Ok(request), _) => request.device,
            // Somebody may vouch before they ask, or on another device than the one they ask.
            (Err(_), Ok(device)) => device,
            (Err(error), Err(_)) => return Err(error.clone()),
        };
        let held = self.held_commons(id)?;
        let roll = &held.roll;
        let no = |words: &str| Error::new(ErrorCode::Exists, format!("{words} Nothing was changed."));
        if roll.member_of(&device).is_some() {
            return Err(no("They are a member already."));
        }
        match roll.footing().policy {
            Policy::Ticket => return Err(no("Here a ticket is enough to come in, so nobody has to vouch.")),
            Policy::Decision => {
                return Err(no("Here it takes a decision to let somebody in: it can be proposed to admit them."));
            }
            Policy::Vouched if !roll.footing().electors.contains(&held.me) => {
                return Err(Error::new(
                    ErrorCode::NotAllowed,
                    "Only electors can vouch, and you become one with the next decision. Nothing was changed: ask an elector.",
                ));
            }
            Policy::Vouched if roll.is_vouched_for(&device) => {
                return Err(no("An elector has vouched for them already: they can come in by their ticket."));
            }
            Policy::Vouched => {}
        }
        self.write_record(id, &Body::Vouch(Vouch { device }))?;
        let (name, ink) =
            request.map_or_else(|_| (String::new(), 0), |request| (shown(&request.person.name), request.person.ink));
        Ok(Asking { device: device.to_string(), name, ink: profile::ink(ink), vouched: true })
    }

    /// Vouches for a device whose knock is answered with yes, where that is what it takes.
    pub(crate) fn vouch_by_answering(&mut self, commons: &str, device: DeviceId) -> Result<()> {
        let id = self.find_commons(commons)?;
        let held = self.held_commons(id)?;
        let footing = held.roll.footing();
        let takes_it = footing.policy == Policy::Vouched && footing.electors.contains(&held.me);
        if takes_it && !held.roll.is_vouched_for(&device) {
            self.write_record(id, &Body::Vouch(Vouch { device }))?;
        }
        Ok(())
    }
}
