//! What a look asks of its registry, and of what is remembered.

use jiff::SignedDuration;
use kube::ResourceExt as _;

use imagebot_core::verify::Trust;

use super::{
    Error,
    choose::Look,
    facts::{Question, Verdict},
    kept, key,
};
use crate::{
    controller::{access, due},
    registry::{self, Access, Image},
    verify,
};

impl Look<'_> {
    /// Whether the image under a digest is signed.
    pub(super) async fn verdict(&self, digest: &str) -> Result<Verdict, Error> {
        let question = Question {
            uid: self.object.uid().unwrap_or_default(),
            rules: self.rules.id.clone(),
            digest: digest.to_owned(),
        };
        let facts = &self.controller.facts;
        let requested = self.requested();
        let known = facts.verdict(&question).filter(|verdict| match verdict {
            Verdict::Good(_) => true,
            Verdict::Bad { again_at, .. } => self.now < *again_at && !requested,
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let (registry, access) = (&self.controller.registry, self.access().await?);
        let trust = self.trust().await?;
        let found = verify::verify(registry, &self.image, digest, access, (trust, self.now)).await;
        let found = found.map_err(|source| self.unread(digest, source))?;
        Ok(facts.decide(question, found, self.now))
    }

    /// Whether someone asked for this look.
    pub(super) fn requested(&self) -> bool {
        let status = self.object.status.as_ref();
        let handled = status.and_then(|status| status.last_handled_reconcile_at.as_ref());
        due::open_request(self.object, handled).is_some()
    }

    /// What is known of the image under a tag, read if it was not read within `fresh`.
    pub(super) async fn look(
        &self,
        tag: &str,
        dated: bool,
        fresh: SignedDuration,
    ) -> Result<Option<Image>, Error> {
        if let Some(known) = self.known(tag, dated, fresh) {
            return Ok(Some(known));
        }
        let (facts, subject) = (&self.controller.facts, self.subject());
        let (registry, access) = (&self.controller.registry, self.access().await?);
        if self.known(tag, dated, SignedDuration::MAX).is_some() {
            // Most often the tag names what it named, and that is cheap to see.
            let digest = registry.digest(&self.image, tag, access).await;
            let digest = digest.map_err(|source| self.unread(tag, source))?;
            if let Some(known) = facts.digest(&subject, &digest).filter(|it| it.dated || !dated) {
                self.learn(tag, known.clone());
                return Ok(Some(known));
            }
        }
        let read = registry.image(&self.image, tag, dated, access).await;
        let read = read.map_err(|source| self.unread(tag, source))?;
        // A tag that went away since the scan has nothing.
        let image = read.clone().unwrap_or_else(|| Image { dated: true, ..Image::default() });
        self.learn(tag, image);
        Ok(read)
    }

    fn learn(&self, tag: &str, image: Image) {
        let (controller, subject) = (self.controller, self.subject());
        controller.kept.learn((&key(self.repository), &subject), tag, &image, self.now);
        controller.facts.learn(&subject, tag, image, self.now);
    }

    /// Of what things are known here.
    fn subject(&self) -> String {
        kept::subject(&self.repository.uid().unwrap_or_default(), &self.image.to_string())
    }

    /// Recalls what was known before this process, where it matters.
    pub(super) async fn recall(&self) -> Result<(), Error> {
        if self.rules.looks_inside().is_none() {
            return Ok(());
        }
        let (controller, key) = (self.controller, key(self.repository));
        let tags = self.listed.tags.tags();
        controller.kept.recall(&controller.facts, &key, &self.subject(), tags).await
    }

    /// What is known of the image under a tag, if that was learned within `fresh`.
    pub(super) fn known(&self, tag: &str, dated: bool, fresh: SignedDuration) -> Option<Image> {
        let known = self.controller.facts.image(&self.subject(), tag, fresh, self.now);
        known.filter(|image| image.dated || !dated)
    }

    pub(super) async fn access(&self) -> Result<&Access, Error> {
        let controller = self.controller;
        let read = || access::of(&controller.core, controller.workloads, self.repository);
        self.access.get_or_try_init(read).await.map_err(Error::Access)
    }

    async fn trust(&self) -> Result<&Trust, Error> {
        let namespace = self.object.namespace().unwrap_or_default();
        let verify = self.rules.verify.clone().unwrap_or_default();
        let read = async || verify::trust(&self.controller.core, &namespace, &verify).await;
        self.trust.get_or_try_init(read).await.map_err(Error::Trust)
    }

    pub(super) fn unread(&self, tag: &str, source: registry::Error) -> Error {
        let mark = if tag.contains(':') { '@' } else { ':' };
        Error::Look { reference: format!("{}{mark}{tag}", self.repository.spec.image), source }
    }
}
