//! The data as Go templates see it: structs, maps keyed by structs, and methods.

use std::collections::BTreeMap;

use gotmpl::{List, Map, Object, Type, Value};

use super::Data;
use crate::{
    reference::Reference,
    setter::{
        Image,
        change::{Change, Changes, ObjectIdentifier, unique},
    },
};

pub(super) fn value(data: &Data) -> Value {
    let values = data.values.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Object::new("TemplateData")
        .field("AutomationObject", namespaced(&data.namespace, &data.name))
        .field("Updated", updated(&data.changes))
        .field("Changed", changed(&data.changes))
        .field("Values", Map::strings(values))
        .into()
}

/// A struct with two fields that prints as `namespace/name`.
fn namespaced(namespace: &str, name: &str) -> Object {
    Object::new("NamespacedName")
        .field("Namespace", namespace)
        .field("Name", name)
        .display(format!("{namespace}/{name}"))
}

/// `.Changed`: what Flux gives since v1beta2.
fn changed(changes: &Changes) -> Object {
    let files = changes.files.iter().map(|(file, objects)| {
        let objects = objects.iter().map(|(object, changes)| {
            let changes = changes.iter().map(change).collect();
            (Value::from(identifier(object)), change_list(changes))
        });
        (Value::from(file), by_object(changes_type(), objects))
    });
    let objects = changes.objects().into_iter().map(|(object, changes)| {
        let changes = changes.into_iter().map(change).collect();
        (Value::from(identifier(object)), change_list(changes))
    });
    let objects = by_object(changes_type(), objects);
    let distinct = change_list(changes.distinct().into_iter().map(change).collect());
    let objects_type = Type::map(identifier_type(), changes_type());
    Object::new("ResultV2")
        .field("FileChanges", collect(Map::of(Type::String, objects_type), files))
        .method("Objects", 0, constant(objects))
        .method("Changes", 0, constant(distinct))
}

/// `.Updated`: what Flux gave in v1beta1.
fn updated(changes: &Changes) -> Object {
    let namespace = &changes.namespace;
    let images = |changes: &mut dyn Iterator<Item = &Change>| -> Value {
        let images = unique(changes).into_iter();
        let images = images.map(|(image, policy)| image_ref(image, namespace, policy).into());
        List::of(Type::named("ImageRef"), images.collect()).into()
    };
    let images_type = || Type::list(Type::named("ImageRef"));
    let files = changes.files.iter().map(|(file, objects)| {
        let objects = objects.iter().map(|(object, changes)| {
            (Value::from(identifier(object)), images(&mut changes.iter()))
        });
        let objects = by_object(images_type(), objects);
        (Value::from(file), Value::from(Object::new("FileResult").field("Objects", objects)))
    });
    let objects = changes.objects().into_iter().map(|(object, changes)| {
        (Value::from(identifier(object)), images(&mut changes.into_iter()))
    });
    let objects = by_object(images_type(), objects);
    let all = images(&mut changes.each().map(|(_, _, change)| change));
    Object::new("Result")
        .field("Files", collect(Map::of(Type::String, Type::named("FileResult")), files))
        .method("Objects", 0, constant(objects))
        .method("Images", 0, constant(all))
}

/// `APIVersion` and `Kind`, then `Name` and `Namespace`, nested as Go prints and sorts them.
fn identifier(object: &ObjectIdentifier) -> Object {
    let kind = Object::new("TypeMeta")
        .field("APIVersion", object.api_version.as_str())
        .field("Kind", object.kind.as_str());
    let name = Object::new("NameMeta")
        .field("Name", object.name.as_str())
        .field("Namespace", object.namespace.as_str());
    let resource =
        Object::new("ResourceIdentifier").embed("TypeMeta", kind).embed("NameMeta", name);
    Object::new("ObjectIdentifier").embed("ResourceIdentifier", resource)
}

fn change(change: &Change) -> Value {
    Object::new("Change")
        .field("OldValue", change.old.as_str())
        .field("NewValue", change.new.as_str())
        .field("Setter", change.setter.as_str())
        .into()
}

/// An image with the methods that Flux's has.
fn image_ref(image: &Image, namespace: &str, policy: &str) -> Object {
    let text = image.to_string();
    let object = Object::new("imageRef").display(text.as_str()).method(
        "Policy",
        0,
        constant(namespaced(namespace, policy)),
    );
    let parts = match Reference::parse(&text) {
        Ok(reference) => [
            reference.identifier().to_owned(),
            reference.repository.path().to_owned(),
            reference.repository.registry().to_owned(),
            reference.canonical(),
        ],
        // A policy's image was parsed before it was selected; it shows itself, should it not be.
        Err(_) => [image.tag.clone(), image.name.clone(), String::new(), text],
    };
    let names = ["Identifier", "Repository", "Registry", "Name"];
    let parts: BTreeMap<_, _> = names.into_iter().zip(parts).collect();
    parts.into_iter().fold(object, |object, (name, part)| object.method(name, 0, constant(part)))
}

fn constant(
    value: impl Into<Value>,
) -> impl Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'static {
    let value = value.into();
    move |_| Ok(value.clone())
}

fn identifier_type() -> Type {
    Type::named("ObjectIdentifier")
}

fn changes_type() -> Type {
    Type::list(Type::named("Change"))
}

fn change_list(changes: Vec<Value>) -> Value {
    List::of(Type::named("Change"), changes).into()
}

fn by_object(element: Type, entries: impl Iterator<Item = (Value, Value)>) -> Value {
    collect(Map::of(identifier_type(), element), entries)
}

fn collect(map: Map, entries: impl Iterator<Item = (Value, Value)>) -> Value {
    entries.fold(map, |map, (key, value)| map.with(key, value)).into()
}
