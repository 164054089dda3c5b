//! Commands about this device and its commons: `init`, `new`, `list`, `status`, `doctor`, `import`, `export`.

use std::path::Path;

use commonplace_api::{
    ApiError, Client, ErrorCode,
    command::{commons_list, commons_new, doctor, export, import, init, status},
    view::{ConnectedDevice, Deciding, Ink, Job, Skipped, Status},
};

use crate::{
    Failure,
    show::{self, Out, columns, commons_line, count, short},
};

pub(crate) async fn init(
    client: &Client,
    out: &Out,
    name: String,
    ink: Option<Ink>,
    device_name: Option<String>,
) -> Result<(), Failure> {
    let profile = client.call(init::Args { name, ink, device_name }).await?;
    out.answer(&profile, |p| vec![format!("You are {}, and this device is called {}.", p.name, p.device_name)])?;
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
    let remote = client.is_remote().await;
    out.answer(&status, |status| status_lines(status, remote))?;
    Ok(())
}

fn status_lines(status: &Status, remote: bool) -> Vec<String> {
    let mut lines = vec![match &status.profile {
        Some(p) => format!("{}, on {} (device {})", p.name, p.device_name, short(&p.device)),
        None => "Nobody has given this device a name yet: commonplace init --name NAME".to_owned(),
    }];
    lines.push(format!("Profile: {} (Commonplace {})", status.home, status.version));
    lines.push(match (remote, status.online) {
        (true, true) => "The app or a peer has it open and listens for other devices.".to_owned(),
        (true, false) => "Another command has it open.".to_owned(),
        (false, _) => "Neither the app nor a peer runs, so other devices cannot reach this one now.".to_owned(),
    });
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
        let left_out = if r.skipped.is_empty() { String::new() } else { format!(", {} left out", r.skipped.len()) };
        let made = count(r.made, "page", "pages");
        vec![format!("{made} made, {} changed, {} the same{left_out}.", r.changed, r.same)]
    })?;
    remark_on("Left out", &report.skipped, out);
    if !out.is_json() && report.made + report.changed + report.same == 0 && report.skipped.is_empty() {
        show::remark(&format!("There are no Markdown files (.md) in {dir}."));
    }
    Ok(())
}

pub(crate) async fn export(client: &Client, out: &Out, commons: String, dir: &Path) -> Result<(), Failure> {
    let dir = absolute(dir)?;
    let call = client.call(export::Args { commons, dir });
    let report = show::with_progress(client, Job::Export, "Writing", call).await?;
    out.answer(&report, |r| vec![format!("{} written.", count(r.written, "file", "files"))])?;
    remark_on("Renamed", &report.renamed, out);
    Ok(())
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
