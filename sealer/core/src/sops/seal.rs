//! The two visitors: one encrypts what it is shown, the other decrypts, and both compute the MAC.

use std::collections::{HashMap, VecDeque};

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};

use super::{
    cipher::{Cipher, DataKey, Engine, Sealed},
    layout::{Joint, Layout},
    mac::{self, Mac},
    metadata::Metadata,
    path::Path,
    selector::Selector,
    value::{self, Kind, Leaf},
    visit::{At, Lost, New, Spelling, Visitor},
};

/// Ciphertexts of a file by what they stand for, so that what does not change keeps its own.
#[derive(Default)]
pub(super) struct Stash(HashMap<[u8; 32], VecDeque<String>>);

impl Stash {
    fn put(&mut self, cipher: Cipher, path: &Path, leaf: &Leaf, sealed: &str) {
        let check = check(cipher, path, leaf);
        self.0.entry(check).or_default().push_back(sealed.to_owned());
    }

    /// Every ciphertext is given once, the first one first; so equal items of a list that had
    /// ciphertexts of their own keep them.
    fn take(&mut self, cipher: Cipher, path: &Path, leaf: &Leaf) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get_mut(&check(cipher, path, leaf))?.pop_front()
    }
}

fn check(cipher: Cipher, path: &Path, leaf: &Leaf) -> [u8; 32] {
    let aad = value::aad(cipher, path, leaf.kind);
    let mut hash = Sha256::new();
    hash.update(aad.len().to_be_bytes());
    hash.update(aad);
    hash.update(leaf.kind.name());
    hash.update([0]);
    hash.update(leaf.bytes.expose());
    hash.finalize().into()
}

/// Encrypts.
pub(super) struct Encryption<'e, R> {
    engine: Engine,
    /// For the MAC and the layout.
    whole: Engine,
    selector: &'e Selector,
    mac: Mac,
    stash: Stash,
    layout: Layout,
    /// How many values were encrypted.
    pub values: usize,
    rng: &'e mut R,
}

impl<'e, R: CryptoRng> Encryption<'e, R> {
    pub(super) fn new(
        (key, cipher): (&DataKey, Cipher),
        metadata: &'e Metadata,
        stash: Stash,
        rng: &'e mut R,
    ) -> Self {
        Self {
            engine: key.under(cipher),
            whole: key.over(cipher),
            selector: &metadata.selector,
            mac: Mac::new(cipher, metadata.mac_only_encrypted),
            stash,
            layout: Layout::default(),
            values: 0,
            rng,
        }
    }

    /// The MAC and the layout, for a file whose block is joined as `joints` say.
    pub(super) fn finish(mut self, modified: &str, joints: Vec<Joint>) -> (String, Option<String>) {
        self.layout.joints = joints;
        let mac = self.mac.seal(&self.whole, modified, self.rng);
        (mac, self.layout.seal(&self.whole, modified, self.rng))
    }

    pub(super) fn cipher(&self) -> Cipher {
        self.engine.cipher()
    }

    /// Counts a value that is sealed whatever the rule says.
    pub(super) fn count(&mut self, path: &Path, leaf: &Leaf) {
        self.values += 1;
        self.mac.add(path, leaf, true);
    }

    /// Encrypts bytes where they stand; gives the IV and the tag.
    pub(super) fn in_place(&mut self, path: &Path, kind: Kind, data: &mut [u8]) -> Sealed {
        let aad = value::aad(self.engine.cipher(), path, kind);
        self.engine.seal_in_place(&aad, data, self.rng)
    }

    fn seal(&mut self, path: &Path, leaf: &Leaf) -> (String, bool) {
        match self.stash.take(self.engine.cipher(), path, leaf) {
            Some(sealed) => (sealed, true),
            None => (leaf.encrypt(&self.engine, path, self.rng), false),
        }
    }
}

impl<R: CryptoRng> Visitor for Encryption<'_, R> {
    fn value(&mut self, at: At<'_>, leaf: &Leaf) -> Result<Option<New>, value::Error> {
        let selected = self.selector.selects(at.path, at.comments);
        self.mac.add(at.path, leaf, selected);
        if !selected {
            return Ok(None);
        }
        self.values += 1;
        let (sealed, old) = self.seal(at.path, leaf);
        Ok(Some(if old { New::Kept(sealed) } else { New::Sealed(sealed) }))
    }

    fn comment(
        &mut self,
        at: At<'_>,
        _: &[Path],
        text: &str,
    ) -> Result<Option<Leaf>, value::Error> {
        if !self.selector.selects_comment(at.path, at.comments, text) {
            return Ok(None);
        }
        let (sealed, _) = self.seal(at.path, &Leaf::comment(text));
        if self.selector.mistakes(&sealed) {
            return Err(value::Error::Comment);
        }
        Ok(Some(Leaf::comment(&sealed)))
    }

    fn hollow(&mut self, at: At<'_>, what: &str) {
        let selected = self.selector.selects(at.path, at.comments);
        self.mac.hollow(at.path, what, selected);
    }

    fn keeps_cut_off(&self, at: At<'_>) -> bool {
        self.selector.selects(at.path, at.comments)
    }

    fn lost(&mut self, sealed: &str, original: Lost<'_>) {
        let spelling = Spelling { text: original.text.to_owned(), of: original.of };
        self.layout.note(sealed, &spelling);
    }

    fn keeps_layout(&self) -> bool {
        true
    }
}

