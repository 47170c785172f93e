//! Files of every format, there and back, and files that somebody tampered with.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::sops::selector::Fields;

fn key() -> DataKey {
    DataKey::new(&crate::plaintext::Plaintext::new(vec![7; 32])).unwrap()
}

fn now(second: u8) -> Timestamp {
    format!("2026-01-02T03:04:{second:02}Z").parse().unwrap()
}

fn options() -> Options {
    use crate::sops::key::{MasterKey, Wrapped};
    let wrapped =
        Wrapped { key: MasterKey::age("age1x"), enc: "-\nx\n-\n".into(), created_at: None };
    Options {
        groups: vec![Group(vec![wrapped])],
        threshold: None,
        selector: Selector::default(),
        mac_only_encrypted: false,
        cipher: Cipher::default(),
        now: now(5),
    }
}

fn plain(format: Format, text: &str) -> Plain {
    Plain::new(format, text.as_bytes().to_vec())
}

fn sealed(format: Format, text: &str, options: &Options) -> File {
    let sealed = encrypt(&plain(format, text), &key(), options, &mut rand::rng());
    let file = sealed.unwrap_or_else(|error| panic!("{error:?}: {text}")).file;
    let read = File::read(format, file.bytes().to_vec());
    read.unwrap_or_else(|error| panic!("{error:?}: {}", String::from_utf8_lossy(file.bytes())))
}

fn opened(file: &File) -> String {
    let opened = file.decrypt(&key(), MacCheck::Enforced);
    let opened = opened.unwrap_or_else(|error| panic!("{error:?}: {}", file.text));
    String::from_utf8(opened.plain.expose().to_vec()).unwrap()
}

const YAML: &[&str] = &[
    "a: b",
    "a: b\n",
    "a: b\r\nc: |\r\n  d\r\n  e\r\n",
    "# head\na: b # trailing\nlist:\n- {x: 1, y: [true, z]}\n-   wide\n\nnested:\n   deep:   value\n# foot\n",
    "---\na: b\n---\nc: d\n",
    "---\n",
    "a: b\n---\n# c\n---\nd: e\n",
    "a:\n",
    "{a: b, c: [d]}\n",
    "{\"a\": \"b\",}",
    "{}",
    "a: \"x\\ny\"\nb: 'z'\nc: [d, \"e\", 'f', 0x1F]\n",
    "a: |+\n  x\n\nb: c\n",
    "a: >-\n  folded\n  text\n\n  more\nb: |2\n    x\nc: plain\n  over lines\n",
    "a: |\n  x\n  y",
    "a: &x b\nc: *x\nd: [*x, *x]\n",
    "base: &base\n  k: v\n  n: [1, 2]\nmerged:\n  <<: *base\n  j: 1\nalias: *base\n",
    "a: !!str 5\nb: !!float 3 # c\nc: !!str &y yes\nd: &z !!binary aGVsbG8=\ne: *y\n",
    "a: 012\nb: 0o14\nc: 0x1F\nd: 1_000\ne: +5\nf: 1e3\ng: 1.10\nh: 2024-01-01\ni: .INF\nj: True\nk: ~\n",
    "a_unencrypted: 0x1F\nb_unencrypted: &q 1.10\nc: *q\n",
    "  a: b\n  c: d\n",
    "a: b\n...\n---\nc: d\n",
    "\"k\\u00e9y\": \"\\U0001F600\"\n'q': '😀'\n",
    "a: ''\nb: \"\"\nc: {}\nd: []\n",
    "? a\n: b\n",
];

const JSON: &[&str] = &[
    "{}",
    "{ }\n",
    "{\"a\": \"b\"}",
    "{\n  \"a\" : \"b\",\n  \"c\": [1, 2.50, 1e3, -0, true, null, \"\"],\n  \"d\": {\"e\": {}}\n}\n",
    "{\r\n\t\"a\": \"\\u0041\\/<>\\ud83d\\ude00\"\r\n}",
    "{\"a\": 9007199254740993, \"a\": 12345678901234567890, \"x_unencrypted\": 1.0}",
];

const DOTENV: &[&str] = &[
    "",
    "A=b",
    "A=b\n\n# comment\n#\nexport C = d \\n e\nE=\nF=\"q\"\n",
    "A=b\r\n#c\r\nB_unencrypted=x\r\n",
];

