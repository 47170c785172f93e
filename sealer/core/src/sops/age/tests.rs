//! Who can open what, and what everybody else is told.

use super::*;

fn pair() -> (Identities, Recipient) {
    let text = Identity::generate(&mut rand::rng());
    let identities = Identities::parse(&Plaintext::from(text.to_string())).unwrap();
    let recipient = Recipient::parse(&identities.recipients()[0]).unwrap();
    (identities, recipient)
}

#[test]
fn each_recipient_can_open_and_nobody_else() {
    let ((alice, to_alice), (bob, to_bob), (eve, _)) = (pair(), pair(), pair());
    let key = DataKey::generate(&mut rand::rng());
    let wrapped = wrap(&key, &[to_alice.clone(), to_bob.clone()], &mut rand::rng()).unwrap();
    for identities in [&alice, &bob] {
        assert_eq!(identities.unwrap(&wrapped).unwrap().expose(), key.expose());
    }
    let recipients = vec![to_alice.as_str().to_owned(), to_bob.as_str().to_owned()];
    let refused = eve.unwrap(&wrapped).unwrap_err();
    assert_eq!(
        refused,
        Error::NoMatch { identities: eve.recipients(), recipients: recipients.clone() }
    );
    let refused = Identities::default().unwrap(&wrapped).unwrap_err();
    assert_eq!(refused, Error::NoIdentities { recipients });
    assert_eq!(wrap(&key, &[], &mut rand::rng()).unwrap_err(), Error::NoRecipients);
}

#[test]
fn a_copy_under_a_wrong_name_still_opens() {
    let (alice, to_alice) = pair();
    let key = DataKey::generate(&mut rand::rng());
    let mut wrapped = wrap(&key, &[to_alice], &mut rand::rng()).unwrap();
    wrapped[0].recipient = "somebody".into();
    assert!(alice.unwrap(&wrapped).is_ok());
}

#[test]
fn a_damaged_copy_says_whose_it_is_and_the_next_one_is_tried() {
    let ((alice, to_alice), (bob, to_bob)) = (pair(), pair());
    let key = DataKey::generate(&mut rand::rng());
    let mut wrapped = wrap(&key, &[to_alice.clone(), to_bob], &mut rand::rng()).unwrap();
    let lines: Vec<&str> = wrapped[0].enc.lines().collect();
    wrapped[0].enc = [&lines[..2], &lines[3..]].concat().join("\n");
    let damaged = alice.unwrap(&wrapped).unwrap_err();
    assert!(matches!(damaged, Error::Damaged { recipient, .. } if recipient == to_alice.as_str()));
    let mut both = alice;
    both.extend(bob);
    assert!(both.unwrap(&wrapped).is_ok());
}

#[test]
fn lists_take_commas_line_breaks_and_a_trailing_comma() {
    let ((_, a), (_, b)) = (pair(), pair());
    let list = format!("{},\n  {},\n", a.as_str(), b.as_str());
    let parsed = Recipient::parse_list(&list).unwrap();
    assert_eq!(parsed.iter().map(Recipient::as_str).collect::<Vec<_>>(), [a.as_str(), b.as_str()]);
}
