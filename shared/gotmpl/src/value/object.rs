//! A Go struct: named fields, methods, and what its `String` method says.

use std::sync::Arc;

use super::{Text, Value};

/// What a method does with its arguments; an error is what Go's would say.
type Body = Arc<dyn Fn(&[Value]) -> Result<Value, String> + Send + Sync>;

/// A Go struct.
#[derive(Clone)]
pub struct Object(Arc<Data>);

#[derive(Clone)]
struct Data {
    name: Arc<str>,
    fields: Vec<Field>,
    methods: Vec<Method>,
    display: Option<Text>,
}

#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) value: Value,
    embedded: bool,
}

/// A method of a struct.
#[derive(Clone)]
pub(crate) struct Method {
    name: Arc<str>,
    pub(crate) arity: usize,
    pub(crate) body: Body,
}

impl Object {
    /// A struct of a type named `name`, without fields.
    pub fn new(name: &str) -> Self {
        Self(Arc::new(Data {
            name: name.into(),
            fields: Vec::new(),
            methods: Vec::new(),
            display: None,
        }))
    }

    /// This struct with one more field; fields print and compare in the order they were added.
    #[must_use]
    pub fn field(self, name: &str, value: impl Into<Value>) -> Self {
        self.add(name, value.into(), false)
    }

    /// This struct with another embedded in it, whose fields and methods then are its own too.
    #[must_use]
    pub fn embed(self, name: &str, object: Self) -> Self {
        self.add(name, object.into(), true)
    }

    /// This struct with a method that takes `arity` arguments; templates call it like a field.
    #[must_use]
    pub fn method<F>(mut self, name: &str, arity: usize, body: F) -> Self
    where
        F: Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'static,
    {
        let method = Method { name: name.into(), arity, body: Arc::new(body) };
        Arc::make_mut(&mut self.0).methods.push(method);
        self
    }

    /// This struct with a `String` method, which is what printing it shows.
    #[must_use]
    pub fn display(mut self, text: impl Into<Text>) -> Self {
        let text = text.into();
        let data = Arc::make_mut(&mut self.0);
        data.display = Some(text.clone());
        self.method("String", 0, move |_| Ok(text.clone().into()))
    }

    /// The name of the struct's type.
    pub fn type_name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// The value of a field, also of one that an embedded struct has.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let fields = &self.0.fields;
        let own = fields.iter().find(|field| &*field.name == name).map(|field| &field.value);
        own.or_else(|| self.embedded().find_map(|object| object.get(name)))
    }

    pub(crate) fn find_method(&self, name: &str) -> Option<&Method> {
        let own = self.0.methods.iter().find(|method| &*method.name == name);
        own.or_else(|| self.embedded().find_map(|object| object.find_method(name)))
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.0.fields
    }

    pub(crate) fn shown(&self) -> Option<&Text> {
        self.0.display.as_ref().or_else(|| self.embedded().find_map(Self::shown))
    }

    fn embedded(&self) -> impl Iterator<Item = &Self> {
        self.0.fields.iter().filter(|field| field.embedded).filter_map(|field| match &field.value {
            Value::Object(object) => Some(object),
            _ => None,
        })
    }

    fn add(mut self, name: &str, value: Value, embedded: bool) -> Self {
        Arc::make_mut(&mut self.0).fields.push(Field { name: name.into(), value, embedded });
        self
    }
}