const INI: &[&str] = &[
    "",
    "a=b",
    "a = b\n[s]\nc: d ; inline\n; own\n;; more\n   e   =  'f'  # x\n\n[s]\ng = \"h\"\n",
    "[x]\nk = \"\"\"multi\nline\"\"\"\nl = `back;tick`\nm = a \\\n  b\n\"q k\" = 1\nempty =\n",
    "; head\r\n[x] ; c\r\nk = v\r\n",
    "[x]\n- = 1\n- = 2\nk_unencrypted = \" z \"\n# foot",
];

fn corpus() -> impl Iterator<Item = (Format, &'static str)> {
    let of = |format, texts: &'static [&'static str]| texts.iter().map(move |text| (format, *text));
    of(Format::Yaml, YAML)
        .chain(of(Format::Json, JSON))
        .chain(of(Format::Dotenv, DOTENV))
        .chain(of(Format::Ini, INI))
        .chain(of(Format::Binary, &["", "x", "{}", "\0\u{1}"]))
}

#[test]
fn decrypting_undoes_encrypting_to_the_byte() {
    for (format, text) in corpus() {
        let file = sealed(format, text, &options());
        assert_eq!(opened(&file), text, "{}", file.text);
    }
}

#[test]
fn the_native_cipher_notices_every_change_of_what_a_file_says() {
    let native = Options { cipher: Cipher::ChaCha20Poly1305, ..options() };
    for (format, text) in corpus() {
        assert_eq!(opened(&sealed(format, text, &native)), text);
    }
    let clear = "a_unencrypted: {x: 1, y: 2}\nb_unencrypted: [null, '', {}, []]\nc: d\n---\ne: f\n";
    let file = sealed(Format::Yaml, clear, &native);
    let rekeyed = file.with_keys(options().groups, None).unwrap();
    assert_eq!(opened(&rekeyed), clear, "nothing that sops drops is needed");
    for (old, new) in [
        ("{x: 1, y: 2}", "{y: 2, x: 1}"),
        ("{x: 1, y: 2}", "{x: {y: 2}}"),
        ("{x: 1, y: 2}", "{x: '1', y: 2}"),
        ("[null, ", "["),
        ("[null, ", "['', "),
        ("{}, []", "[], {}"),
        ("{}, []", "{}"),
        ("b_unencrypted", "z_unencrypted"),
    ] {
        let text = file.text.replacen(old, new, 1);
        assert_ne!(text, file.text);
        let read = File::read(Format::Yaml, text.into_bytes()).unwrap();
        let refused = read.decrypt(&key(), MacCheck::Enforced).unwrap_err();
        assert_eq!(refused, Error::Mac(mac::Error::Mismatch), "{new}");
    }
}

#[test]
fn without_its_record_a_file_still_has_its_values() {
    for (format, text) in corpus() {
        let mut file = sealed(format, text, &options());
        file.metadata.layout = None;
        opened(&file);
    }
}

