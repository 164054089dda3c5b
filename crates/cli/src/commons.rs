//! Commands about this device and its commons: `init`, `new`, `list`, `status`, `doctor`, `import`, `export`.

use std::path::Path;

use commonplace_api::{
    ApiError, Client, ErrorCode, HostKind,
    command::{commons_list, commons_new, doctor, export, import, init, status},
    view::{ConnectedDevice, Deciding, Ink, Job, Skipped, Status},
};

use crate::{
    Failure,
    show::{self, Out, columns, commons_line, count, short},
};

/// Names that a line lists before it counts; `--json` has more.
const NAMED: usize = 5;

pub(crate) async fn init(
    client: &Client,
    out: &Out,
    name: String,
    ink: Option<Ink>,
    device_name: Option<String>,
) -> Result<(), Failure> {
    let names_device = device_name.is_some();
    let profile = client.call(init::Args { name, ink, device_name }).await?;
    let keeps = names_device && !client.call(status::Args {}).await?.commons.is_empty();
    out.answer(&profile, |p| {
        let mut lines = vec![format!("You are {}, and this device is called {}.", p.name, p.device_name)];
        if keeps {
            lines.push("In the commons it is in already it keeps the name that it came with.".to_owned());
        }
        lines
    })?;
    Ok(())
}

pub(crate) async fn new(
    client: &Client,
    out: &Out,
    name: String,
    licence: Option<String>,
    purpose: Option<String>,
    deciding: Option<Deciding>,
) -> Result<(), Failure> {
    let commons = client.call(commons_new::Args { name, purpose, licence, deciding }).await?;
    out.answer(&commons, |c| vec![c.id.clone()])?;
    Ok(())
}

pub(crate) async fn list(client: &Client, out: &Out) -> Result<(), Failure> {
    let all = client.call(commons_list::Args {}).await?;
    out.answer(&all, |all| all.iter().map(commons_line).collect())?;
    Ok(())
}

pub(crate) async fn status(client: &Client, out: &Out) -> Result<(), Failure> {
    let status = client.call(status::Args {}).await?;
    let host = client.host().await;
    out.answer(&status, |status| status_lines(status, host))?;
    Ok(())
}

fn status_lines(status: &Status, host: Option<HostKind>) -> Vec<String> {
    let mut lines = vec![match &status.profile {
        Some(p) => format!("{}, on {} (device {})", p.name, p.device_name, short(&p.device)),
        None => "Nobody has given this device a name yet: commonplace init --name NAME".to_owned(),
    }];
    lines.push(format!("Profile: {} (Commonplace {})", status.home, status.version));
    lines.push(match (host, status.online) {
        (Some(HostKind::Peer), true) => "A peer has it open and listens for other devices.".to_owned(),
        (Some(host), true) => format!("{} has it open and listens for other devices.", show::host(host)),
        (Some(host), false) => format!("{} has it open.", show::host(host)),
        (None, _) => "Neither the app nor a peer runs, so other devices cannot reach this one now.".to_owned(),
    });
    if status.elsewhere {
        lines.push("A copy of this profile seems to run elsewhere on this network: see commonplace doctor.".to_owned());
    }
    lines.push(count(status.commons.len() as u64, "commons", "commons"));
    for commons in &status.commons {
        lines.push(format!("  {}", commons_line(commons)));
        if !commons.stuck.is_empty() {
            lines.push(format!("    {}", commons.stuck));
        }
    }
    if !status.connected.is_empty() {
        lines.push(format!("{} connected", count(status.connected.len() as u64, "device", "devices")));
        lines.extend(status.connected.iter().map(|device| format!("  {}", device_line(device))));
    }
    lines
}

/// A connected device in a line.
pub(crate) fn device_line(device: &ConnectedDevice) -> String {
    let rtt = device.rtt_ms.map(|ms| format!(", {ms:.0} ms")).unwrap_or_default();
    format!("{}, on {} ({}{rtt})", device.name, device.device_name, device.path)
}

pub(crate) async fn doctor(client: &Client, out: &Out) -> Result<(), Failure> {
    let findings = client.call(doctor::Args { thorough: true }).await?;
    out.answer(&findings, |findings| {
        let rows: Vec<_> = findings
            .iter()
            .flat_map(|f| {
                let mark = if f.ok { "well" } else { "NOT WELL" };
                let advice = (!f.advice.is_empty()).then(|| vec![String::new(), String::new(), f.advice.clone()]);
                [Some(vec![mark.to_owned(), f.check.clone(), f.detail.clone()]), advice]
            })
            .flatten()
            .collect();
        columns(&rows)
    })?;
    let bad: Vec<_> = findings.iter().filter(|f| !f.ok).map(|f| f.check.as_str()).collect();
    if bad.is_empty() {
        return Ok(());
    }
    let words = format!("Not everything is well: {}. Nothing was changed; see the advice above.", bad.join(", "));
    Err(ApiError::new(ErrorCode::Internal, words).into())
}

