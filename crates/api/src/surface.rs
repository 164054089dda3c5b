//! The engine as commands see it: all that it can do, and tickets as pictures.
//!
//! The engine knows nothing of pictures: it leaves `qr_svg` empty, and this fills it.

use std::ops::Deref;

use commonplace_node::{
    Engine, Result,
    view::{DeviceTicketView, TicketView},
};

use crate::picture;

/// The engine, with the functions of the same names that need a picture in front of its own.
pub(crate) struct Surface<'a>(pub(crate) &'a Engine);

impl Deref for Surface<'_> {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        self.0
    }
}

impl Surface<'_> {
    pub(crate) async fn invite(&self, commons: String, uses: Option<u32>, hours: Option<u32>) -> Result<TicketView> {
        self.0.invite(commons, uses, hours).await.map(with_picture)
    }

    pub(crate) async fn device_add(&self) -> Result<DeviceTicketView> {
        let ticket = self.0.device_add().await?;
        Ok(DeviceTicketView { qr_svg: picture::svg(&ticket.ticket).unwrap_or_default(), ..ticket })
    }

    pub(crate) async fn ticket_read(&self, ticket: String) -> Result<TicketView> {
        self.0.ticket_read(ticket).await.map(with_picture)
    }

    pub(crate) async fn ticket_from_picture(&self, picture: String) -> Result<TicketView> {
        let text = self.picture_read(picture).await?;
        self.ticket_read(text).await
    }

    pub(crate) async fn picture_read(&self, picture: String) -> Result<String> {
        picture::read_ticket(picture).await
    }
}

fn with_picture(ticket: TicketView) -> TicketView {
    TicketView { qr_svg: picture::svg(&ticket.ticket).unwrap_or_default(), ..ticket }
}