#[test]
fn an_edit_touches_what_changed_and_the_block() {
    for (format, text) in corpus().filter(|(format, _)| *format != Format::Binary) {
        let file = sealed(format, text, &options());
        let check = (MacCheck::Enforced, now(9));
        let same = file.edit(&key(), &plain(format, text), check, &mut rand::rng()).unwrap();
        assert!(same.is_none(), "{text}");
        let Some(changed) = changed(text) else { continue };
        let edited = file.edit(&key(), &plain(format, &changed), check, &mut rand::rng());
        let edited = edited.unwrap().unwrap();
        assert_eq!(opened(&edited), changed);
        let kept = |file: &File| {
            let values = file.text.split("ENC[").skip(1);
            values.map(|text| text.split(']').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (old, new) = (kept(&file), kept(&edited));
        let fresh: HashSet<_> = new.iter().filter(|value| !old.contains(value)).collect();
        // The value, the MAC, and the layout if there is one.
        assert!(fresh.len() <= 3, "{text}: {}", edited.text);
    }
}

/// The text with another value for the first `b`.
fn changed(text: &str) -> Option<String> {
    let at = text.find(['b', '1'].map(|c| c))?;
    ["a: b", "a=b", "a = b", "A=b", "\"a\": \"b\""].iter().find_map(|pair| {
        let start = text.find(pair)?;
        (start < at).then(|| text.replacen(pair, &pair.replace('b', "changed"), 1))
    })
}

#[test]
fn other_keys_and_another_data_key() {
    for (format, text) in corpus() {
        let file = sealed(format, text, &options());
        let more = vec![options().groups[0].clone(), options().groups[0].clone()];
        let rekeyed = file.with_keys(more, Some(2)).unwrap();
        let rekeyed = File::read(format, rekeyed.bytes().to_vec()).unwrap();
        assert_eq!((rekeyed.metadata.groups.len(), rekeyed.metadata.threshold), (2, Some(2)));
        assert_eq!(opened(&rekeyed), text);
        let back = rekeyed.with_keys(options().groups, None).unwrap();
        assert_eq!(back.text, file.text, "only the block changed");

        let new = DataKey::generate(&mut rand::rng());
        let check = MacCheck::Enforced;
        let rotated = file.rotate((&key(), &new), &options(), check, &mut rand::rng()).unwrap();
        let plain = rotated.decrypt(&new, MacCheck::Enforced).unwrap().plain;
        assert_eq!(plain.expose(), text.as_bytes());
        if text.len() > 6 {
            assert!(rotated.decrypt(&key(), MacCheck::Enforced).is_err(), "{text}");
        }
    }
}

#[test]
fn comments_select_values() {
    let rules = |field: &str| {
        let field = |name: &str| {
            Ok::<_, std::convert::Infallible>((name == field).then(|| "sops:this".to_owned()))
        };
        let Ok(fields) = Fields::read(field);
        Options { selector: Selector::new(fields).unwrap(), ..options() }
    };
    let text = "# other\na: one\n# sops:this\nb:\n  c: two\nd: three # sops:this\ne: four\nl:\n- five\n# sops:this\n- six\n";
    for (field, hidden, shown) in [
        ("encrypted_comment_regex", &["two", "three", "six"][..], &["one", "four", "five"][..]),
        ("unencrypted_comment_regex", &["one", "four", "five", "other"], &["two", "three", "six"]),
    ] {
        let file = sealed(Format::Yaml, text, &rules(field));
        for (word, expected) in
            hidden.iter().map(|word| (word, false)).chain(shown.iter().map(|word| (word, true)))
        {
            assert_eq!(file.text.contains(word), expected, "{field} {word}");
        }
        assert_eq!(opened(&file), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_comes_back_or_is_refused(
        text in "(a|b|1|0x1F|é|\n|\r\n|\r|\t|  |- |: |=|#|;|\\[|\\]|\\{|\\}|,|\"|'|`|\\\\|&x |\\*x|\\||>|!!str |---\n|_unencrypted){0,24}"
    ) {
        for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary] {
            let sealed = encrypt(&plain(format, &text), &key(), &options(), &mut rand::rng());
            if let Ok(Encrypted { file, .. }) = sealed {
                let read = File::read(format, file.bytes().to_vec());
                let read = read.unwrap_or_else(|error| panic!("{format:?} {error:?}: {}", file.text));
                let opened = opened(&read);
                prop_assert_eq!(opened, &*text, "{:?}: {}", format, file.text);
            }
            if let Ok(file) = File::read(format, text.clone().into_bytes()) {
                let _ = file.decrypt(&key(), MacCheck::Ignored);
            }
        }
    }
}

#[test]
fn what_would_not_come_back_is_refused() {
    let text = "\t=?=\t=?";
    let sealed = encrypt(&plain(Format::Yaml, text), &key(), &options(), &mut rand::rng());
    if let Ok(sealed) = sealed {
        let read = File::read(Format::Yaml, sealed.file.bytes().to_vec()).unwrap();
        assert_eq!(opened(&read), text);
    }
}

#[test]
fn the_vector_of_the_reference_holds() {
    let page = include_str!("../../../../../docs/reference/sops-native-cipher.md");
    let vector = &page[page.find("## Test vector").unwrap()..];
    let fences: Vec<&str> = vector.split("```").skip(1).step_by(2).collect();
    let block = |index: usize| fences[index].split_once('\n').unwrap().1;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
    for (line, purpose) in block(0).lines().zip(["signet/sops/v1/values", "signet/sops/v1/whole"]) {
        let derived = hex(&*key().derived(purpose.as_bytes())).concat();
        assert_eq!(line.split_whitespace().last(), Some(derived.as_str()), "{purpose}");
    }
    let file = File::read(Format::Yaml, block(1).as_bytes().to_vec()).unwrap();
    assert_eq!(opened(&file), block(2));
    let engine = key().over(Cipher::ChaCha20Poly1305);
    let mac = file.metadata.mac.as_deref().unwrap();
    let (sealed, _) = crate::sops::value::parse(mac, Cipher::ChaCha20Poly1305).unwrap();
    let aad = mac::bound_to(Cipher::ChaCha20Poly1305, 'm', "", &file.metadata.modified);
    let digest = engine.open(&aad, &sealed).unwrap();
    assert_eq!(digest.expose(), block(3).trim().as_bytes());
}
