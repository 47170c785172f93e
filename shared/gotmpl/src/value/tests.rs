//! Values as callers build them.

use super::*;

#[test]
fn a_value_never_shows_what_it_holds() {
    let secret = Map::new().with("password", "hunter2");
    assert_eq!(format!("{:?}", Value::from(secret)), "Value(map[string]interface {})");
    assert_eq!(format!("{:?}", Text::from("hunter2")), "Text(..)");
}

#[test]
fn keys_are_sorted_as_go_sorts_them() {
    let key = |kind: &str, name: &str| Object::new("Id").field("Kind", kind).field("Name", name);
    let map = Map::of(Type::named("Id"), Type::Any)
        .with(key("Pod", "b"), 1)
        .with(key("Deployment", "z"), 2)
        .with(key("Pod", "a"), 3);
    let order: Vec<_> = map.entries().into_iter().map(|(_, value)| value).collect();
    assert!(matches!(order[..], [Value::Int(2), Value::Int(3), Value::Int(1)]));
}

#[test]
fn values_nested_deeper_than_a_stack_are_dropped_without_recursion() {
    let mut value = Value::Nil;
    for _ in 0..1_000_000 {
        value = vec![value].into();
    }
    drop(value);
}
