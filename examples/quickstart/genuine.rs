//! What Partner Center sends.

use std::error::Error;

use partner_center_webhooks::EventName;
use partner_center_webhooks::envelope::SignatureAlgorithm;
use partner_center_webhooks::testing::partner_center::sample_event;
use partner_center_webhooks::testing::{SignedRequest, Signer};

use crate::{Case, Outcome, Section, Verdict};

pub(crate) fn sections(signer: &Signer) -> Result<[Section; 2], Box<dyn Error>> {
    let mut documented = Vec::new();
    for name in EventName::ALL {
        let callback = signer.callback(sample_event(name))?;
        documented.push(accepted(name.as_str(), callback, name));
    }

    let updated = EventName::SubscriptionUpdated;
    let body = sample_event(&updated);
    let again = signer.callback(body.clone())?;
    let with_sha512 = signer.callback_with(SignatureAlgorithm::RsaSha512, body)?;
    let tomorrows = EventName::from("event-of-tomorrow");
    let tomorrow = r#"{"EventName":"event-of-tomorrow","ResourceUri":null,"Added":[1,2]}"#;
    let unusual = vec![
        accepted("the same, delivered again", again.clone(), &updated),
        accepted("signature in `x-ms-signature`", again.in_signature_header(), &updated),
        accepted("algorithm `rsa-sha512`", with_sha512, &updated),
        accepted("an event that is not documented yet", signer.callback(tomorrow)?, &tomorrows),
    ];
    Ok([
        ("Every known event, signed as Partner Center does", documented),
        ("Genuine, and unusual", unusual),
    ])
}

fn accepted(what: &str, callback: SignedRequest, event: &EventName) -> Case {
    Case {
        what: what.to_owned(),
        callback,
        expected: Verdict { status: 200, outcome: Outcome::Event(event.clone()) },
    }
}
