//! Commands about deciding: `charter`, `propose`, `vote`, `decisions`.

use commonplace_api::{
    ApiError, Client, ErrorCode,
    command::{charter, decision, decisions, propose, vote},
    view::{Answer, CharterView, Deciding, DecisionRow, DecisionView, Named, Proposed, Resolution},
};

use crate::{
    Failure, args, page,
    show::{Out, columns, count, short},
};

pub(crate) async fn charter(client: &Client, out: &Out, commons: String) -> Result<(), Failure> {
    let charter = client.call(charter::Args { commons }).await?;
    out.answer(&charter, charter_lines)?;
    Ok(())
}

fn charter_lines(charter: &CharterView) -> Vec<String> {
    let mut lines = vec![charter.name.clone()];
    if !charter.purpose.is_empty() {
        lines.push(format!("Purpose: {}", charter.purpose));
    }
    lines.push(format!("Licence: {}", charter.licence));
    let model = match (charter.deciding, charter.needed, charter.quorum) {
        (Deciding::Open, ..) => "open".to_owned(),
        (Deciding::Stewards, needed, _) => format!("stewards, {} of them", needed.unwrap_or(1)),
        (Deciding::Consent, _, quorum) => format!("consent, {} %", quorum.unwrap_or_default()),
        (Deciding::Majority, ..) => "majority".to_owned(),
    };
    lines.push(format!("Deciding: {model}"));
    lines.push(format!("  {}", charter.meaning));
    if !charter.stuck.is_empty() {
        lines.push(format!("  {}", charter.stuck));
    }
    lines.push(format!("Coming in: {}", charter.admission_meaning));
    let people = [
        ("Stewards", &charter.stewards),
        ("Electors", &charter.electors),
        ("Electors from the next decision on", &charter.waiting),
    ];
    lines.extend(people.iter().filter(|(_, all)| !all.is_empty()).map(|(what, all)| format!("{what}: {}", names(all))));
    if !charter.text.is_empty() {
        lines.extend([String::new(), charter.text.clone()]);
    }
    lines
}

fn names(all: &[Named]) -> String {
    all.iter().map(|who| who.name.as_str()).collect::<Vec<_>>().join(", ")
}

pub(crate) async fn propose(
    client: &Client,
    out: &Out,
    commons: String,
    what: args::Proposal,
    reason: Option<String>,
) -> Result<(), Failure> {
    let proposed = proposed(what)?;
    let done = client.call(propose::Args { commons, proposed, reason }).await?;
    out.answer(&done, |done: &Resolution| {
        let mut lines = vec![done.said.clone()];
        lines.extend(done.decision.as_ref().map(|decision| line(&decision.row).join("  ")));
        lines
    })?;
    Ok(())
}

fn proposed(what: args::Proposal) -> Result<Proposed, ApiError> {
    use args::{Model, Proposal};
    let model = |deciding| Proposed::Model { deciding, needed: None, stewards: Vec::new(), quorum: None };
    Ok(match what {
        Proposal::Text { text } => Proposed::Text { text: text.map_or_else(page::standard_input, Ok)? },
        Proposal::Name { name } => Proposed::Name { name },
        Proposal::Purpose { purpose } => Proposed::Purpose { purpose },
        Proposal::Licence { licence } => Proposed::Licence { licence },
        Proposal::Model(Model::Open) => model(Deciding::Open),
        Proposal::Model(Model::Majority) => model(Deciding::Majority),
        Proposal::Model(Model::Consent { percent }) => {
            Proposed::Model { deciding: Deciding::Consent, needed: None, stewards: Vec::new(), quorum: percent }
        }
        Proposal::Model(Model::Stewards { needed, members }) => {
            Proposed::Model { deciding: Deciding::Stewards, needed: Some(needed), stewards: members, quorum: None }
        }
        Proposal::Admission { how } => Proposed::Admission { admission: how },
        Proposal::Grant { member } => Proposed::Grant { member },
        Proposal::End { member } => Proposed::End { member },
        Proposal::Remove { member } => Proposed::Remove { member },
        Proposal::Readmit { member } => Proposed::Readmit { member },
        Proposal::Hide { page } => Proposed::Hide { page },
        Proposal::Restore { page } => Proposed::Restore { page },
        Proposal::Anew { page, anew } => Proposed::Anew { page, anew },
        Proposal::Admit { device } => Proposed::Admit { device },
        Proposal::Roster => Proposed::Roster,
        Proposal::Again { id } => Proposed::Again { decision: id },
    })
}

