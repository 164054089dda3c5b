//! Commands about this person's own devices.

use std::time::Duration;

use super::Engine;
use crate::{
    core::Core,
    devices::LIFE,
    error::{Error, ErrorCode, Result},
    profile,
    view::{DeviceTicketView, OwnDevices, Paired, PairingView, Revoked},
};

/// How long two devices may take to tell each other of all that they are in.
const HANDING_OVER: Duration = Duration::from_secs(120);

fn too_late() -> Error {
    Error::new(
        ErrorCode::TimedOut,
        "The other device did not answer in time. The list of your devices says what was done; a new ticket completes it.",
    )
}

impl Engine {
    /// This person's devices in a commons, or in each.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn device_list(&self, commons: Option<String>) -> Result<Vec<OwnDevices>> {
        self.ask(move |core| core.device_list(commons.as_deref())).await
    }

    /// Makes a ticket for one more device of this person; one that was made before is good no longer.
    ///
    /// # Errors
    /// When nobody has given their name yet, they are in no commons, or the network is off.
    pub async fn device_add(&self) -> Result<DeviceTicketView> {
        self.network_open().await?;
        self.ask(Core::device_add).await
    }

    /// Has this device become one more of the person whose ticket it is, and waits until that is approved there. Meanwhile
    /// both show a code, see [`crate::view::Event::Pairing`]. It takes over their name when it has none of its own.
    ///
    /// # Errors
    /// When the ticket is malformed, expired or used, the device that made it is not reached in `wait_seconds` (30 by default),
    /// or its person does not approve.
    pub async fn device_join(
        &self,
        ticket: String,
        device_name: Option<String>,
        wait_seconds: Option<u32>,
    ) -> Result<Paired> {
        let wait = Duration::from_secs(u64::from(wait_seconds.unwrap_or(30).clamp(1, 3_600)));
        self.ask_and_wait(wait + LIFE + HANDING_OVER, too_late, move |core, answer| {
            core.device_join(&ticket, device_name.as_deref(), wait, answer);
        })
        .await
    }

    /// The pairing that waits for its code, if there is one.
    ///
    /// # Errors
    /// When the engine is closing.
    pub async fn device_pairing(&self) -> Result<Option<PairingView>> {
        self.ask(|core| Ok(core.device_pairing())).await
    }

    /// Approves the device that waits, if the code is the one that this device shows; otherwise the pairing is over.
    ///
    /// # Errors
    /// When no device waits, the code is another, or the device went away.
    pub async fn device_approve(&self, code: String) -> Result<Paired> {
        self.ask_and_wait(HANDING_OVER, too_late, move |core, answer| core.device_approve(&code, answer)).await
    }

    /// Says no to the device that waits, and makes the ticket void; on the new device, waits to be approved no more.
    ///
    /// # Errors
    /// When no ticket is in use.
    pub async fn device_decline(&self) -> Result<()> {
        self.ask(Core::device_decline).await
    }

    /// Revokes another device of this person, in one commons or all. All of its work that is known here stays.
    ///
    /// # Errors
    /// When there is no such device or commons, it is this one, or it cannot be stored.
    pub async fn device_revoke(&self, device: String, commons: Option<String>) -> Result<Revoked> {
        self.ask(move |core| core.device_revoke(&device, commons.as_deref())).await
    }

    /// The recovery phrase of this device's key: 24 words, whoever has which can write as this device.
    ///
    /// # Errors
    /// When the engine is closing.
    pub async fn device_phrase(&self) -> Result<String> {
        self.ask(|core| profile::phrase(&core.key)).await
    }
}
