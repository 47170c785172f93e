//! Talking Git to a remote: its references, and packs in both directions.
//!
//! gix speaks the protocol below; which objects we have and want is decided here, for a shallow
//! mirror always wants one commit and negotiates in one round.

pub(crate) mod push;

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::Instant,
};

use gix::{ObjectId, progress::Discard};
use gix_protocol::{
    Command, Handshake, LsRefsCommand,
    fetch::{Arguments, Response, response::ShallowUpdate},
    handshake::Ref,
    ls_refs::RefPrefixes,
};
use gix_transport::{
    Protocol, Service,
    client::blocking_io::{HandleProgress, Transport, http},
};

use crate::guard::lock;
use crate::{
    Error, Remote, RemoteRef,
    error::Source,
    failure::Failure,
    http::Conversation,
    pack::{self, OverLimit, Received},
    ssh,
};

/// A conversation with one service of a remote.
///
/// The transport is a trait object: whatever carries Git's lines fits here.
pub(crate) struct Session {
    remote: Arc<Remote>,
    transport: Box<dyn Transport>,
    failure: Failure,
    handshake: Handshake,
}

/// What a fetch needs to know about the receiver.
pub(crate) struct Want<'w> {
    pub(crate) id: ObjectId,
    pub(crate) haves: &'w [ObjectId],
    pub(crate) shallow: &'w [ObjectId],
    /// The most bytes that a pack may have.
    pub(crate) limit: u64,
}

/// What a fetch brought, and where history now ends.
pub(crate) struct Fetch {
    pub(crate) received: Received,
    pub(crate) shallow: Vec<ObjectId>,
    pub(crate) unshallow: Vec<ObjectId>,
}

impl Session {
    /// Opens a conversation to read.
    pub(crate) fn read(remote: &Arc<Remote>) -> Result<Self, Error> {
        Self::open(remote, Service::UploadPack, Protocol::V2)
    }

    /// Opens a conversation to write.
    pub(crate) fn write(remote: &Arc<Remote>) -> Result<Self, Error> {
        Self::open(remote, Service::ReceivePack, Protocol::V1)
    }

    fn open(remote: &Arc<Remote>, service: Service, version: Protocol) -> Result<Self, Error> {
        let failure = Failure::default();
        let deadline = Instant::now() + remote.timeouts.operation;
        let broken = |source: Source| protocol(remote, &failure, "begin to talk", source);
        let mut transport: Box<dyn Transport> = if remote.url.is_ssh() {
            ssh::connect(remote, service, version, deadline, &failure)?
        } else {
            let conversation = Conversation::new(remote, deadline, failure.clone())?;
            let url = gix::url::parse(remote.url.as_str());
            let url = url.map_err(|source| broken(source.into()))?;
            Box::new(http::connect_http(conversation, url, version, false))
        };
        let handshake = gix_protocol::handshake(
            &mut transport,
            service,
            |_| Ok(None),
            Vec::new(),
            &mut Discard,
        )
        .map_err(|source| broken(source.into()))?;
        Ok(Self { remote: Arc::clone(remote), transport, failure, handshake })
    }

    /// The references whose names begin with one of `prefixes`.
    pub(crate) fn refs(&mut self, prefixes: &[&str]) -> Result<Vec<RemoteRef>, Error> {
        let listed = if let Some(refs) = &self.handshake.refs {
            refs.clone()
        } else {
            let mut wanted = RefPrefixes::new();
            wanted.extend(prefixes.iter().map(|prefix| (*prefix).into()));
            LsRefsCommand::new(Some(wanted), &self.handshake.capabilities, agent())
                .invoke_blocking(&mut self.transport, &mut Discard, false)
                .map_err(|source| {
                    protocol(&self.remote, &self.failure, "list references", source.into())
                })?
        };
        let mut refs: Vec<RemoteRef> = listed.into_iter().filter_map(remote_ref).collect();
        refs.retain(|found| prefixes.iter().any(|prefix| found.name.starts_with(prefix)));
        refs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(refs)
    }

