//! The `commonplace` command: a thin layer from arguments to commands, and from answers to text or JSON.
//!
//! Exit status: 0 done, 1 refused with a reason on standard error, or done in part, which the answer says, 2 wrong usage. The
//! engine runs in this process, or in the app or peer that has the profile open; no command knows which.

mod args;
mod care;
mod coming;
mod commons;
mod decide;
mod device;
mod health;
mod page;
mod peer;
mod people;
mod reach;
mod show;
mod tickets;

use std::{io, path::Path, process::ExitCode};

use args::{Cli, Command, Shell};
use clap::{CommandFactory, Parser};
use commonplace_api::{ApiError, Client, HostKind, Options};
use show::Out;

/// Why a command was not done.
#[derive(Debug)]
enum Failure {
    /// The engine refused, or this program before it.
    Refused(ApiError),
    /// Some of it failed, which the answer said.
    Told,
    /// What was to be shown could not be written.
    Output(io::Error),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    // Words for developers stay out of the way of words for people unless they are asked for.
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(
            std::env::var("COMMONPLACE_LOG").unwrap_or("off".to_owned()),
        ))
        .with_writer(io::stderr)
        .init();
    let json = cli.json;
    let done = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(cli)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        // Whoever read the output has read enough of it.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => {
            show::refusal(
                json,
                &ApiError::new(commonplace_api::ErrorCode::Internal, format!("The output failed: {error}.")),
            );
            ExitCode::FAILURE
        }
        Err(Failure::Refused(error)) => {
            show::refusal(json, &error);
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the arguments, or gives the help or version that they ask for.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    let asked_for_json = std::env::args_os().skip(1).take_while(|arg| arg != "--").any(|arg| arg == "--json");
    if !asked_for_json || !error.use_stderr() {
        // As clap does it, which knows what is help and where it goes.
        error.exit();
    }
    show::wrong_usage(&error.render().to_string());
    ExitCode::from(2)
}

async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Completions { shell } => return completions(shell),
        Command::Manual { dir } => return manual(&dir),
        _ => {}
    }
    let kind = if matches!(cli.command, Command::Peer { .. }) { HostKind::Peer } else { HostKind::Command };
    let options = Options { online: cli.command.needs_network(), loopback: cli.loopback, kind };
    if let Command::Init { from_phrase: true, .. } = &cli.command {
        device::restore(cli.home.clone())?;
    }
    let client = Client::connect_or_open(cli.home, options).await?;
    let done = carry_out(&client, &Out::new(cli.json), cli.command).await;
    // Also after a refusal: whatever was done before it is made durable.
    client.close().await;
    done
}

async fn carry_out(client: &Client, out: &Out, command: Command) -> Result<(), Failure> {
    match command {
        Command::Init { name, ink, device_name, from_phrase: _ } => {
            commons::init(client, out, name, ink, device_name).await
        }
        Command::Device(device) => device::carry_out(client, out, device).await,
        Command::New { name, licence, purpose, deciding } => {
            commons::new(client, out, name, licence, purpose, deciding).await
        }
        Command::List => commons::list(client, out).await,
        Command::Status => commons::status(client, out).await,
        Command::Reach { to } => reach::reach(client, out, to).await,
        Command::Doctor => commons::doctor(client, out).await,
        Command::Import { commons, dir } => commons::import(client, out, commons, &dir).await,
        Command::Export { commons, dir, overwrite } => commons::export(client, out, commons, &dir, overwrite).await,
        Command::Invite { commons, uses, hours } => coming::invite(client, out, commons, uses, hours).await,
        Command::Join { ticket, wait } => coming::join(client, out, ticket, wait).await,
        Command::Tickets { commons } => tickets::tickets(client, out, commons).await,
        Command::Ticket(args::Ticket::Close { commons, ticket }) => tickets::close(client, out, commons, ticket).await,
        Command::Asking { commons } => tickets::asking(client, out, commons).await,
        Command::Leave { commons, yes, reason } => people::leave(client, out, commons, yes, reason).await,
        Command::Vouch { commons, device } => tickets::vouch(client, out, commons, device).await,
        Command::Charter { commons } => decide::charter(client, out, commons).await,
        Command::Propose { commons, what, reason } => decide::propose(client, out, commons, what, reason).await,
        Command::Vote { commons, id, answer } => decide::vote(client, out, commons, id, answer).await,
        Command::Decisions(which) => decide::decisions(client, out, which).await,
        Command::Nearby { wait } => coming::nearby(client, out, wait).await,
        Command::Knock { device, wait } => coming::knock(client, out, &device, wait).await,
        Command::Knocks => coming::knocks(client, out).await,
        Command::Answer { device, answer } => coming::answer(client, out, device, answer.commons).await,
        Command::Peer { seconds, metrics } => peer::peer(client, out, seconds, metrics).await,
        Command::Page(page) => page::carry_out(client, out, page).await,
        Command::Tag { commons, page, tags } => page::tag(client, out, commons, page, tags).await,
        Command::Untag { commons, page, tags } => page::untag(client, out, commons, page, tags).await,
        Command::Tags { commons } => page::tags(client, out, commons).await,
        Command::People { commons } => people::people(client, out, commons).await,
        Command::Changes(args) => care::changes(client, out, args).await,
        Command::Revert(args) => care::revert(client, out, args).await,
        Command::Mute { commons, member, list: _ } => care::mute(client, out, commons, member).await,
        Command::Unmute { commons, member } => care::unmute(client, out, commons, member).await,
        Command::Flag { commons, what, reason } => care::flag(client, out, commons, what, reason).await,
        Command::Unflag { commons, what } => care::unflag(client, out, commons, what).await,
        Command::Flags(args) => care::flags(client, out, args).await,
        Command::Search { commons, query, limit } => page::search(client, out, commons, query.join(" "), limit).await,
        Command::Completions { shell } => completions(shell),
        Command::Manual { dir } => manual(&dir),
    }
}

fn manual(dir: &Path) -> Result<(), Failure> {
    Ok(clap_mangen::generate_to(Cli::command(), dir)?)
}

fn completions(shell: Shell) -> Result<(), Failure> {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    // Into memory first: the generator does not expect that its reader may leave.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "commonplace", &mut script);
    show::raw(&script)?;
    Ok(())
}
