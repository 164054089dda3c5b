//! The local socket: where it lies, and lines of JSON through it.
//!
//! A connection begins with the host's [`Hello`]. Then, one line each:
//!
//! ```text
//! {"id":1,"command":"page_list","args":{…}}   →   {"id":1,"ok":…}  or  {"id":1,"error":{"code":…,"message":…}}
//! {"id":2,"listen":true}                      →   {"id":2,"ok":null}, then {"event":…} as they happen
//! ```
//!
//! Requests are begun in the order of their lines; answers come as they are ready. Before a host ends it answers what it has
//! begun and says `{"closing":true}`: whatever has no answer then was not carried out, and can be asked of another host.

use std::{
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use commonplace_node::view::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use crate::{ApiError, ErrorCode, HostKind};

/// Version of what is said through the socket.
pub(crate) const PROTOCOL: u32 = 1;
/// The longest line. A page of 5 MB whose every character JSON writes as six fits, and so does a picture of 10 MB.
pub(crate) const MAX_LINE: usize = 32 << 20;
/// Bytes that a Unix socket's address can have, without the zero at its end.
const MAX_PATH: usize = 107;
const NAME: &str = "engine.sock";

/// The host's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The protocol's version.
    pub(crate) commonplace: u32,
    /// The program's version, for people.
    #[serde(default)]
    pub(crate) version: String,
    /// Whether the host listens for other devices.
    #[serde(default)]
    pub(crate) online: bool,
    /// What kind of program it is.
    #[serde(default)]
    pub(crate) host: HostKind,
}

/// A client's line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) id: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) args: Value,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) listen: bool,
}

/// A line of the host's after the first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ok: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ApiError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<Event>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) closing: bool,
}

impl Reply {
    pub(crate) fn answer(id: Option<u64>, answer: Result<Value, ApiError>) -> Self {
        match answer {
            Ok(value) => Self { id, ok: Some(value), ..Self::default() },
            Err(error) => Self { id, error: Some(error), ..Self::default() },
        }
    }
}

/// Where the socket of a profile lies: in its folder, or, where that path is too long for an address, in the person's
/// runtime folder under a name made of the path.
pub(crate) fn place(home: &Path) -> PathBuf {
    let home = std::fs::canonicalize(home).or_else(|_| std::path::absolute(home)).unwrap_or_else(|_| home.to_owned());
    let inside = home.join(NAME);
    if inside.as_os_str().len() <= MAX_PATH {
        return inside;
    }
    let hash = blake3::derive_key("commonplace/socket/1", home.as_os_str().as_bytes());
    let name = format!("commonplace-{}.sock", data_encoding::HEXLOWER.encode(&hash[..12]));
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    runtime
        .map(|dir| dir.join(&name))
        .filter(|path| path.as_os_str().len() <= MAX_PATH && path.parent().is_some_and(Path::is_dir))
        .unwrap_or_else(|| std::env::temp_dir().join(&name))
}

