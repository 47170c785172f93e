//! Who can open what, and what everybody else is told.

use age::secrecy::ExposeSecret as _;

use super::*;

fn pair() -> (Identities, Recipient, String) {
    let identity = x25519::Identity::generate();
    let text = identity.to_string().expose_secret().to_owned();
    let recipient = Recipient::parse(&identity.to_public().to_string()).unwrap();
    (Identities(vec![identity]), recipient, text)
}

#[test]
fn each_recipient_can_open_and_nobody_else() {
    let ((alice, to_alice, _), (bob, to_bob, _), (eve, _, _)) = (pair(), pair(), pair());
    let key = DataKey::generate(&mut rand::rng());
    let wrapped = wrap(&key, &[to_alice.clone(), to_bob.clone()]).unwrap();
    for identities in [&alice, &bob] {
        assert_eq!(identities.unwrap(&wrapped).unwrap().expose(), key.expose());
    }
    let recipients = vec![to_alice.text.clone(), to_bob.text.clone()];
    let refused = eve.unwrap(&wrapped).unwrap_err();
    assert_eq!(
        refused,
        Error::NoMatch { identities: eve.recipients(), recipients: recipients.clone() }
    );
    let refused = Identities::default().unwrap(&wrapped).unwrap_err();
    assert_eq!(refused, Error::NoIdentities { recipients });
    assert_eq!(wrap(&key, &[]).unwrap_err(), Error::NoRecipients);
}

#[test]
fn a_copy_under_a_wrong_name_still_opens() {
    let (alice, to_alice, _) = pair();
    let key = DataKey::generate(&mut rand::rng());
    let mut wrapped = wrap(&key, &[to_alice]).unwrap();
    wrapped[0].recipient = "somebody".into();
    assert!(alice.unwrap(&wrapped).is_ok());
}

#[test]
fn a_damaged_copy_says_whose_it_is_and_the_next_one_is_tried() {
    let ((alice, to_alice, _), (bob, to_bob, _)) = (pair(), pair());
    let key = DataKey::generate(&mut rand::rng());
    let mut wrapped = wrap(&key, &[to_alice.clone(), to_bob]).unwrap();
    let lines: Vec<&str> = wrapped[0].enc.lines().collect();
    wrapped[0].enc = [&lines[..2], &lines[3..]].concat().join("\n");
    assert_eq!(alice.unwrap(&wrapped).unwrap_err(), Error::Damaged { recipient: to_alice.text });
    let mut both = alice;
    both.extend(bob);
    assert!(both.unwrap(&wrapped).is_ok());
}

#[test]
fn identity_files_have_comments_and_say_the_line_of_a_mistake() {
    let (_, _, secret) = pair();
    let parse = |text: &str| Identities::parse(&Plaintext::from(text.to_owned()));
    let file = format!("# created: today\n\n{secret}\r\n  {secret}  ");
    assert_eq!(parse(&file).unwrap().recipients().len(), 2);
    #[rustfmt::skip]
    let cases = [
        (format!("{secret}\nage1notanidentity"), "line 2 of the age identities is not an identity; it starts with `AGE-SECRET-KEY-1`"),
        ("AGE-SECRET-KEY-PQ-1XYZ".to_owned(),    "line 1 of the age identities is not an identity; post-quantum"),
        ("AGE-PLUGIN-X-1".to_owned(),            "line 1 of the age identities is not an identity; plugins"),
    ];
    for (text, message) in cases {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn a_private_key_given_as_recipient_is_not_repeated() {
    let (_, _, secret) = pair();
    for text in [secret.clone(), secret.to_lowercase(), format!("x {secret}")] {
        let error = Recipient::parse(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(&text));
    }
    for (text, part) in
        [("ssh-ed25519 AAAA", "SSH"), ("age1pq1xyz", "post-quantum"), ("x", "age-keygen -y")]
    {
        let error = Recipient::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn lists_take_commas_line_breaks_and_a_trailing_comma() {
    let ((_, a, _), (_, b, _)) = (pair(), pair());
    let list = format!("{},\n  {},\n", a.text, b.text);
    let parsed = Recipient::parse_list(&list).unwrap();
    assert_eq!(parsed.iter().map(Recipient::as_str).collect::<Vec<_>>(), [a.as_str(), b.as_str()]);
}
