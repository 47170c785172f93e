//! YAML: one block in each document, of which the first counts.

use ::yaml::{Document, edit::Edit};

use super::{Error, Text};
use crate::sops::{
    layout::Joint,
    metadata::{self, Field, Metadata},
    tree,
    visit::Visitor,
};

mod block;

pub(super) struct Yaml<'s> {
    source: &'s str,
    documents: Vec<Document<'s>>,
}

impl<'s> Yaml<'s> {
    pub(super) fn parse(source: &'s str) -> Result<Self, Error> {
        let documents = ::yaml::parse(source)?;
        if documents.is_empty() {
            return Err(Error::Empty);
        }
        let misfit = documents
            .iter()
            .find(|document| !document.is_empty() && document.root.mapping().is_none());
        match misfit {
            Some(document) => Err(Error::NotAMapping { line: document.root.line }),
            None => Ok(Self { source, documents }),
        }
    }
}

impl Text for Yaml<'_> {
    fn block(&self) -> Result<Option<Field>, Error> {
        let first = self.documents.first().and_then(|document| document.root.get(metadata::KEY));
        Ok(first.map(Field::from_yaml))
    }

    fn has_block(&self) -> bool {
        self.documents.iter().any(|document| document.root.get(metadata::KEY).is_some())
    }

    fn walk(&self, visitor: &mut dyn Visitor) -> Result<Vec<Edit>, Error> {
        Ok(tree::walk(self.source, &self.documents, visitor)?)
    }

    fn joints(&self) -> Vec<Joint> {
        let places = block::places(self.source, &self.documents);
        places.into_iter().map(|place| place.joint).collect()
    }

    fn attach(&self, metadata: &Metadata) -> Vec<Edit> {
        let places = block::places(self.source, &self.documents);
        places.into_iter().map(|place| place.insertion(self.source, metadata)).collect()
    }

    fn detach(&self, joint: &dyn Fn(usize) -> Joint) -> Vec<Edit> {
        let numbered = self.documents.iter().enumerate();
        numbered
            .filter_map(|(index, document)| block::removal(self.source, document, joint(index)))
            .collect()
    }

    fn replace(&self, metadata: &Metadata) -> Vec<Edit> {
        let edits = self.documents.iter();
        edits.filter_map(|document| block::replacement(self.source, document, metadata)).collect()
    }
}
