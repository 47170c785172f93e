//! CBOR, as far as signatures need it: RFC 8949 with definite lengths, and no floats.

/// How deep values may be nested.
const DEEPEST: usize = 16;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A number; signatures use no greater ones.
    Number(i64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// `false`, `true`, `null` and the like.
    Simple(u8),
}

impl Value {
    /// What a map holds under a key.
    pub(super) fn get(&self, key: &Self) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(it, _)| it == key).map(|(_, value)| value)
    }

    pub(super) fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }
}

/// Reads one value that takes up all of `bytes`. What a tag says of a value is left out.
pub(super) fn read(mut bytes: &[u8]) -> Option<Value> {
    let value = value(&mut bytes, 0)?;
    bytes.is_empty().then_some(value)
}

fn value(bytes: &mut &[u8], depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    let (kind, number) = head(bytes)?;
    let count = usize::try_from(number).ok()?;
    match kind {
        0 => i64::try_from(number).ok().map(Value::Number),
        1 => i64::try_from(number).ok().map(|number| Value::Number(-1 - number)),
        2 => take(bytes, count).map(|it| Value::Bytes(it.to_vec())),
        3 => String::from_utf8(take(bytes, count)?.to_vec()).ok().map(Value::Text),
        // Each item takes a byte at least, so nobody can ask for more room than they send.
        4 if count <= bytes.len() => {
            (0..count).map(|_| value(bytes, depth + 1)).collect::<Option<_>>().map(Value::Array)
        }
        5 if count <= bytes.len() => {
            let entry = |_| Some((value(bytes, depth + 1)?, value(bytes, depth + 1)?));
            (0..count).map(entry).collect::<Option<_>>().map(Value::Map)
        }
        6 => value(bytes, depth + 1),
        7 => u8::try_from(number).ok().map(Value::Simple),
        _ => None,
    }
}

/// The kind of a value, and its number or length.
fn head(bytes: &mut &[u8]) -> Option<(u8, u64)> {
    let first = *take(bytes, 1)?.first()?;
    let number = match first & 0x1f {
        short @ 0..=23 => u64::from(short),
        // A float is not read; its first byte would be.
        long @ 24..=27 if first >> 5 != 7 => {
            let mut number = 0;
            for byte in take(bytes, 1 << (long - 24))? {
                number = number << 8 | u64::from(*byte);
            }
            number
        }
        _ => return None,
    };
    Some((first >> 5, number))
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// `["Signature1", protected, "", payload]`, which is what COSE signs.
pub(super) fn signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x84];
    bytes.push(0x6a);
    bytes.extend_from_slice(b"Signature1");
    push(&mut bytes, protected);
    push(&mut bytes, b"");
    push(&mut bytes, payload);
    bytes
}

fn push(bytes: &mut Vec<u8>, content: &[u8]) {
    let length = content.len() as u64;
    match length {
        0..=23 => bytes.push(0x40 | length.to_le_bytes()[0]),
        24..=0xff => bytes.extend([0x58, length.to_le_bytes()[0]]),
        0x100..=0xffff => {
            bytes.push(0x59);
            bytes.extend_from_slice(&length.to_be_bytes()[6..]);
        }
        _ => {
            bytes.push(0x5a);
            bytes.extend_from_slice(&length.to_be_bytes()[4..]);
        }
    }
    bytes.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_specification_writes_them() {
        #[rustfmt::skip]
        let cases: [(&[u8], Option<Value>); 11] = [
            (&[0x17], Some(Value::Number(23))),
            (&[0x19, 0x03, 0xe8], Some(Value::Number(1000))),
            (&[0x38, 0x24], Some(Value::Number(-37))),
            (&[0x42, 1, 2], Some(Value::Bytes(vec![1, 2]))),
            (&[0x62, b'h', b'i'], Some(Value::Text("hi".to_owned()))),
            (&[0xa1, 0x01, 0x26], Some(Value::Map(vec![(Value::Number(1), Value::Number(-7))]))),
            (&[0xc1, 0x01], Some(Value::Number(1))),
            (&[0xf6], Some(Value::Simple(22))),
            (&[0x42, 1], None),
            (&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], None),
            (&[0x01, 0x01], None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), expected, "{bytes:x?}");
        }
        assert_eq!(read(&[0x81; 40]), None, "too deep");
    }

    #[test]
    fn lengths_of_what_is_signed_are_as_short_as_they_can_be() {
        for length in [0, 23, 24, 255, 256, 70_000] {
            let bytes = signed(&[], &vec![7; length]);
            let read = read(&bytes).unwrap();
            assert_eq!(read.array().unwrap()[3].bytes().unwrap().len(), length);
        }
    }
}
