//! Commands about care after the fact: `changes`, `revert`, `mute`, `unmute`, `flag`, `unflag`, `flags`.

use commonplace_api::{
    Client,
    command::{changes, flag, flags, mute, muted, revert, unflag, unmute},
    view::{ChangeList, ChangeQuery, ChangeRun, FlagQuery, FlagView, Named, PageRow, Reverted, RevertedPage},
};

use crate::{
    Failure, args,
    show::{Out, ago, count, full_name, short},
};

/// Runs asked for at a time.
const STRETCH: u32 = 500;
/// Runs listed, unless said.
const RUNS: u32 = 50;

pub(crate) async fn changes(client: &Client, out: &Out, args: args::Changes) -> Result<(), Failure> {
    let args::Changes { commons, by, page, since, limit, before, within } = args;
    let most = limit.unwrap_or(RUNS);
    let mut all = ChangeList { runs: Vec::new(), next: before };
    loop {
        let left = most - u32::try_from(all.runs.len()).unwrap_or(u32::MAX).min(most);
        let (by, page, since, within) = (by.clone(), page.clone(), since.clone(), within.clone());
        let query = ChangeQuery { by, page, since, before: all.next.take(), limit: Some(left.min(STRETCH)), within };
        let stretch = client.call(changes::Args { commons: commons.clone(), query }).await?;
        all.runs.extend(stretch.runs);
        all.next = stretch.next;
        if all.next.is_none() || all.runs.len() >= most as usize {
            break;
        }
    }
    out.answer(&all, |all| {
        let mut lines: Vec<String> = all.runs.iter().flat_map(run_lines).collect();
        if lines.is_empty() {
            lines.push("Nothing changed there.".to_owned());
        }
        if let Some(next) = &all.next {
            lines.push(format!("There is more: --before {next}"));
        }
        lines
    })?;
    Ok(())
}

/// An id of changes with the beginning of its actor's, which is enough to name them by.
fn short_change(id: &str) -> String {
    id.split_once('.').map_or_else(|| id.to_owned(), |(actor, numbers)| format!("{}.{numbers}", short(actor)))
}

fn who(named: Option<&Named>) -> &str {
    named.map_or("Somebody", |named| &named.name)
}

fn run_lines(run: &ChangeRun) -> Vec<String> {
    let place = run.page.as_ref().map_or_else(|| "their ledger".to_owned(), full_name);
    let device = if run.device.is_empty() { String::new() } else { format!(" ({})", run.device) };
    let mut lines =
        vec![format!("{}  {}{device}  {place}  {}", short_change(&run.id), who(run.who.as_ref()), ago(run.at))];
    lines.push(format!("    {}", run.summary));
    lines.extend(excerpt('+', &run.inserted_text));
    lines.extend(excerpt('-', &run.deleted_text));
    lines.extend(run.takes_back.iter().map(|id| format!("    takes back {}", short_change(id))));
    lines.extend(and_more(run.takes_back_more, "stretch of changes", "stretches of changes"));
    lines.extend(run.flags.iter().map(|flag| format!("    flagged by {}{}", flag.who.name, reason(flag))));
    lines.extend(and_more(run.more_flags, "flag", "flags"));
    if run.unread > 0 {
        let changes = if run.unread == 1 { "change" } else { "changes" };
        lines.push(format!(
            "    …and {} more {changes}, not looked at here: --within {}",
            run.unread,
            short_change(&run.id)
        ));
    }
    lines
}

fn and_more(more: u64, one: &str, several: &str) -> Option<String> {
    (more > 0).then(|| format!("    …and {more} more {}", if more == 1 { one } else { several }))
}

fn excerpt(sign: char, text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| format!("    {sign} {text}"))
}

fn reason(flag: &FlagView) -> String {
    if flag.reason.is_empty() { String::new() } else { format!(": {}", flag.reason) }
}

