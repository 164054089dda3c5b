//! Steps that stories about several devices have in common.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use commonplace_node::view::{CommonsView, ImportReport, NearbyDevice, TicketView};

use crate::{
    cli::{Device, files},
    patience::until,
};

/// How long devices may take to become equal.
pub const CONVERGE: Duration = Duration::from_secs(60);

/// Founds a commons and gives its id.
///
/// # Errors
/// When it is refused.
pub fn found(device: &Device, name: &str) -> Result<String> {
    Ok(device.json::<CommonsView>(["new", name])?.id)
}

/// Takes in a folder, of which nothing may be left out.
///
/// # Errors
/// When something is.
pub fn import(device: &Device, commons: &str, folder: &std::path::Path) -> Result<u64> {
    let folder = folder.to_str().context("a folder's name")?;
    let report: ImportReport = device.json(["import", commons, folder])?;
    ensure!(report.skipped.is_empty(), "left out: {:?}", report.skipped);
    Ok(report.made)
}

/// Makes a page with this text.
///
/// # Errors
/// When it is refused.
pub fn page(device: &Device, commons: &str, name: &str, text: &str) -> Result<()> {
    device.ok(["page", "new", commons, name])?;
    if !text.is_empty() {
        device.feed(["page", "write", commons, name], text.as_bytes())?;
    }
    Ok(())
}

/// A ticket for so many.
///
/// # Errors
/// When it is refused.
pub fn ticket(device: &Device, commons: &str, uses: u32) -> Result<String> {
    Ok(device.json::<TicketView>(["invite", commons, "--uses", &uses.to_string()])?.ticket)
}

/// Joins, and gives the commons's id.
///
/// # Errors
/// When it is refused.
pub fn join(device: &Device, ticket: &str) -> Result<String> {
    Ok(device.json::<CommonsView>(["join", ticket, "--wait", "60"])?.id)
}

/// The commons as the device shows it.
///
/// # Errors
/// When it is not there.
pub fn commons(device: &Device, id: &str) -> Result<CommonsView> {
    let all: Vec<CommonsView> = device.json(["list"])?;
    all.into_iter().find(|commons| commons.id == id).context("the commons is not on this device")
}

/// Everything a device would export, byte for byte.
///
/// # Errors
/// When it cannot be exported.
pub fn exported(device: &Device, commons: &str) -> Result<Vec<(std::path::PathBuf, Vec<u8>)>> {
    let folder = tempfile::TempDir::with_prefix("commonplace-export-")?;
    device.ok(["export", commons, folder.path().to_str().context("a folder's name")?])?;
    files(folder.path())
}

/// Waits until a device sees all these people nearby.
///
/// # Errors
/// When it does not in time.
pub fn sees(device: &Device, names: &[&str]) -> Result<Vec<NearbyDevice>> {
    until(&format!("{names:?} to be seen nearby"), Duration::from_secs(20), || {
        let nearby: Vec<NearbyDevice> = device.json(["nearby"])?;
        let all = names.iter().all(|name| nearby.iter().any(|device| device.name == *name));
        Ok(all.then_some(nearby))
    })
}

/// Waits until all these devices would export the same, and that is what `wanted` says.
///
/// # Errors
/// When they do not in time, with what each had.
pub fn converge(
    devices: &[&Device],
    commons: &str,
    limit: Duration,
    wanted: impl Fn(&[(std::path::PathBuf, Vec<u8>)]) -> bool,
) -> Result<()> {
    let mut last = Vec::new();
    let equal = until("the devices to become equal", limit, || {
        last = devices.iter().map(|device| exported(device, commons)).collect::<Result<Vec<_>>>()?;
        Ok(last.iter().all(|files| *files == last[0] && wanted(files)).then_some(()))
    });
    equal.with_context(|| {
        let had: Vec<_> =
            last.iter().map(|files| (files.len(), files.iter().map(|f| f.1.len()).sum::<usize>())).collect();
        format!("files and bytes of each device: {had:?}")
    })
}

/// The text of an exported page.
pub fn text_of<'a>(files: &'a [(std::path::PathBuf, Vec<u8>)], name: &str) -> &'a str {
    let file = files.iter().find(|(path, _)| path.to_str() == Some(name));
    file.and_then(|(_, text)| std::str::from_utf8(text).ok()).unwrap_or_default()
}
