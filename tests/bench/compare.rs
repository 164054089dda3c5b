//! The same with samod, which keeps one sync session per document: two repositories on disk, over TCP on loopback.
//!
//! Its documents hold what ours do, it checks no signatures and indexes nothing, and a document counts as arrived when it is found,
//! whether or not it is on the disk yet: where the comparison leans, it leans its way.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result, anyhow, ensure};
use automerge::{Automerge, ObjType, ROOT, transaction::Transactable};
use commonplace_tests::{cli::files, corpus};
use samod::{
    BackoffConfig, ConnectionId, DocHandle, DocumentId, Repo, Url, storage::TokioFilesystemStorage, tokio_io::TcpDialer,
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Duration, timeout},
};

use crate::{figures::Figures, pair::ms, wire};

/// Beyond it a size is said not to be done.
const LIMIT: Duration = Duration::from_secs(300);

/// What one size cost.
pub(crate) struct Cost {
    /// Pages a second of a cold join.
    pub(crate) join: f64,
    /// Milliseconds until two are equal again after one page changed.
    pub(crate) warm: f64,
}

/// Measures a cold join of so many pages, and meeting again after one was changed.
pub(crate) async fn measure(figures: &mut Figures, count: usize, names: [&'static str; 3]) -> Result<Option<Cost>> {
    Figures::part(&format!("samod 0.16, {count} pages"))?;
    match timeout(LIMIT, one_size(count)).await {
        Ok(measured) => {
            let (cost, bytes) = measured?;
            figures.note(names[0], "cold join: found", Some(cost.join), "pages/s")?;
            figures.note(names[1], "one page changed: from start to equal", Some(cost.warm), "ms")?;
            figures.note(names[2], "one page changed: over the wire, both ways", bytes, "bytes")?;
            Ok(Some(cost))
        }
        Err(_) => {
            figures.note(names[0], &format!("cold join: not done in {} s", LIMIT.as_secs()), None, "pages/s")?;
            Ok(None)
        }
    }
}

async fn one_size(count: usize) -> Result<(Cost, Option<f64>)> {
    let (one, other) = (TempDir::with_prefix("samod-bench-")?, TempDir::with_prefix("samod-bench-")?);
    let first = repo(one.path()).await;
    let ids = fill(&first, count).await?;
    let second = repo(other.path()).await;
    let start = Instant::now();
    let link = connect(&first, &second).await?;
    let all = find_all(&second, &ids, link).await?;
    let join = count as f64 / start.elapsed().as_secs_f64();
    ensure!(all.len() == count, "{} of {count} found", all.len());
    second.stop().await;

    let changed = first.find(ids[count / 2].clone()).await?.context("one page")?;
    changed
        .with_document(|document| document.transact(|tx| tx.put(ROOT, "more", "one line more")).map(drop))
        .map_err(|e| anyhow!("{e:?}"))?;
    let wanted = changed.with_document(|document| document.get_heads());
    let before = wire::now();
    let start = Instant::now();
    let second = repo(other.path()).await;
    let link = connect(&first, &second).await?;
    // Which of them changed is not known before all were compared.
    let all = find_all(&second, &ids, link).await?;
    let warm = ms(start.elapsed());
    let bytes = wire::since(before).map(|wire| wire.bytes);
    ensure!(all[count / 2].with_document(|document| document.get_heads()) == wanted, "not equal after all");
    second.stop().await;
    first.stop().await;
    Ok((Cost { join, warm }, bytes))
}

async fn repo(folder: &Path) -> Repo {
    Repo::build_tokio().with_storage(TokioFilesystemStorage::new(folder)).load().await
}

/// Pages of the large set, as documents with a title, a folder and a text.
async fn fill(repo: &Repo, count: usize) -> Result<Vec<DocumentId>> {
    let folder = TempDir::with_prefix("samod-bench-pages-")?;
    corpus::write(folder.path(), count)?;
    let mut ids = Vec::with_capacity(count);
    for (path, text) in files(folder.path())? {
        let mut document = Automerge::new();
        let made = document.transact::<_, _, automerge::AutomergeError>(|tx| {
            tx.put(ROOT, "title", path.to_string_lossy().into_owned())?;
            let body = tx.put_object(ROOT, "body", ObjType::Text)?;
            tx.splice_text(&body, 0, 0, &String::from_utf8_lossy(&text))
        });
        made.map_err(|failed| anyhow!("{:?}", failed.error))?;
        ids.push(repo.create(document).await?.document_id().clone());
    }
    Ok(ids)
}

async fn connect(first: &Repo, second: &Repo) -> Result<ConnectionId> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let acceptor = first.make_acceptor(Url::parse(&format!("tcp://127.0.0.1:{port}"))?)?;
    let dialer = TcpDialer::new_host_port("127.0.0.1".to_owned(), port);
    let dialing = second.dial(BackoffConfig::default(), Arc::new(dialer))?;
    let (io, _) = listener.accept().await?;
    acceptor.accept_tokio_io(io)?;
    dialing.established().await.map_err(|_| anyhow!("no connection"))?;
    dialing.connection_id().context("a connection")
}

/// Finds all documents, and waits until each is as the other side has it.
async fn find_all(repo: &Repo, ids: &[DocumentId], link: ConnectionId) -> Result<Vec<DocHandle>> {
    let mut finding = JoinSet::new();
    for (at, id) in ids.iter().enumerate() {
        let found = repo.find(id.clone());
        finding.spawn(async move {
            let handle = found.await?.context("a document that is there")?;
            handle.we_have_their_changes(link).await;
            anyhow::Ok((at, handle))
        });
    }
    let mut all = Vec::with_capacity(ids.len());
    while let Some(found) = finding.join_next().await {
        all.push(found??);
    }
    all.sort_by_key(|(at, _)| *at);
    Ok(all.into_iter().map(|(_, handle)| handle).collect())
}
