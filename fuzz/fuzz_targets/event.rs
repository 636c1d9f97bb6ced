//! Bodies: an event writes the text that it was read from, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use partner_center_webhooks::Event;

fuzz_target!(|data: &[u8]| {
    let text = format!(
        r#"{{"EventName":"test-created","ResourceUri":{}}}"#,
        String::from_utf8_lossy(data)
    );
    for body in [data, text.as_bytes()] {
        match Event::from_slice(body) {
            Ok(event) => {
                assert_eq!(serde_json::to_vec(&event).unwrap(), body.trim_ascii());
                assert_eq!(serde_json::from_slice::<Event>(body).unwrap(), event);
                assert!(!event.name().as_str().is_empty());
                let parts = (event.resource(), event.audit_id(), event.resource_change_utc_date());
                assert!(!format!("{parts:?}").is_empty());
                assert_eq!(event.extra().count(), event.clone().extra().count());
            }
            Err(error) => {
                assert!(!error.to_string().contains(|character: char| character.is_control()))
            }
        }
    }
});