pub(crate) async fn vote(
    client: &Client,
    out: &Out,
    commons: String,
    decision: String,
    answer: Answer,
) -> Result<(), Failure> {
    let done = client.call(vote::Args { commons: Some(commons), decision, answer }).await?;
    out.answer(&done, |done| vec![line(&done.row).join("  ")])?;
    Ok(())
}

pub(crate) async fn decisions(client: &Client, out: &Out, which: args::Decisions) -> Result<(), Failure> {
    match (which.one, which.commons, which.show) {
        (Some(args::OneDecision::Show { mut which }), ..) => {
            let decision = which.pop().unwrap_or_default();
            show(client, out, which.pop(), decision).await
        }
        (None, commons, Some(decision)) => show(client, out, commons, decision).await,
        (None, Some(commons), None) => {
            let all = client.call(decisions::Args { commons }).await?;
            out.answer(&all, |all| match all.as_slice() {
                [] => vec!["Nothing was proposed yet.".to_owned()],
                some => columns(&some.iter().map(line).collect::<Vec<_>>()),
            })?;
            Ok(())
        }
        (None, None, None) => {
            Err(ApiError::new(ErrorCode::BadArgument, "Whose decisions? Name a commons. Nothing was done.").into())
        }
    }
}

fn line(row: &DecisionRow) -> Vec<String> {
    vec![short(&row.id).to_owned(), row.what.clone(), format!("by {}", row.by.name), row.standing.clone()]
}

async fn show(client: &Client, out: &Out, commons: Option<String>, decision: String) -> Result<(), Failure> {
    let decision = client.call(decision::Args { commons, decision }).await?;
    out.answer(&decision, explained)?;
    Ok(())
}

fn explained(decision: &DecisionView) -> Vec<String> {
    let row = &decision.row;
    let by = if row.own_word { "By" } else { "Proposed by" };
    let mut lines = vec![row.what.clone(), format!("{by} {} ({}).", row.by.name, short(&row.id))];
    if !decision.reason.is_empty() {
        lines.push(format!("Because: {}", decision.reason));
    }
    lines.push(decision.rule.clone());
    if !decision.newcomers.is_empty() {
        lines.push(format!("Electors from this decision on: {}", names(&decision.newcomers)));
    }
    if !decision.electorate.is_empty() {
        let mut counted = Vec::new();
        if decision.yes_needed > 0 {
            counted.push(format!("{} of {} yes", decision.yes, decision.yes_needed));
        }
        if decision.objections > 0 {
            counted.push(count(u64::from(decision.objections), "objection", "objections"));
        }
        counted.push(format!("{} of {} ballots that make it final", decision.ballots, decision.ballots_needed));
        lines.push(format!("{}. Electors:", counted.join(", ")));
    }
    let said = |who: &Named| {
        let voice = decision.voices.iter().find(|voice| voice.who.member == who.member);
        let words = match voice {
            Some(voice) if voice.counts => voice.said.clone(),
            Some(voice) => format!("{} (does not count: their ballot was spent twice)", voice.said),
            None => match decision.unable.iter().find(|unable| unable.who.member == who.member) {
                Some(unable) => unable.why.clone(),
                None => "has not answered".to_owned(),
            },
        };
        vec![format!("  {}", who.name), words]
    };
    lines.extend(columns(&decision.electorate.iter().map(said).collect::<Vec<_>>()));
    if !decision.sealed.is_empty() {
        lines.push(decision.sealed.clone());
    }
    lines.extend(decision.why.iter().cloned());
    if !decision.beside.is_empty() {
        lines.push(decision.beside.clone());
    }
    if row.again {
        lines.push(format!("Propose it again: commonplace propose {} again {}", short(&row.commons), short(&row.id)));
    }
    if !row.answers.is_empty() {
        let words = row.answers.iter().map(|answer| match answer {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Object => "object",
            Answer::Withdraw => "withdraw",
        });
        lines.push(format!("You can answer: {}.", words.collect::<Vec<_>>().join(", ")));
    }
    lines
}