pub(crate) async fn import(client: &Client, out: &Out, commons: String, dir: &Path) -> Result<(), Failure> {
    let dir = absolute(dir)?;
    let call = client.call(import::Args { commons, dir: dir.clone() });
    let report = show::with_progress(client, Job::Import, "Taking in", call).await?;
    out.answer(&report, |r| {
        let left_out = if r.skipped_total == 0 { String::new() } else { format!(", {} left out", r.skipped_total) };
        let made = count(r.made, "page", "pages");
        vec![format!("{made} made, {} changed, {} the same{left_out}.", r.changed, r.same)]
    })?;
    if !out.is_json() {
        left_out(&report.skipped, report.skipped_total, "Left out").iter().for_each(|line| show::remark(line));
    }
    if !out.is_json() && report.made + report.changed + report.same + report.skipped_total == 0 {
        show::remark(&format!("There are no Markdown files (.md, .markdown) in {dir}."));
    }
    Ok(())
}

pub(crate) async fn export(
    client: &Client,
    out: &Out,
    commons: String,
    dir: &Path,
    overwrite: bool,
) -> Result<(), Failure> {
    let dir = absolute(dir)?;
    let call = client.call(export::Args { commons, dir, overwrite: Some(overwrite) });
    let report = show::with_progress(client, Job::Export, "Writing", call).await?;
    out.answer(&report, |r| {
        let same = if r.same == 0 { String::new() } else { format!(", {} the same", r.same) };
        let kept = if r.kept_total == 0 { String::new() } else { format!(", {} kept", r.kept_total) };
        vec![format!("{} written{same}{kept}.", count(r.written, "file", "files"))]
    })?;
    remark_on("Renamed", &report.renamed, out);
    if !out.is_json() && !report.kept.is_empty() {
        let names = some_of(report.kept.iter().map(String::as_str), report.kept_total);
        show::remark(&format!("Kept: {names}. What is there is not what an export wrote; --overwrite replaces it."));
    }
    if report.unread_total == 0 {
        return Ok(());
    }
    if !out.is_json() {
        left_out(&report.unread, report.unread_total, "Not read").iter().for_each(|line| show::remark(line));
    }
    let words = format!(
        "{} of this damaged profile could not be read; all others are written. Other devices of the commons may still hold them.",
        count(report.unread_total, "page", "pages")
    );
    Err(ApiError::new(ErrorCode::ProfileDamaged, words).into())
}

/// Files that were left out, a line for each reason.
fn left_out(files: &[Skipped], total: u64, what: &str) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for Skipped { path, reason } in files {
        match by_reason.iter_mut().find(|(known, _)| known == reason) {
            Some((_, paths)) => paths.push(path),
            None => by_reason.push((reason, vec![path])),
        }
    }
    let words = |(reason, paths): (&str, Vec<&str>)| {
        format!("{what}: {}: {reason}", some_of(paths.iter().copied(), paths.len() as u64))
    };
    let mut lines: Vec<_> = by_reason.into_iter().map(words).collect();
    let unnamed = total.saturating_sub(files.len() as u64);
    if unnamed > 0 {
        lines.push(format!("{what}: {unnamed} more"));
    }
    lines
}

/// The first of many names, and how many more there are.
fn some_of<'a>(names: impl Iterator<Item = &'a str>, total: u64) -> String {
    let shown: Vec<_> = names.take(NAMED).collect();
    let more = total.saturating_sub(shown.len() as u64);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn remark_on(what: &str, files: &[Skipped], out: &Out) {
    if out.is_json() {
        return;
    }
    for file in files {
        show::remark(&format!("{what}: {}: {}", file.path, file.reason));
    }
}

/// A folder as the engine understands it, which may run elsewhere.
fn absolute(dir: &Path) -> Result<String, ApiError> {
    let whole = std::path::absolute(dir).ok().and_then(|dir| dir.to_str().map(str::to_owned));
    whole.ok_or_else(|| {
        let words = format!("The folder’s name {} cannot be used: it is not UTF-8. Nothing was done.", dir.display());
        ApiError::new(ErrorCode::BadArgument, words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_told_in_a_line_for_each_reason() {
        let file = |path: &str, reason: &str| Skipped { path: path.to_owned(), reason: reason.to_owned() };
        let mut skipped = vec![file("old.md", "not UTF-8 text")];
        skipped.extend((1..=7).map(|n| file(&format!("{n}.png"), "not Markdown (.md, .markdown)")));
        skipped.extend([".obsidian", ".trash"].map(|name| file(name, "hidden")));
        let told = [
            "Left out: old.md: not UTF-8 text",
            "Left out: 1.png, 2.png, 3.png, 4.png, 5.png and 2 more: not Markdown (.md, .markdown)",
            "Left out: .obsidian, .trash: hidden",
            "Left out: 2 more",
        ];
        assert_eq!(left_out(&skipped, 12, "Left out"), told);
    }
}