/// Decrypts.
pub(super) struct Decryption<'d> {
    engine: Engine,
    /// For the MAC and the layout.
    whole: Engine,
    metadata: &'d Metadata,
    mac: Mac,
    layout: Layout,
    /// What an edit needs so that it changes no more than it must.
    stash: Option<Stash>,
    /// How many comments should open and do not.
    pub foreign_comments: usize,
}

impl<'d> Decryption<'d> {
    /// With `layout`, values come back as they were spelled.
    pub(super) fn new(key: &DataKey, metadata: &'d Metadata) -> Self {
        let cipher = metadata.cipher();
        Self {
            engine: key.under(cipher),
            whole: key.over(cipher),
            metadata,
            mac: Mac::new(cipher, metadata.mac_only_encrypted),
            layout: Layout::default(),
            stash: None,
            foreign_comments: 0,
        }
    }

    /// Takes the MAC of old versions of JSON files too.
    pub(super) fn of_json(mut self) -> Self {
        self.mac = self.mac.of_json();
        self
    }

    /// Remembers every ciphertext.
    pub(super) fn stashing(mut self) -> Self {
        self.stash = Some(Stash::default());
        self
    }

    /// Opens a value whatever the rule says.
    pub(super) fn always(&mut self, path: &Path, text: &str) -> Result<Leaf, value::Error> {
        let leaf = match text {
            "" => Leaf::text(""),
            text => Leaf::decrypt(text, &self.engine, path)?,
        };
        self.mac.add(path, &leaf, true);
        Ok(leaf)
    }

    /// Brings spellings back.
    pub(super) fn read_layout(&mut self) -> Result<(), mac::Error> {
        let Metadata { layout, modified, .. } = self.metadata;
        self.layout = Layout::open(layout.as_deref(), &self.whole, modified)?;
        Ok(())
    }

    pub(super) fn joint(&self, document: usize) -> Joint {
        self.layout.joint(document)
    }

    /// Whether the MAC fits, and the ciphertexts of the file.
    pub(super) fn finish(self) -> (Result<(), mac::Error>, Stash) {
        let Metadata { modified, mac, .. } = self.metadata;
        let verified = self.mac.verify(&self.whole, modified, mac.as_deref());
        (verified, self.stash.unwrap_or_default())
    }
}

impl Visitor for Decryption<'_> {
    fn value(&mut self, at: At<'_>, leaf: &Leaf) -> Result<Option<New>, value::Error> {
        if !self.metadata.selector.selects(at.path, at.comments) {
            self.mac.add(at.path, leaf, false);
            return Ok(None);
        }
        let kind = leaf.kind;
        let text = leaf.as_str().filter(|_| kind == Kind::Str);
        let text = text.ok_or(value::Error::NotText(kind.name()))?;
        let opened = Leaf::decrypt(text, &self.engine, at.path)?;
        self.mac.add(at.path, &opened, true);
        if let Some(stash) = &mut self.stash {
            stash.put(self.engine.cipher(), at.path, &opened, at.raw);
        }
        Ok(Some(match self.layout.spelling(text) {
            Some(spelling) => New::Spelled(opened, spelling.clone()),
            None => New::Clear(opened),
        }))
    }

    /// A comment that does not open stays as it is: it is outside the MAC anyway, and people
    /// write comments into encrypted files.
    fn comment(
        &mut self,
        at: At<'_>,
        others: &[Path],
        text: &str,
    ) -> Result<Option<Leaf>, value::Error> {
        let selected = self.metadata.selector.selects_comment(at.path, at.comments, text);
        let mut paths = std::iter::once(at.path).chain(others);
        let opened = value::is_encrypted(text)
            .then(|| {
                paths.find_map(|path| Some((path, Leaf::decrypt(text, &self.engine, path).ok()?)))
            })
            .flatten();
        let Some((path, opened)) = opened else {
            self.foreign_comments += usize::from(selected);
            return Ok(None);
        };
        if let Some(stash) = &mut self.stash {
            stash.put(self.engine.cipher(), path, &opened, text);
        }
        Ok(Some(opened))
    }

    fn spelling(&self, sealed: &str) -> Option<Spelling> {
        self.layout.spelling(sealed).cloned()
    }

    fn hollow(&mut self, at: At<'_>, what: &str) {
        let selected = self.metadata.selector.selects(at.path, at.comments);
        self.mac.hollow(at.path, what, selected);
    }

    fn keeps_cut_off(&self, _: At<'_>) -> bool {
        true
    }
}