    /// Receives `want` and what it leads to, as far as the receiver has not got it, into `repo`.
    pub(crate) fn fetch(mut self, repo: &gix::Repository, want: &Want<'_>) -> Result<Fetch, Error> {
        let version = self.handshake.server_protocol_version;
        let mut features = Command::Fetch.default_features(version, &self.handshake.capabilities);
        features.push(agent());
        let sideband_all = features.iter().any(|(name, _)| *name == "sideband-all");
        let failed = |doing, source: Source| protocol(&self.remote, &self.failure, doing, source);
        Response::check_required_features(version, &features)
            .map_err(|source| failed("fetch", source.into()))?;

        let mut arguments = Arguments::new(version, features, false);
        if arguments.can_use_shallow() {
            want.shallow.iter().for_each(|id| arguments.shallow(id));
            arguments.deepen(1);
        }
        arguments.want(want.id);
        want.haves.iter().for_each(|id| arguments.have(id));

        let words = Words::default();
        let mut reader = arguments
            .send(&mut self.transport, true)
            .map_err(|source| failed("fetch", source.into()))?;
        if sideband_all {
            reader.set_progress_handler(Some(words.listener()));
        }
        let mut response = Response::from_line_reader(version, &mut reader, true, false)
            .map_err(|source| refused(&self.remote, &self.failure, want.id, source.into()))?;
        if !response.has_pack() {
            return Err(failed("fetch", "the server sent no pack".into()));
        }
        if let Some(Ok(Ok(line))) = reader.peek_data_line()
            && line.starts_with(b"ERR ")
        {
            // Old servers look at what we want only now.
            let words = String::from_utf8_lossy(line).into_owned();
            return Err(refused(&self.remote, &self.failure, want.id, words.into()));
        }
        response.append_v1_shallow_updates(self.handshake.v1_shallow_updates.take());
        if !sideband_all {
            reader.set_progress_handler(Some(words.listener()));
        }
        let directory = repo.objects.store_ref().path().join("pack");
        let received = pack::receive(&mut reader, repo, &directory, want.limit)
            .map_err(|source| unpacked(&self.remote, &self.failure, source, want.limit))?;
        let mut fetch = Fetch { received, shallow: Vec::new(), unshallow: Vec::new() };
        for update in response.shallow_updates() {
            match update {
                ShallowUpdate::Shallow(id) => fetch.shallow.push(*id),
                ShallowUpdate::Unshallow(id) => fetch.unshallow.push(*id),
            }
        }
        Ok(fetch)
    }
}

/// Why the server would not send `id`.
fn refused(remote: &Remote, failure: &Failure, id: ObjectId, source: Source) -> Error {
    let text = causes(&*source);
    if text.contains("not our ref") || text.contains("unadvertised object") {
        let reference = crate::Reference::Commit(id).to_string();
        return Error::NoSuchReference { url: remote.url.clone(), reference, empty: false };
    }
    protocol(remote, failure, "fetch", source)
}

/// Why a pack could not be written.
fn unpacked(remote: &Remote, failure: &Failure, source: Source, limit: u64) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*source);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            if io.get_ref().and_then(|inner| inner.downcast_ref::<OverLimit>()).is_some() {
                return Error::TooLarge { url: remote.url.clone(), limit };
            }
            if let std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge = io.kind()
            {
                return Error::disk("objects/pack")(std::io::Error::from(io.kind()));
            }
        }
        cause = error.source();
    }
    protocol(remote, failure, "receive objects", source)
}

/// The failure of a conversation: what HTTP said, or else what Git's layers make of it.
fn protocol(remote: &Remote, failure: &Failure, doing: &'static str, source: Source) -> Error {
    failure.take().unwrap_or_else(|| Error::Protocol { url: remote.url.clone(), doing, source })
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|error| format!("{error:?}")).collect::<Vec<_>>().join(" ")
}

fn remote_ref(listed: Ref) -> Option<RemoteRef> {
    let (name, id, peeled, target) = match listed {
        Ref::Peeled { full_ref_name, tag, object } => (full_ref_name, tag, Some(object), None),
        Ref::Direct { full_ref_name, object } => (full_ref_name, object, None, None),
        Ref::Symbolic { full_ref_name, target, tag: Some(tag), object } => {
            (full_ref_name, tag, Some(object), Some(target))
        }
        Ref::Symbolic { full_ref_name, target, tag: None, object } => {
            (full_ref_name, object, None, Some(target))
        }
        Ref::Unborn { .. } => return None,
    };
    let target = target.map(|target| target.to_string());
    Some(RemoteRef { name: String::from_utf8(name.into()).ok()?, id, peeled, target })
}

fn agent() -> gix_protocol::command::Feature {
    ("agent", Some(concat!("signet/", env!("CARGO_PKG_VERSION")).to_owned()))
}

/// What the server says beside its answer.
#[derive(Clone, Default)]
pub(crate) struct Words(Arc<Mutex<Vec<u8>>>);

impl Words {
    /// Collects the first of it.
    fn listener<'h>(&self) -> HandleProgress<'h> {
        let words = self.clone();
        Box::new(move |_is_error, text| {
            let mut words = lock(&words.0);
            if words.len() < 16 << 10 {
                words.extend_from_slice(text);
                words.push(b'\n');
            }
            ControlFlow::Continue(())
        })
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *lock(&self.0))
    }
}