pub(crate) async fn revert(client: &Client, out: &Out, args: args::Revert) -> Result<(), Failure> {
    let args::Revert { commons, changes, all_by, since, dry_run } = args;
    let done = client.call(revert::Args { commons, changes, all_by, since, dry: dry_run }).await?;
    out.answer(&done, reverted_lines)?;
    if done.failed.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

fn reverted_lines(done: &Reverted) -> Vec<String> {
    let mut lines: Vec<String> = done.pages.iter().flat_map(|page| page_lines(page, done.dry)).collect();
    let name = |page: Option<&PageRow>| page.map_or_else(|| "Your ledger".to_owned(), full_name);
    let not = if done.dry { "cannot be done" } else { "not done" };
    lines.extend(done.failed.iter().map(|no| format!("{}: {not}. {}", name(no.page.as_ref()), no.reason)));
    lines.extend(done.refused.iter().map(|no| format!("{}: {}", short_change(&no.change), no.reason)));
    if lines.is_empty() {
        lines.push("Nothing of theirs came since then. Nothing was changed.".to_owned());
    }
    lines
}

fn page_lines(page: &RevertedPage, dry: bool) -> Vec<String> {
    let name = page.page.as_ref().map_or_else(|| "Your ledger".to_owned(), full_name);
    let done = match (page.done.is_empty(), dry) {
        (true, _) => "nothing to do".to_owned(),
        (false, true) => format!("would be: {}", page.done.join(", ")),
        (false, false) => page.done.join(", "),
    };
    let change = page.change.as_ref().map(|id| format!("  [{}]", short_change(id))).unwrap_or_default();
    let mut lines = vec![format!("{name}: {done}{change}")];
    lines.extend(excerpt('-', &page.out_text));
    lines.extend(excerpt('+', &page.back_text));
    lines.extend(page.left.iter().map(|words| format!("    {words}")));
    lines
}

pub(crate) async fn mute(client: &Client, out: &Out, commons: String, member: Option<String>) -> Result<(), Failure> {
    let muted = match member {
        Some(member) => client.call(mute::Args { commons, member }).await?,
        None => client.call(muted::Args { commons }).await?,
    };
    muted_answer(out, &muted)
}

pub(crate) async fn unmute(client: &Client, out: &Out, commons: String, member: String) -> Result<(), Failure> {
    muted_answer(out, &client.call(unmute::Args { commons, member }).await?)
}

fn muted_answer(out: &Out, muted: &Vec<Named>) -> Result<(), Failure> {
    out.answer(muted, |muted| {
        if muted.is_empty() {
            return vec!["Nobody is muted on this device.".to_owned()];
        }
        let mut lines: Vec<_> = muted.iter().map(|named| format!("{}  {}", short(&named.member), named.name)).collect();
        lines.push(
            "Muted on this device only, and told to nobody: where they are and their carets are not shown. Their text stays."
                .to_owned(),
        );
        lines
    })?;
    Ok(())
}

pub(crate) async fn flag(
    client: &Client,
    out: &Out,
    commons: String,
    what: String,
    reason: Option<String>,
) -> Result<(), Failure> {
    let flag = client.call(flag::Args { commons, what, reason }).await?;
    out.answer(&flag, |flag| vec![format!("Flagged for all to see: {}", flag_line(flag))])?;
    Ok(())
}

pub(crate) async fn unflag(client: &Client, out: &Out, commons: String, what: String) -> Result<(), Failure> {
    let left = client.call(unflag::Args { commons, what }).await?;
    out.answer(&left, |left| {
        let more: u64 = left.more.iter().map(|more| more.count).sum();
        let others = count(left.flags.len() as u64 + more, "flag is", "flags are");
        vec![format!("Your flag is off; {others} left on that page.")]
    })?;
    Ok(())
}

pub(crate) async fn flags(client: &Client, out: &Out, args: args::Flags) -> Result<(), Failure> {
    let args::Flags { commons, page, by, limit, before } = args;
    let query = FlagQuery { page, by, before, limit };
    let all = client.call(flags::Args { commons, query }).await?;
    out.answer(&all, |all| {
        let mut lines: Vec<String> = all.flags.iter().map(flag_line).collect();
        if lines.is_empty() {
            lines.push("Nothing is flagged.".to_owned());
        }
        lines.extend(all.more.iter().map(|more| {
            let flags = count(more.count, "flag", "flags");
            format!("…and {flags} more by {}: --by {}", more.who.name, short(&more.who.member))
        }));
        lines.extend(all.next.iter().map(|next| format!("There is more: --before {next}")));
        lines
    })?;
    Ok(())
}

fn flag_line(flag: &FlagView) -> String {
    let change = flag.change.as_ref().map(|id| format!(" [{}]", short_change(id))).unwrap_or_default();
    format!("{}  {}{change}  by {}{}", short(&flag.page.id), full_name(&flag.page), flag.who.name, reason(flag))
}

#[cfg(test)]
mod tests {
    use commonplace_api::view::FailedPage;

    use super::*;

    #[test]
    fn where_it_failed_is_named() {
        let row = PageRow {
            id: "abcdefghijkl".to_owned(),
            title: "Kettles".to_owned(),
            path: "guides".to_owned(),
            changed_at: 0,
            deleted: false,
        };
        let reason = "It would be too large. Nothing was changed in it.".to_owned();
        let failed = FailedPage { page: Some(row), changes: vec!["abc.1-2".to_owned()], reason };
        let done = Reverted { dry: false, pages: Vec::new(), failed: vec![failed], refused: Vec::new() };
        assert_eq!(
            reverted_lines(&done),
            ["guides/Kettles: not done. It would be too large. Nothing was changed in it."]
        );
    }
}