/// Removes what a host that is dead left behind. Only sockets are removed.
pub(crate) fn remove(place: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(place) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(place),
        Ok(meta) => {
            Err(io::Error::other(format!("{} is there and no socket (mode {:o})", place.display(), meta.mode())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the process at the other end belongs to the same person.
pub(crate) fn is_own(stream: &UnixStream) -> bool {
    // A pair of sockets of our own tells who we are.
    let own = || -> io::Result<u32> { Ok(UnixStream::pair()?.0.peer_cred()?.uid()) };
    matches!((stream.peer_cred(), own()), (Ok(peer), Ok(own)) if peer.uid() == own)
}

/// Why no further line came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// A line is longer than [`MAX_LINE`].
    #[error("a line is longer than {MAX_LINE} bytes")]
    TooLong,
    /// The connection broke.
    #[error(transparent)]
    Broken(#[from] io::Error),
}

/// Lines, read with a bound on their length. A line is not lost when [`Lines::next`] is given up midway.
pub(crate) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(from: R, max: usize) -> Self {
        Self { from: BufReader::new(from), line: Vec::new(), max }
    }

    /// The next line; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        loop {
            let there = self.from.fill_buf().await?;
            if there.is_empty() {
                // What has no line's end is no line.
                return Ok(None);
            }
            let end = there.iter().position(|byte| *byte == b'\n');
            let part = &there[..end.unwrap_or(there.len())];
            if self.line.len() + part.len() > self.max {
                return Err(LineError::TooLong);
            }
            self.line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.from.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}

/// What is said as a line, unless it is longer than one may be.
pub(crate) fn line(what: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = serde_json::to_vec(what).map_err(ApiError::internal)?;
    if bytes.len() > MAX_LINE {
        return Err(ApiError::new(
            ErrorCode::TooLarge,
            format!("That is more than can be asked or answered at once ({} MB). Nothing was changed.", MAX_LINE >> 20),
        ));
    }
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a line of the host's. An answer that is too long becomes the error that says so.
pub(crate) async fn write_reply(to: &mut (impl AsyncWrite + Unpin), reply: &Reply) -> io::Result<()> {
    let bytes = match line(reply) {
        Ok(bytes) => bytes,
        Err(error) => line(&Reply::answer(reply.id, Err(error))).map_err(io::Error::other)?,
    };
    to.write_all(&bytes).await
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[tokio::test]
    async fn lines_are_cut_at_their_ends_and_bounded() {
        let mut lines = Lines::new(&b"one\n\ntwo\nhalf"[..], 8);
        assert_eq!(lines.next().await.unwrap().unwrap(), b"one");
        assert_eq!(lines.next().await.unwrap().unwrap(), b"");
        assert_eq!(lines.next().await.unwrap().unwrap(), b"two");
        assert_eq!(lines.next().await.unwrap(), None);
        let mut lines = Lines::new(&b"12345678\n123456789\n"[..], 8);
        assert_eq!(lines.next().await.unwrap().unwrap(), b"12345678");
        assert!(matches!(lines.next().await, Err(LineError::TooLong)));
    }

    #[test]
    fn a_socket_lies_in_its_profile_unless_the_path_is_too_long() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        assert_eq!(place(dir.path()), home.join(NAME));
        let deep = home.join("a".repeat(100));
        let far = place(&deep);
        assert!(!far.starts_with(&deep) && far.as_os_str().len() <= MAX_PATH, "{}", far.display());
        assert_eq!(far, place(&deep));
        assert_ne!(far, place(&home.join("b".repeat(100))));
    }

    #[test]
    fn only_a_socket_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "kept").unwrap();
        assert!(remove(&file).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
        assert!(remove(&dir.path().join("nothing")).is_ok());
    }

    #[test]
    fn a_host_says_what_it_is_and_need_not() {
        let hello = |line: &str| serde_json::from_str::<Hello>(line).unwrap().host;
        assert_eq!(hello(r#"{"commonplace":1,"version":"0.1.0","online":true}"#), HostKind::Unknown);
        assert_eq!(hello(r#"{"commonplace":1,"host":"phone"}"#), HostKind::Unknown);
        for host in [HostKind::App, HostKind::Peer, HostKind::Command] {
            let said = Hello { commonplace: 1, version: String::new(), online: true, host };
            assert_eq!(hello(&serde_json::to_string(&said).unwrap()), host);
        }
    }

    #[test]
    fn lines_are_changed_anywhere() {
        let seconds = std::env::var("COMMONPLACE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
        let time = std::time::Duration::from_secs(seconds.unwrap_or(5));
        let hello = Hello { commonplace: PROTOCOL, version: "0.1".into(), online: true, host: HostKind::default() };
        let request = r#"{"id":7,"command":"page_show","args":{"commons":"a","page":"b"}}"#;
        let lines = [line(&hello).unwrap(), request.as_bytes().to_vec(), br#"{"id":2,"listen":true}"#.to_vec()];
        bolero::check!().with_test_time(time).with_type::<(u8, u16, Vec<u8>)>().for_each(|(which, at, bytes)| {
            let mut all = lines.get(usize::from(*which) % 4).cloned().unwrap_or_else(|| bytes.clone());
            let at = usize::from(*at) % all.len().max(1);
            for (old, new) in all.iter_mut().skip(at).zip(bytes) {
                *old = *new;
            }
            if let Err(refused) = crate::server::read_request(&all) {
                assert!(refused.error.is_some() && refused.ok.is_none());
            }
            let _ = (crate::client::read_hello(&all), serde_json::from_slice::<Reply>(&all));
        });
    }

    #[test]
    fn requests_and_replies_are_as_documented() {
        let request: Request = serde_json::from_str(r#"{"id":1,"command":"tags","args":{"commons":"c"}}"#).unwrap();
        assert_eq!((request.id, request.command.as_deref(), request.listen), (1, Some("tags"), false));
        let listen: Request = serde_json::from_str(r#"{"id":2,"listen":true}"#).unwrap();
        assert!(listen.listen && listen.command.is_none());
        assert!(serde_json::from_str::<Request>(r#"{"id":1,"comand":"tags"}"#).is_err());
        let ok = serde_json::to_string(&Reply::answer(Some(2), Ok(Value::Null))).unwrap();
        assert_eq!(ok, r#"{"id":2,"ok":null}"#);
        let refused = Reply::answer(Some(3), Err(ApiError::bad("No.")));
        assert_eq!(
            serde_json::to_string(&refused).unwrap(),
            r#"{"id":3,"error":{"code":"badArgument","message":"No."}}"#
        );
    }
}
